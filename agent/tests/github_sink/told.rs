//! What arrives when GitHub is well.

use ripcord_agent::notify::SinkState;
use ripcord_core::Verdict;
use serde_json::json;

use crate::desk::{Desk, sha};

pub(crate) const STATUS: &str = "github.commit_status";
pub(crate) const DEPLOYMENTS: &str = "github.deployments";

/// Number 1 is validated, number 2 red and rolled back.
async fn good_and_red(desk: &mut Desk) {
    desk.deploy_live(1).await;
    desk.verdict(1, Verdict::Success).await;
    desk.deploy_live(2).await;
    desk.verdict(2, Verdict::Failure).await;
    desk.steps().await;
}

#[tokio::test]
async fn a_red_commit_is_told_in_order_on_both_commits_and_nothing_twice() {
    let mut desk = Desk::new().await;
    let running = desk.statuses().await;
    desk.in_step_with = Some(STATUS);
    good_and_red(&mut desk).await;
    let text = desk.lines().join("\n");
    insta::assert_snapshot!(text);
    let body = desk.server.seen_at(&sha(2).to_string()).pop().unwrap().body;
    assert_eq!(body["context"], "ripcord/lab");
    assert_eq!(body["target_url"], "https://ci.example/7");
    assert_eq!(running.health.borrow().state, SinkState::Working);
}

#[tokio::test]
async fn each_deployment_is_made_once_and_only_the_newest_seems_to_run() {
    let mut desk = Desk::new().await;
    let _running = desk.deployments().await;
    desk.in_step_with = Some(DEPLOYMENTS);
    good_and_red(&mut desk).await;
    let text = desk.lines().join("\n");
    insta::assert_snapshot!(text);
    let made = desk.server.seen_at("/deployments")[0].body.clone();
    let expected = json!({
        "ref": sha(1).to_string(),
        "environment": "lab",
        "description": "ripcord deploy #1",
        "payload": { "ripcord": { "deployment": 1, "kind": "deploy" } },
        "production_environment": false,
        "transient_environment": false,
        "auto_merge": false,
        "required_contexts": [],
    });
    assert_eq!(made, expected);
    let status = desk.server.seen_at("/statuses")[0].body.clone();
    assert_eq!(status["environment_url"], "https://lab.example/");
    assert_eq!(status["auto_inactive"], false);
}

#[tokio::test]
async fn a_reader_that_was_away_tells_what_is_so_and_not_each_step_that_was() {
    let mut desk = Desk::new().await;
    let (statuses, deployments) = (desk.statuses().await, desk.deployments().await);
    statuses.kill().await;
    deployments.kill().await;
    desk.deploy_live(1).await;
    desk.verdict(1, Verdict::Success).await;
    desk.deploy_live(2).await;
    let _running = (desk.statuses().await, desk.deployments().await);
    desk.told_all(STATUS).await;
    desk.told_all(DEPLOYMENTS).await;
    assert_eq!(desk.last(&format!("statuses/{}", sha(1))), "success validated");
    assert_eq!(desk.last(&format!("statuses/{}", sha(2))), "pending live, waiting for CI");
    let seen = desk.server.seen();
    let statuses = seen.iter().filter(|seen| !seen.path.contains("/deployments"));
    assert_eq!(statuses.count(), 2, "{:#?}", desk.lines());
    assert_eq!(desk.server.seen_at("/deployments/").len(), 3, "{:#?}", desk.lines());
}

#[tokio::test]
async fn a_failed_redeployment_that_touched_nothing_leaves_the_live_commit_validated() {
    let mut desk = Desk::new().await;
    let _running = desk.statuses().await;
    desk.deploy_live(1).await;
    desk.verdict(1, Verdict::Success).await;
    desk.deploy(1).await;
    desk.told_all(STATUS).await;
    assert_eq!(desk.last(&format!("statuses/{}", sha(1))), "pending being deployed (#2)");
    desk.fail_step().await;
    desk.told_all(STATUS).await;
    assert_eq!(desk.last(&format!("statuses/{}", sha(1))), "success validated");
}

#[tokio::test]
async fn the_word_of_an_older_deployment_does_not_overwrite_the_newer_one_of_its_commit() {
    let mut desk = Desk::new().await;
    let _running = desk.statuses().await;
    desk.deploy_live(1).await;
    desk.deploy_live(2).await;
    desk.deploy_live(1).await;
    desk.verdict(3, Verdict::Success).await;
    desk.told_all(STATUS).await;
    assert_eq!(desk.last(&format!("statuses/{}", sha(1))), "success validated");
    desk.verdict(1, Verdict::Failure).await;
    desk.told_all(STATUS).await;
    assert_eq!(desk.last(&format!("statuses/{}", sha(1))), "success validated");
}
