//! What the monitor promises: an outage is believed, told once, and its end told once, whatever the
//! application does meanwhile. Time is paused, the world is scripted, driver and journal are real.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod bounded;
    pub mod fake;
}

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use ripcord_agent::{
    config,
    engine::{Clock, Monitor},
    ports::Sample,
};
use ripcord_core::{EnvironmentName, Event, Phase, Policy, Sequence, VerifyWhen};
use support::fake::{Agent, Stage, answered, bounded, plan, silent};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// An environment in which something is live.
async fn live(agent: &Agent) -> Stage {
    let policy = Policy { when: VerifyWhen::None, monitored: true, ..Policy::default() };
    let lab = agent.stage("lab", policy, plan()).await;
    let number = lab.deploy(1).await;
    lab.ended(number).await;
    lab.world.looks.lock().unwrap().clear();
    lab
}

/// Lets the application answer so from the next look on, and well afterwards.
fn answers(lab: &Stage, samples: impl IntoIterator<Item = Sample>) {
    lab.world.script.samples.lock().unwrap().extend(samples);
}

fn monitor(lab: &Stage, turns: config::Monitor) {
    let monitor = Monitor::new(lab.handle.clone(), turns, plan().interval, Clock::system());
    tokio::spawn(monitor.run(lab.shutdown.clone()));
}

fn every(lab: &Stage, period: Duration) {
    monitor(lab, config::Monitor::Every(period));
}

/// When it was looked at, after the first look.
fn looks(lab: &Stage) -> Vec<Duration> {
    let looks: Vec<Instant> = lab.world.looks.lock().unwrap().clone();
    looks.iter().map(|look| look.duration_since(looks[0])).collect()
}

