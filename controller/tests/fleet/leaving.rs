//! Ctrl-C while nothing is asked for yet: nothing begins anywhere, and nothing else is said.

use std::sync::atomic::Ordering;

use serde_json::json;
use tokio::process::{Child, Command};

use super::{
    Fleet,
    script::{deploy, ended, start, until},
    stage::{
        SHA, Said,
        agent::{Act, Call},
    },
};

/// Types Ctrl-C.
async fn left(child: Child) -> Said {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    ended(child).await
}

#[tokio::test]
async fn whoever_leaves_before_the_agent_is_reached_changed_nothing() {
    let mut fleet = Fleet::new();
    let came = fleet.hanging("a").await;
    let _b = fleet.agent("b", &["preprod"]).await;
    for (at, arguments) in [
        &["deploy", "preprod@a", "--sha", SHA, "--json"][..],
        &["deploy", "preprod@a", "--sha", SHA, "--dry-run", "--json"],
        &["rollback", "preprod@a", "--yes", "--json"],
    ]
    .into_iter()
    .enumerate()
    {
        let child = start(fleet.stage.bare(arguments));
        until("it connects", || came.load(Ordering::SeqCst) > at).await;
        let said = left(child).await;
        assert_eq!(said.code, 130, "{arguments:?}: {}", said.stderr);
        let object = said.json();
        let told = [&object["outcome"], &object["error"], &object["reason"]];
        assert_eq!(told, ["error", "DETACHED", "nothing was changed"], "{arguments:?}");
    }
}

#[tokio::test]
async fn whoever_leaves_a_plan_changed_nothing_and_whoever_leaves_a_request_is_told_its_id() {
    let mut fleet = Fleet::new();
    let silent = || Act::TellAndHang(vec![]);
    let a = fleet.playing("a", vec![silent(), silent()]).await;
    let _b = fleet.agent("b", &["preprod"]).await;
    let plan = ["deploy", "preprod@a", "--sha", SHA, "--dry-run", "--json"];
    let child = start(fleet.stage.bare(&plan));
    until("it asks", || a.calls().len() == 1).await;
    let said = left(child).await;
    assert_eq!((said.code, &said.json()["reason"]), (130, &json!("nothing was changed")));
    let request = ["deploy", "preprod@a", "--sha", SHA, "--request-id", "run-7", "--json"];
    let child = start(fleet.stage.bare(&request));
    until("it asks again", || matches!(a.calls().get(1), Some(Call::Deploy(_)))).await;
    let said = left(child).await;
    assert_eq!((said.code, &said.json()["outcome"]), (130, &json!("pending")));
    assert!(said.stderr.contains("repeat it with --request-id run-7"), "{}", said.stderr);
}

#[tokio::test]
async fn ctrl_c_while_agents_plan_leaves_them_all_and_asks_no_other() {
    let mut fleet = Fleet::new();
    let mut came = Vec::new();
    for number in 0..40 {
        came.push(fleet.hanging(&format!("vm{number}")).await);
    }
    let all = || came.iter().map(|came| came.load(Ordering::SeqCst)).sum::<usize>();
    let child = start(fleet.stage.bare(&deploy("all", &["--json"])));
    until("the first ones are asked", || all() == 32).await;
    let said = left(child).await;
    assert_eq!((said.code, all()), (130, 32), "{}", said.stderr);
    let object = said.json();
    assert_eq!((&object["reason"], &object["agents"]), (&json!("nothing was changed"), &json!([])));
}
