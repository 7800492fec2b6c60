//! The time after going live in which failing health undoes a deployment.

use std::time::Duration;

use ripcord_agent::{engine::ProbePlan, ports::Sample};
use ripcord_core::{DeploymentNumber, Outcome, Phase, Policy, VerifyWhen};

use crate::support::fake::{Agent, Stage, answered, plan, sha, silent};

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

fn policy(bake: Duration) -> Policy {
    let bake_ms = u64::try_from(bake.as_millis()).unwrap();
    Policy { when: VerifyWhen::None, bake_ms, ..Policy::default() }
}

fn answers(stage: &Stage, samples: impl IntoIterator<Item = Sample>) {
    stage.world.script.samples.lock().unwrap().extend(samples);
}

/// Something validated is live.
async fn settled(agent: &Agent, bake: Duration, plan: ProbePlan) -> Stage {
    let stage = agent.stage("prod", policy(bake), plan).await;
    let number = stage.deploy(1).await;
    assert_eq!(stage.ended(number).await.outcome, Some(Outcome::Validated));
    stage
}

async fn baking(stage: &Stage, number: DeploymentNumber) {
    stage.until(|state| state.bakes().any(|(baking, _)| baking == number)).await;
}

#[tokio::test(start_paused = true)]
async fn what_stays_healthy_is_validated_when_the_time_is_over_and_not_before() {
    let stage = settled(&Agent::new(), FIVE_MINUTES, plan()).await;
    let began = tokio::time::Instant::now();
    answers(&stage, [answered(200), silent(), silent(), answered(200), silent(), silent()]);
    let number = stage.deploy(2).await;
    baking(&stage, number).await;
    let ended = stage.ended(number).await;
    assert_eq!(ended.outcome, Some(Outcome::Validated), "two bad looks are no three");
    assert!(began.elapsed() >= FIVE_MINUTES, "{:?}", began.elapsed());
    let kinds = stage.kinds(number).await;
    let at = |kind| kinds.iter().position(|found| *found == kind).unwrap();
    assert!(at("went_live") < at("bake_began") && at("bake_began") < at("baked"), "{kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn an_application_that_dies_while_it_bakes_is_rolled_back() {
    let stage = settled(&Agent::new(), FIVE_MINUTES, plan()).await;
    answers(&stage, [answered(200), answered(200), silent(), silent(), silent()]);
    let number = stage.deploy(2).await;
    let ended = stage.ended(number).await;
    assert_eq!(ended.outcome, Some(Outcome::RolledBack), "{ended:?}");
    let state = stage.handle.state.borrow().clone();
    assert_eq!(state.live.unwrap().sha, sha(1));
    assert_eq!(state.newest_validated().unwrap().sha, sha(1));
    assert!(stage.kinds(number.next()).await.contains(&"went_live"), "the rollback is healthy");
}

/// A second deployment whose agent ends while it bakes, and the agent that comes after it.
async fn restarted_in_a_bake(
    bake: Duration,
    then: Vec<Sample>,
) -> (Agent, Stage, DeploymentNumber) {
    let agent = Agent::new();
    let first = agent.stage("prod", policy(Duration::ZERO), quick()).await;
    let number = first.deploy(1).await;
    first.ended(number).await;
    first.shutdown.cancel();
    first.driver.await.unwrap();
    let stage = agent.stage("prod", policy(bake), quick()).await;
    let number = stage.deploy(2).await;
    baking(&stage, number).await;
    stage.shutdown.cancel();
    stage.driver.await.unwrap();
    let left = stage.handle.deployment(number).await.unwrap();
    assert_eq!((left.phase, left.outcome), (Phase::Watching, None), "it still bakes");

    let again = agent.stage("prod", policy(bake), quick()).await;
    answers(&again, then);
    (agent, again, number)
}

fn quick() -> ProbePlan {
    ProbePlan { interval: Duration::from_millis(10), ..plan() }
}

#[tokio::test]
async fn an_agent_that_starts_within_a_bake_still_undoes_what_dies() {
    let (_agent, again, number) =
        restarted_in_a_bake(FIVE_MINUTES, vec![silent(), silent(), silent()]).await;
    let ended = again.ended(number).await;
    assert_eq!(ended.outcome, Some(Outcome::RolledBack), "{ended:?}");
    assert_eq!(again.handle.state.borrow().live.unwrap().sha, sha(1));
    assert_eq!(again.world.called("reset"), 1, "only the way back touches anything");
}

#[tokio::test]
async fn an_agent_that_starts_within_a_bake_ends_it_well() {
    let (_agent, again, number) = restarted_in_a_bake(Duration::from_millis(1200), vec![]).await;
    assert_eq!(again.ended(number).await.outcome, Some(Outcome::Validated));
    assert_eq!(again.world.called("reset"), 0, "what is live is left alone");
}
