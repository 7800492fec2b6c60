//! The time after going live in which failing health undoes a deployment. Time is paused.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use ripcord_agent::ports::Sample;
use ripcord_core::{Deployment, DeploymentNumber, Outcome, Phase, Policy, VerifyWhen};

use crate::support::fake::{Agent, Stage, plan, sha, silent};

const FIVE_MINUTES: u64 = 5 * 60 * 1000;

fn policy() -> Policy {
    Policy { when: VerifyWhen::None, bake_ms: FIVE_MINUTES, ..Policy::default() }
}

async fn baking(stage: &Stage, number: DeploymentNumber) {
    stage.until(|state| state.bakes().any(|(baking, _)| baking == number)).await;
}

fn answers(stage: &Stage, samples: impl IntoIterator<Item = Sample>) {
    stage.world.script.samples.lock().unwrap().extend(samples);
}

/// Something validated is live.
async fn settled(agent: &Agent) -> Stage {
    let stage = agent.stage("prod", policy(), plan()).await;
    let number = stage.deploy(1).await;
    assert_eq!(stage.ended(number).await.outcome, Some(Outcome::Validated));
    stage
}

async fn second(stage: &Stage) -> Deployment {
    let number = stage.deploy(2).await;
    baking(stage, number).await;
    assert_eq!(stage.handle.deployment(number).await.unwrap().phase, Phase::Watching);
    assert_eq!(stage.handle.state.borrow().newest_validated().unwrap().sha, sha(1));
    stage.handle.deployment(number).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_stays_healthy_is_validated_when_the_time_is_over_and_not_before() {
    let stage = settled(&Agent::new()).await;
    let began = tokio::time::Instant::now();
    let deployment = second(&stage).await;
    answers(&stage, [silent(), silent()]);
    let ended = stage.ended(deployment.number).await;
    assert_eq!(ended.outcome, Some(Outcome::Validated), "two bad looks are no three");
    assert!(began.elapsed() >= Duration::from_millis(FIVE_MINUTES), "{:?}", began.elapsed());
    assert_eq!(stage.handle.state.borrow().newest_validated().unwrap().sha, sha(2));
}

#[tokio::test(start_paused = true)]
async fn an_application_that_dies_while_it_bakes_is_rolled_back() {
    let stage = settled(&Agent::new()).await;
    let deployment = second(&stage).await;
    answers(&stage, [silent(), silent(), silent()]);
    let ended = stage.ended(deployment.number).await;
    assert_eq!(ended.outcome, Some(Outcome::RolledBack), "{ended:?}");
    let state = stage.handle.state.borrow().clone();
    assert_eq!(state.live.unwrap().sha, sha(1));
    assert!(stage.kinds(ended.number.next()).await.contains(&"went_live"));
}

#[tokio::test(start_paused = true)]
async fn a_bake_goes_on_where_it_was_when_the_agent_starts_again() {
    let agent = Agent::new();
    let stage = settled(&agent).await;
    let deployment = second(&stage).await;
    stage.shutdown.cancel();
    stage.driver.await.unwrap();

    let again = agent.stage("prod", policy(), plan()).await;
    baking(&again, deployment.number).await;
    assert_eq!(again.world.called("reset"), 0, "what is live is left alone");
    answers(&again, [silent(), silent(), silent()]);
    let ended = again.ended(deployment.number).await;
    assert_eq!(ended.outcome, Some(Outcome::RolledBack), "{ended:?}");
    assert_eq!(again.handle.state.borrow().live.unwrap().sha, sha(1));
}

#[tokio::test(start_paused = true)]
async fn a_bake_that_the_restarted_agent_finds_healthy_ends_well() {
    let agent = Agent::new();
    let stage = settled(&agent).await;
    let deployment = second(&stage).await;
    stage.shutdown.cancel();
    stage.driver.await.unwrap();
    let again = agent.stage("prod", policy(), plan()).await;
    assert_eq!(again.ended(deployment.number).await.outcome, Some(Outcome::Validated));
    assert!(!again.world.script.health_hangs.load(SeqCst));
}