/// Waits until so many looks were taken.
async fn looked(lab: &Stage, times: usize) {
    bounded(async {
        while lab.world.looks.lock().unwrap().len() < times {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
}

async fn outages(agent: &Agent) -> Vec<Event> {
    let name: EnvironmentName = "lab".parse().unwrap();
    let records = agent.journal.after(Sequence(0), 1000).await.unwrap();
    let is_its = |event: &Event| matches!(event.name(), "went_down" | "came_back");
    let events = records.into_iter().filter(|it| it.environment == name).map(|it| it.entry.event);
    events.filter(is_its).collect()
}

fn is_down(state: &ripcord_core::Environment) -> bool {
    state.monitored.is_some_and(|it| it.down_since.is_some())
}

#[tokio::test(start_paused = true)]
async fn seed_defect_22_no_recovery_message_and_hourly_repeats_while_down() {
    let agent = Agent::new();
    let lab = live(&agent).await;
    // An afternoon without the application, looked at every hour.
    answers(&lab, vec![silent(); 3 * 200]);
    every(&lab, HOUR);
    lab.until(|state| is_down(state)).await;
    lab.until(|state| !is_down(state)).await;
    let looks = looks(&lab);
    let told = outages(&agent).await;
    let [Event::WentDown { wrong_content: false, .. }, Event::CameBack { down_ms }] = &told[..]
    else {
        panic!("{told:?}")
    };
    let seen = looks[looks.len() - 1] - looks[2];
    assert!(seen > 4 * HOUR, "{seen:?}");
    assert_eq!(Duration::from_millis(*down_ms).as_secs(), seen.as_secs());
}

#[tokio::test(start_paused = true)]
async fn one_lost_answer_is_no_outage_and_two_are_none_either() {
    let agent = Agent::new();
    let lab = live(&agent).await;
    answers(&lab, [silent(), answered(200), silent(), answered(502), answered(200)]);
    answers(&lab, vec![silent(); 3]);
    every(&lab, HOUR);
    lab.until(|state| is_down(state)).await;
    let seconds: Vec<u64> = looks(&lab).iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [0, 10, 3610, 3620, 3630, 7230, 7240, 7250]);
    assert_eq!(outages(&agent).await.len(), 1, "only three in a row are one");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_somebody_else_is_wrong_content_and_not_silence() {
    let agent = Agent::new();
    let lab = live(&agent).await;
    let detail = "the body does not contain \"Mangetamain\"".to_owned();
    let foreign = Sample { ok: false, wrong_content: true, detail, ..answered(200) };
    answers(&lab, vec![foreign.clone(); 3]);
    every(&lab, HOUR);
    lab.until(|state| is_down(state)).await;
    let (status, detail) = (Some(200), foreign.detail);
    let told = Event::WentDown { status, wrong_content: true, detail };
    assert_eq!(outages(&agent).await, [told]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_says_it_is_ill_is_down_although_its_page_answers() {
    let agent = Agent::new();
    let lab = live(&agent).await;
    lab.world.script.health_hangs.store(true, SeqCst);
    every(&lab, HOUR);
    lab.until(|state| is_down(state)).await;
    let told = outages(&agent).await;
    let [Event::WentDown { detail, .. }] = &told[..] else { panic!("{told:?}") };
    assert!(detail.contains("the runtime did not say"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_is_found_by_the_hour_is_measured_by_the_minute() {
    let agent = Agent::new();
    let lab = live(&agent).await;
    answers(&lab, vec![silent(); 4]);
    every(&lab, HOUR);
    lab.until(|state| is_down(state)).await;
    lab.until(|state| !is_down(state)).await;
    let seconds: Vec<u64> = looks(&lab).iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [0, 10, 20, 80, 90]);
}

#[tokio::test(start_paused = true)]
async fn a_cron_expression_is_followed_in_local_time() {
    let agent = Agent::new();
    let lab = live(&agent).await;
    let clock = Clock::system();
    answers(&lab, [answered(200), answered(200), silent(), silent(), silent()]);
    monitor(&lab, config::Monitor::Cron(Box::new("0 * * * *".parse().unwrap())));
    lab.until(|state| is_down(state)).await;
    let first = lab.world.looks.lock().unwrap()[0];
    let since_first = i64::try_from(first.elapsed().as_millis()).unwrap();
    let local = jiff::Timestamp::from_millisecond(clock.now().0 - since_first).unwrap();
    let local = local.to_zoned(jiff::tz::TimeZone::system());
    assert_eq!((local.minute(), local.second()), (0, 0), "{local}");
    let hours: Vec<u64> = looks(&lab).iter().map(|look| look.as_secs() / 3600).collect();
    assert_eq!(hours[..3], [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_while_files_are_written_and_a_stranded_place_is_looked_at_again() {
    let agent = Agent::new();
    let lab = live(&agent).await;
    lab.world.stop_touching();
    lab.deploy(2).await;
    lab.until(|state| state.active_deployment().is_some_and(|it| it.phase == Phase::Resetting))
        .await;
    let begun = Instant::now();
    every(&lab, MINUTE);
    answers(&lab, vec![silent(); 3]);
    // Both resets hang for as long as they may.
    lab.until(|state| state.stranded.is_some()).await;
    lab.until(|state| is_down(state)).await;
    let unseen = lab.world.looks.lock().unwrap()[0] - begun;
    assert!(unseen > HOUR, "{unseen:?}");
    lab.until(|state| !is_down(state)).await;
    let names: Vec<_> = outages(&agent).await.iter().map(Event::name).collect();
    assert_eq!(names, ["went_down", "came_back"]);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_a_restart_disturbs_is_begun_anew_after_it() {
    let agent = Agent::new();
    let lab = live(&agent).await;
    answers(&lab, [silent(), silent()]);
    lab.world.stop_touching();
    every(&lab, MINUTE);
    looked(&lab, 1).await;
    let number = lab.deploy(2).await;
    lab.until(|state| state.is_touched()).await;
    lab.world.script.touching.add_permits(2);
    lab.ended(number).await;
    looked(&lab, 5).await;
    assert_eq!(outages(&agent).await, []);
}
