//! What happens when GitHub is not well, refuses, or its answer is lost: nothing is.

use std::time::{Duration, Instant};

use ripcord_agent::notify::SinkState;
use ripcord_core::Verdict;

use crate::{
    desk::{Desk, sha},
    support::github::Fault,
    told::{DEPLOYMENTS, STATUS},
};

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_and_nothing_overtakes() {
    let mut desk = Desk::new().await;
    desk.server.fault(Fault::Status(502), 1);
    desk.server.fault(Fault::Garbage, 1);
    let _running = desk.statuses().await;
    desk.deploy(1).await;
    desk.saw("statuses", 1).await;
    desk.steps().await;
    desk.verdict(1, Verdict::Success).await;
    desk.told_all(STATUS).await;
    let lines = desk.lines();
    assert!(lines[0].ends_with("pending being deployed (#1) [502]"), "{lines:#?}");
    assert!(lines.last().unwrap().ends_with("success validated"), "{lines:#?}");
}

#[tokio::test]
async fn a_rate_limit_is_waited_for() {
    let mut desk = Desk::new().await;
    desk.server.fault(Fault::Limit(429, vec![("retry-after", "1".to_owned())]), 1);
    let running = desk.statuses().await;
    let began = Instant::now();
    desk.deploy(1).await;
    running.becomes(|state| matches!(state, SinkState::Waiting { .. })).await;
    desk.told_all(STATUS).await;
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(running.health.borrow().state, SinkState::Working);
}

#[tokio::test]
async fn a_missing_permission_stops_that_sink_only_and_names_it() {
    let mut desk = Desk::new().await;
    desk.server.fault_at("/deployments", Fault::Status(403), usize::MAX);
    let (statuses, deployments) = (desk.statuses().await, desk.deployments().await);
    desk.deploy_live(1).await;
    desk.verdict(1, Verdict::Success).await;
    desk.told_all(STATUS).await;
    let stopped = deployments.becomes(|state| matches!(state, SinkState::Stopped { .. })).await;
    let SinkState::Stopped { why, .. } = stopped else { unreachable!() };
    assert!(why.contains("deployments=write"), "{why}");
    assert_eq!(desk.server.seen_at("/deployments").len(), 1, "it does not try again at once");
    assert_eq!(statuses.health.borrow().state, SinkState::Working);
}

#[tokio::test]
async fn after_a_restart_with_the_right_token_a_stopped_sink_catches_up() {
    let mut desk = Desk::new().await;
    desk.server.accept_tokens(&["renewed"]);
    let running = desk.statuses().await;
    desk.deploy_live(1).await;
    running.becomes(|state| matches!(state, SinkState::Stopped { .. })).await;
    running.kill().await;
    std::fs::write(desk.folder.path().join("token"), "renewed").unwrap();
    let _running = desk.statuses().await;
    desk.told_all(STATUS).await;
    assert_eq!(desk.last(&format!("statuses/{}", sha(1))), "pending live, waiting for CI");
}

#[tokio::test]
async fn a_lost_answer_may_repeat_and_never_loses() {
    let mut desk = Desk::new().await;
    desk.server.fault_at("/deployments", Fault::Closed, 1);
    desk.server.fault_at("/statuses/", Fault::Closed, 1);
    let _running = (desk.statuses().await, desk.deployments().await);
    desk.deploy_live(1).await;
    desk.verdict(1, Verdict::Success).await;
    desk.told_all(STATUS).await;
    desk.told_all(DEPLOYMENTS).await;
    assert_eq!(desk.last(&format!("statuses/{}", sha(1))), "success validated");
    let made = desk.server.seen_at("/deployments");
    let made: Vec<_> = made.iter().filter(|seen| seen.path.ends_with("/deployments")).collect();
    assert_eq!(made.len(), 2, "asked again: {:#?}", desk.lines());
    assert_eq!(desk.last("/statuses"), "success validated");
}

#[tokio::test]
async fn a_commit_that_github_does_not_know_does_not_hold_up_the_next_one() {
    let mut desk = Desk::new().await;
    desk.server.fault_at(&sha(1).to_string(), Fault::Status(422), usize::MAX);
    let _running = desk.statuses().await;
    desk.deploy_live(1).await;
    desk.deploy_live(2).await;
    desk.told_all(STATUS).await;
    assert_eq!(desk.last(&format!("statuses/{}", sha(2))), "pending live, waiting for CI");
}

/// The agent dies with its request at GitHub's door, for each request of a whole story.
#[tokio::test]
async fn a_killed_agent_tells_all_and_does_not_make_a_deployment_again_that_it_knows() {
    for survived in 0..4 {
        let mut desk = Desk::new().await;
        let (statuses, deployments) = (desk.statuses().await, desk.deployments().await);
        desk.deploy(1).await;
        if survived > 0 {
            desk.saw("/deployments/", 1).await;
        }
        if survived > 1 {
            desk.told_all(DEPLOYMENTS).await;
            desk.told_all(STATUS).await;
        }
        desk.server.fault(Fault::Hang, usize::MAX);
        desk.steps().await;
        if survived > 2 {
            desk.verdict(1, Verdict::Success).await;
        }
        statuses.kill().await;
        deployments.kill().await;
        desk.server.be_well();
        let _running = (desk.statuses().await, desk.deployments().await);
        if survived <= 2 {
            desk.verdict(1, Verdict::Success).await;
        }
        desk.told_all(STATUS).await;
        desk.told_all(DEPLOYMENTS).await;
        assert_eq!(desk.last(&format!("statuses/{}", sha(1))), "success validated");
        assert_eq!(desk.last("/statuses"), "success validated");
        if survived > 1 {
            let made = desk.server.seen_at("/deployments");
            let made = made.iter().filter(|seen| seen.path.ends_with("/deployments")).count();
            assert_eq!(made, 1, "{:#?}", desk.lines());
        }
    }
}
