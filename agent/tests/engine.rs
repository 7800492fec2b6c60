//! The engine's own promises, on a scripted world with a real journal: what is written before what is
//! done, who goes on when something breaks, and how long anything may take.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod bounded;
    pub mod fake;
}

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, Instant as WallClock},
};

use ripcord_agent::{
    engine::{Carried, EngineError, Observer, ProbePlan},
    journal::JournalError,
    ports::Sample,
};
use ripcord_core::{
    Answer, DeployRequest, Deployment, Event, Outcome, Phase, Policy, Refusal, Verdict, VerifyWhen,
};
use support::fake::{self, Agent, GRACE, Stage, answered, bounded, plan, request, sha, silent};
use tokio::time::Instant;

fn unverified() -> Policy {
    Policy { when: VerifyWhen::None, ..Policy::default() }
}

async fn stage(agent: &Agent, policy: Policy) -> Stage {
    agent.stage("lab", policy, plan()).await
}

#[tokio::test]
async fn an_intent_is_on_the_disk_before_its_effect_is_performed() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    let number = lab.deploy(1).await;
    assert_eq!(lab.ended(number).await.outcome, Some(Outcome::Validated));
    let intended = [
        ("prepare", Some(Phase::Preparing)),
        ("reset", Some(Phase::Resetting)),
        ("restart", Some(Phase::Restarting)),
    ];
    assert_eq!(lab.world.calls(), intended);
}

#[tokio::test]
async fn what_a_step_tells_is_journaled_before_its_result() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    lab.world.script.prepare_tells.store(700, SeqCst);
    let number = lab.deploy(1).await;
    lab.ended(number).await;
    let kinds = lab.kinds(number).await;
    let result = kinds.iter().position(|kind| *kind == "prepared").unwrap();
    let told = kinds[..result].iter().filter(|kind| **kind == "remarked").count();
    assert_eq!(told, 700);
}

#[tokio::test]
async fn a_verdict_never_overtakes_the_output_that_explains_it() {
    let cases = [(3, Verdict::Success), (3, Verdict::Failure), (700, Verdict::Failure)];
    for (lines, verdict) in cases {
        let agent = Agent::new();
        let lab = stage(&agent, Policy::default()).await;
        lab.world.script.check_tells.store(lines, SeqCst);
        *lab.world.script.verdict.lock().unwrap() = Some(verdict);
        let number = lab.deploy(1).await;
        lab.ended(number).await;
        let kinds = lab.kinds(number).await;
        let said = kinds.iter().position(|kind| *kind == "verdict_received").unwrap();
        let told = kinds[..said].iter().filter(|kind| **kind == "output").count();
        assert_eq!(told, lines, "{verdict:?}");
    }
}

#[tokio::test]
async fn a_step_that_panics_fails_and_the_next_deployment_goes_on() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    lab.world.script.reset_panics.store(true, SeqCst);
    let number = lab.deploy(1).await;
    let lost = lab.ended(number).await;
    assert!(lost.failure.unwrap().message.contains("lost the step"));
    let next = lab.deploy(2).await;
    assert_eq!(lab.ended(next).await.outcome, Some(Outcome::Validated));
}

#[tokio::test(start_paused = true)]
async fn a_source_of_verdicts_that_panics_decides_nothing_and_is_asked_again() {
    let agent = Agent::new();
    let lab = stage(&agent, Policy::default()).await;
    lab.world.script.check_panics.store(2, SeqCst);
    *lab.world.script.verdict.lock().unwrap() = Some(Verdict::Success);
    let number = lab.deploy(1).await;
    assert_eq!(lab.ended(number).await.outcome, Some(Outcome::Validated));
    let verdicts: Vec<Verdict> = lab
        .story(number)
        .await
        .into_iter()
        .filter_map(|record| match record.entry.event {
            Event::VerdictReceived { report, .. } => Some(report.value),
            _ => None,
        })
        .collect();
    assert_eq!(verdicts, [Verdict::Unknown, Verdict::Success]);
}

