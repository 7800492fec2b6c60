//! Time as the engine keeps it: deadlines are of this machine's uptime, not of its wall clock, which
//! people and time servers set.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod bounded;
    pub mod fake;
}

use std::time::{Duration, Instant as WallClock};

use ripcord_agent::engine::Clock;
use ripcord_core::{OnDeadline, Outcome, Phase, Policy, Timestamp};
use support::fake::{Agent, plan};
use tokio::time::{Instant, advance};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test(start_paused = true)]
async fn a_deadline_comes_after_an_hour_of_uptime_while_the_wall_clock_stands_still() {
    let agent = Agent::new();
    let policy = Policy { on_deadline: OnDeadline::Keep, ..Policy::default() };
    let lab = agent.stage("lab", policy, plan()).await;
    let wall = WallClock::now();
    let number = lab.deploy(1).await;
    lab.until(|state| state.open.get(&number).is_some_and(|it| it.phase == Phase::Watching)).await;
    let watching = Instant::now();
    let ended = lab.ended(number).await;
    assert_eq!(ended.outcome, Some(Outcome::Live), "{ended:?}");
    assert!(watching.elapsed() >= HOUR);
    // By the engine's clock: paused time also jumps while the journal's thread writes the end down.
    let (live, finished) = (ended.live_at.unwrap(), ended.finished_at.unwrap());
    let watched = Duration::from_millis(finished.since(live));
    assert!((HOUR..HOUR + Duration::from_secs(5)).contains(&watched), "{watched:?}");
    assert!(wall.elapsed() < HOUR / 2, "the wall clock is an hour behind by now");
}

#[tokio::test(start_paused = true)]
async fn clocks_that_started_an_hour_apart_measure_the_same_time() {
    let started = 10 * i64::try_from(HOUR.as_millis()).unwrap();
    let clocks = [-1, 0, 1].map(|hours| {
        let wall = Timestamp(started + hours * i64::try_from(HOUR.as_millis()).unwrap());
        (wall, Clock::starting_at(wall))
    });
    advance(HOUR / 2).await;
    for (wall, clock) in clocks {
        let passed = clock.now().since(wall);
        assert_eq!(u128::from(passed), (HOUR / 2).as_millis());
        let due = clock.instant_of(wall.plus(u64::try_from(HOUR.as_millis()).unwrap()));
        assert!((due - Instant::now()).abs_diff(HOUR / 2) < Duration::from_millis(5));
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_verdict_is_awaited_the_agent_notes_that_it_is_alive() {
    let agent = Agent::new();
    // Nothing else is journaled meanwhile: no notice, no deadline.
    let never = 1_000_000_000_000; // ms, 31 years
    let policy = Policy { notice_after_ms: never, deadline_ms: never, ..Policy::default() };
    let lab = agent.stage("lab", policy, plan()).await;
    let number = lab.deploy(1).await;
    lab.until(|state| state.open.get(&number).is_some_and(|it| it.phase == Phase::Watching)).await;
    let name = "lab".parse().unwrap();
    let noted = agent.journal.alive_until(&name).await.unwrap().unwrap();
    advance(Duration::from_secs(60)).await;
    let deadline = WallClock::now() + Duration::from_secs(10);
    let alive = loop {
        let alive = agent.journal.alive_until(&name).await.unwrap().unwrap();
        if alive > noted {
            break alive;
        }
        assert!(WallClock::now() < deadline, "nothing was noted");
        tokio::task::yield_now().await;
    };
    // Not by what ends the wait. How many notes are skipped over is up to the journal's thread: paused
    // time jumps from note to note while that thread works.
    assert!(alive.since(noted) < never / 2, "{alive:?} after {noted:?}");
}