#[tokio::test]
async fn a_check_that_nobody_waits_for_any_more_is_cut_off() {
    let agent = Agent::new();
    let lab = stage(&agent, Policy::default()).await;
    let number = lab.deploy(1).await;
    lab.until(|state| state.watched_live().is_some()).await;
    let by = request(1).by;
    lab.handle.operator_verdict(sha(1), true, by, "seen".to_owned()).await.unwrap();
    assert_eq!(lab.ended(number).await.outcome, Some(Outcome::Validated));
    bounded(lab.world.cut_off.acquire()).await.unwrap().forget();
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_running_step_for_its_grace_and_no_longer() {
    let mut agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    lab.world.stop_touching();
    lab.deploy(1).await;
    bounded(lab.world.begun.acquire()).await.unwrap().forget();
    let told = Instant::now();
    lab.shutdown.cancel();
    bounded(lab.driver).await.unwrap();
    assert_eq!(told.elapsed().as_secs(), GRACE.as_secs());
    assert_eq!(lab.world.called("shutdown"), 1);

    // A new process: the lock of the one before is gone with it.
    agent.lock = Arc::default();
    let next = stage(&agent, unverified()).await;
    next.until(|state| state.live.is_some()).await;
    assert_eq!(next.world.calls()[0], ("reset", Some(Phase::Resetting)), "it begins with a reset");
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_hangs_ends_in_time_and_nobody_writes_beside_it() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    lab.world.stop_touching();
    let number = lab.deploy(1).await;
    let ended = lab.ended(number).await;
    assert_eq!(ended.outcome, Some(Outcome::Stranded));
    let message = ended.failure.unwrap().message;
    assert!(message.contains("writing the files took longer than"), "{message}");
    assert!(agent.lock.try_lock().is_err(), "it still writes");
    lab.world.script.touching.add_permits(1);
    drop(bounded(agent.lock.lock()).await);
}

#[tokio::test]
async fn a_step_that_ends_within_the_grace_is_journaled_and_nothing_new_begins() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    lab.world.stop_touching();
    let number = lab.deploy(1).await;
    bounded(lab.world.begun.acquire()).await.unwrap().forget();
    lab.shutdown.cancel();
    lab.world.script.touching.add_permits(1);
    bounded(lab.driver).await.unwrap();
    let left = agent.journal.deployment(&lab.handle.name, number).await.unwrap().unwrap();
    assert_eq!(left.phase, Phase::Restarting);
    assert_eq!(lab.world.called("restart"), 0);
}

/// The journal's file, whose event table can be taken away and given back.
fn events(agent: &Agent, from: &str, to: &str) {
    let file = rusqlite::Connection::open(agent.journal_file()).unwrap();
    file.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}")).unwrap();
}

fn is_unwritable(answer: &Result<Answer, EngineError>) -> bool {
    matches!(answer, Err(EngineError::Journal(JournalError::Unwritable(_))))
}

#[tokio::test]
async fn what_cannot_be_journaled_is_refused_and_nothing_is_done() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    events(&agent, "event", "gone");
    assert!(is_unwritable(&lab.handle.deploy(request(1), "", &Carried::Nothing).await));
    assert_eq!(lab.world.calls(), []);
    events(&agent, "gone", "event");
    let number = lab.deploy(1).await;
    assert_eq!((number.0, lab.ended(number).await.outcome), (1, Some(Outcome::Validated)));
}

#[tokio::test]
async fn a_journal_that_fails_midway_stops_the_deployment_but_neither_callers_nor_a_stop() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    lab.world.stop_touching();
    let number = lab.deploy(1).await;
    bounded(lab.world.begun.acquire()).await.unwrap().forget();
    events(&agent, "event", "gone");
    lab.world.script.touching.add_permits(100);
    let answer = bounded(lab.handle.deploy(request(2), "", &Carried::Nothing)).await;
    assert!(is_unwritable(&answer), "{answer:?}");
    assert_eq!(lab.world.called("restart"), 0, "no effect without an intent");
    let told = WallClock::now();
    lab.shutdown.cancel();
    bounded(lab.driver).await.unwrap();
    assert!(told.elapsed() < GRACE, "{:?}", told.elapsed());

    events(&agent, "gone", "event");
    let next = stage(&agent, unverified()).await;
    assert_eq!(next.ended(number).await.outcome, Some(Outcome::Validated));
}

#[tokio::test]
async fn two_environments_on_one_clone_never_touch_it_at_the_same_time() {
    let agent = Agent::new();
    let (first, second) =
        (stage(&agent, unverified()).await, agent.stage("other", unverified(), plan()).await);
    first.world.stop_touching();
    first.world.script.touching.add_permits(1);
    let one = first.deploy(1).await;
    bounded(first.world.begun.acquire_many(2)).await.unwrap().forget();
    let two = second.deploy(1).await;
    let mut appended = agent.journal.appended();
    bounded(async {
        while !second.kinds(two).await.contains(&"remarked") {
            appended.changed().await.unwrap();
        }
    })
    .await;
    assert_eq!(second.world.calls(), [], "the first one is between its reset and its probe");
    first.world.script.touching.add_permits(1);
    assert_eq!(first.ended(one).await.outcome, Some(Outcome::Validated));
    assert_eq!(second.ended(two).await.outcome, Some(Outcome::Validated));
}

/// When the application was looked at, how it ended, and at which attempt it went live.
async fn looks_of(
    samples: Vec<Sample>,
    change: impl FnOnce(&mut ProbePlan),
) -> (Vec<Duration>, Deployment, u32) {
    let agent = Agent::new();
    let mut plan = plan();
    change(&mut plan);
    let lab = agent.stage("lab", unverified(), plan).await;
    *lab.world.script.samples.lock().unwrap() = samples.into();
    let number = lab.deploy(1).await;
    let ended = lab.ended(number).await;
    let attempts = lab.story(number).await.into_iter().find_map(|it| match it.entry.event {
        Event::WentLive { attempts, .. } => Some(attempts),
        _ => None,
    });
    let looks = lab.world.looks.lock().unwrap().clone();
    let since_first = looks.iter().map(|look| look.duration_since(looks[0])).collect();
    (since_first, ended, attempts.unwrap_or_default())
}

fn seconds(list: &[u64]) -> Vec<Duration> {
    list.iter().map(|seconds| Duration::from_secs(*seconds)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_application_that_still_starts_is_live_soon_after_it_answers() {
    let samples = vec![silent(), silent(), silent()];
    let (looks, ended, attempts) = looks_of(samples, |_| {}).await;
    assert_eq!((ended.outcome, attempts), (Some(Outcome::Validated), 1));
    let millis: Vec<u128> = looks.iter().map(Duration::as_millis).collect();
    assert_eq!(millis, [0, 5, 15, 35]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_ends_the_attempt_and_the_attempts_end_the_deployment() {
    let (looks, ended, _) = looks_of(vec![answered(500); 3], |_| {}).await;
    assert_eq!(looks, seconds(&[0, 10, 20]));
    let message = ended.failure.unwrap().message;
    assert!(message.contains("after 3 tries: HTTP 500"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn failures_within_the_grace_do_not_count() {
    let (looks, ended, attempts) = looks_of(vec![answered(500); 5], |plan| {
        plan.attempts = 1;
        plan.grace = Duration::from_secs(45);
    })
    .await;
    assert_eq!((ended.outcome, attempts), (Some(Outcome::Validated), 6));
    assert_eq!(looks, seconds(&[0, 10, 20, 30, 40, 50]));
}

#[tokio::test(start_paused = true)]
async fn so_many_good_answers_in_a_row_are_asked_for() {
    let samples = vec![answered(200), answered(500), answered(200), answered(200)];
    let (looks, ended, attempts) = looks_of(samples, |plan| plan.successes = 2).await;
    assert_eq!((ended.outcome, attempts), (Some(Outcome::Validated), 4));
    assert_eq!(looks, seconds(&[0, 10, 20, 30]));
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_hangs_is_a_failed_attempt() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    lab.world.script.health_hangs.store(true, SeqCst);
    let number = lab.deploy(1).await;
    let message = lab.ended(number).await.failure.unwrap().message;
    assert!(message.contains("the runtime did not say within 10s"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn status_says_not_known_rather_than_waiting_and_many_callers_cost_one_look() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    let observer = Observer::new(&fake::parts(&lab.world, plan(), agent.lock.clone()));
    let (one, two) = tokio::join!(observer.look(sha(1)), observer.look(sha(1)));
    assert_eq!(one, two);
    assert_eq!(lab.world.looks.lock().unwrap().len(), 1);
    lab.world.script.health_hangs.store(true, SeqCst);
    tokio::time::advance(Duration::from_secs(1)).await;
    let asked = Instant::now();
    assert_eq!(observer.look(sha(1)).await.health, None);
    assert_eq!(asked.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_repeated_request_joins_also_after_its_end_and_a_foreign_one_is_refused() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    let named = |index| {
        let request_id = Some("run-7".parse().unwrap());
        DeployRequest { request_id, redeploy: true, ..request(index) }
    };
    let Ok(Answer::Admitted(number)) = lab.handle.deploy(named(1), "", &Carried::Nothing).await
    else {
        panic!()
    };
    lab.ended(number).await;
    lab.shutdown.cancel();
    bounded(lab.driver).await.unwrap();
    let lab = stage(&agent, unverified()).await;
    assert_eq!(
        lab.handle.deploy(named(1), "", &Carried::Nothing).await.unwrap(),
        Answer::Joined(number)
    );
    let taken = Answer::Refused(Refusal::RequestIdTaken { deployment: number });
    assert_eq!(lab.handle.deploy(named(2), "", &Carried::Nothing).await.unwrap(), taken);
}

#[tokio::test]
async fn a_repository_is_tidied_when_all_has_ended_and_a_deployment_does_not_wait_for_it() {
    let agent = Agent::new();
    let lab = stage(&agent, unverified()).await;
    bounded(lab.world.tidying.acquire()).await.unwrap().forget();
    let number = lab.deploy(1).await;
    bounded(lab.world.untidied.acquire()).await.unwrap().forget();
    assert_eq!(lab.world.tidying.available_permits(), 0, "not while something is going on");
    lab.ended(number).await;
    bounded(lab.world.tidying.acquire()).await.unwrap().forget();
}
