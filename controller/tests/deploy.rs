//! What `deploy`, `rollback` and `watch` promise to scripts: one result, its shape and its code.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use ripcord_proto::v1::{self, Outcome, Phase, Severity, progress::Item};
use serde_json::json;
use stage::{
    OLD_SHA, SHA, Stage, admitted,
    agent::{Act, Agent, Call, refusal},
    event, result, rolled_back, said,
};

fn ends_with(result: v1::Result) -> Act {
    let told = event(1, Phase::Preparing, "fetching the commit");
    Act::Tell(vec![admitted(), Item::Event(told), Item::Result(result)])
}

#[tokio::test]
async fn every_outcome_ends_with_its_own_exit_code() {
    let stage = Stage::new();
    let table: [(v1::Result, &[&str], i32, &str); 9] = [
        (result(Outcome::Validated), &[], 0, "validated"),
        (result(Outcome::Live), &["--wait", "live"], 0, "live"),
        (result(Outcome::Pending), &["--wait", "none"], 0, "pending"),
        (result(Outcome::Failed), &[], 3, "failed"),
        (result(Outcome::Refused), &[], 6, "refused"),
        (rolled_back(), &[], 7, "rolled_back"),
        (result(Outcome::Superseded), &[], 0, "superseded"),
        (result(Outcome::Superseded), &["--fail-on", "superseded"], 9, "superseded"),
        (result(Outcome::Stranded), &[], 20, "stranded"),
    ];
    let acts = table.iter().map(|(result, ..)| ends_with(result.clone())).collect();
    let agent = Agent::start(&stage, acts).await;
    for (_, flags, code, outcome) in table {
        let mut command =
            stage.operator(agent.port, &["deploy", "preprod", "--json", "--sha", SHA]);
        command.args(flags);
        let said = said(command).await;
        assert_eq!(
            (said.code, &said.json()["outcome"]),
            (code, &json!(outcome)),
            "{}",
            said.stderr
        );
        assert_eq!(said.json()["exit_code"], code);
    }
}

#[tokio::test]
async fn the_result_of_a_rolled_back_deployment_has_the_documented_shape() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![ends_with(rolled_back())]).await;
    let command = stage.operator(agent.port, &["deploy", "preprod", "--json", "--sha", SHA]);
    let expected = json!({
        "schema": "ripcord/v1/result",
        "command": "deploy",
        "outcome": "rolled_back",
        "exit_code": 7,
        "environment": "preprod",
        "deployment": 142,
        "sha": SHA,
        "previous": { "deployment": 141, "sha": OLD_SHA },
        "live": { "deployment": 143, "sha": OLD_SHA },
        "verdict": { "value": "failure", "url": "https://ci.example/7", "jobs": ["lint › flake8"] },
        "reason": "CI failed",
        "error": null,
        "timings_ms": { "total": 42_100 },
        "backup": null,
        "undo": null,
    });
    assert_eq!(said(command).await.json(), expected);
}

#[tokio::test]
async fn refusals_name_their_reason_and_exit_with_6_and_bad_requests_with_2() {
    let stage = Stage::new();
    let reasons = [
        ("HELD", 6),
        ("QUARANTINED", 6),
        ("OVERRIDE_WITHOUT_REASON", 6),
        ("OLDER_THAN_LIVE", 6),
        ("ROLLBACK_PENDING", 6),
        ("NO_ROLLBACK_POINT", 6),
        ("CONFIRMATION", 6),
        ("UNAVAILABLE_FEATURE", 6),
        ("UNKNOWN_COMMIT", 6),
        ("UNKNOWN_DEPLOYMENT", 6),
        ("UNKNOWN_ENVIRONMENT", 6),
        ("NOT_VALIDATED", 6),
        ("NOTHING_TO_PROMOTE", 6),
        ("PLAN_CHANGED", 6),
        ("BACKUP", 6),
        ("COMMIT_NEEDED", 2),
        ("INVALID_SHA", 2),
        ("INVALID_REQUEST", 2),
        ("ACCESS_DENIED", 4),
        ("UNAUTHENTICATED", 4),
        ("PERMISSION_DENIED", 4),
    ];
    let acts = reasons.iter().map(|(reason, _)| Act::Refuse(refusal(reason, "because"))).collect();
    let agent = Agent::start(&stage, acts).await;
    for (reason, code) in reasons {
        let command = stage.operator(agent.port, &["deploy", "preprod", "--json", "--sha", SHA]);
        let said = said(command).await;
        let outcome = if code == 6 { "refused" } else { "error" };
        assert_eq!(said.code, code, "{reason}: {}", said.stderr);
        assert_eq!(said.json()["outcome"], outcome, "{reason}");
        assert_eq!(said.json()["reason"], "because");
    }
}

#[tokio::test]
async fn usage_errors_after_parsing_are_one_object_too() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let command = stage.operator(agent.port, &["deploy", "preprod", "--json", "--sha", "main"]);
    let said = said(command).await;
    assert_eq!((said.code, &said.json()["exit_code"]), (2, &json!(2)));
    assert_eq!(said.json()["outcome"], "error");
    assert!(agent.calls().is_empty());
}

#[tokio::test]
async fn ndjson_is_one_event_per_line_and_then_the_result() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![ends_with(result(Outcome::Validated))]).await;
    let arguments = ["deploy", "preprod", "--output", "ndjson", "--sha", SHA];
    let said = said(stage.operator(agent.port, &arguments)).await;
    let lines: Vec<serde_json::Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{}", said.stdout);
    assert_eq!(
        lines[0],
        json!({
            "schema": "ripcord/v1/event", "sequence": 1, "time": "2023-11-14T22:13:20Z",
            "environment": "preprod", "deployment": 142, "kind": "phase_entered",
            "phase": "preparing", "severity": "info", "message": "fetching the commit",
            "data": { "event": "phase_entered" }, "output": null,
        })
    );
    assert_eq!(lines[1]["schema"], "ripcord/v1/result");
}

#[tokio::test]
async fn a_hostile_commit_subject_does_not_command_the_terminal() {
    let stage = Stage::new();
    let hostile =
        event(1, Phase::Preparing, "Fix \u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\rbug\u{202e}");
    let mut failed = result(Outcome::Failed);
    failed.reason = "\u{1b}[31mprobe: \u{8}\u{8}\nok".into();
    let act = Act::Tell(vec![admitted(), Item::Event(hostile), Item::Result(failed)]);
    let agent = Agent::start(&stage, vec![act]).await;
    let said = said(stage.operator(agent.port, &["deploy", "preprod", "--sha", SHA])).await;
    assert_eq!(said.code, 3);
    for text in [&said.stdout, &said.stderr] {
        let hidden = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(hidden), "{text:?}");
    }
    assert!(said.stderr.contains("22:13:20  Fix \\rbug\\u{202e}"), "{}", said.stderr);
}

#[tokio::test]
async fn output_of_checks_is_shown_when_the_deployment_went_bad_and_only_then() {
    let stage = Stage::new();
    let story = |end: v1::Result| {
        let output = v1::Output {
            source: "check".into(),
            line: "E501 too long".into(),
            ..Default::default()
        };
        let line = v1::Event { output: Some(output), ..event(1, Phase::Watching, "") };
        Act::Tell(vec![admitted(), Item::Event(line), Item::Result(end)])
    };
    let acts = vec![story(result(Outcome::Validated)), story(rolled_back())];
    let agent = Agent::start(&stage, acts).await;
    let deploy = ["deploy", "preprod", "--sha", SHA];
    let good = said(stage.operator(agent.port, &deploy)).await;
    assert!(!good.stderr.contains("E501"), "{}", good.stderr);
    assert_eq!(good.stdout, "✔ preprod #142 acfdb42 validated in 42.1 s\n");
    let bad = said(stage.operator(agent.port, &deploy)).await;
    assert!(bad.stderr.contains("check | E501 too long"), "{}", bad.stderr);
    assert!(!bad.stderr.contains('\r'));
}

#[tokio::test]
async fn a_workflow_gets_one_group_one_error_and_a_fence_around_foreign_text() {
    let stage = Stage::new();
    let mut bad = event(1, Phase::Watching, "::set-output name=x::y");
    bad.set_severity(Severity::Error);
    let act = Act::Tell(vec![admitted(), Item::Event(bad), Item::Result(rolled_back())]);
    let which = Act::Refuse(refusal("COMMIT_NEEDED", "which commit? add --sha"));
    let agent = Agent::start(&stage, vec![which, act]).await;
    let mut command = stage.operator(agent.port, &["deploy", "preprod"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_SHA", SHA);
    command.env("GITHUB_RUN_ID", "77").env("GITHUB_RUN_ATTEMPT", "2");
    let said = said(command).await;
    let count = |what: &str| said.stderr.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("::group::"), count("::endgroup::"), count("::error")), (1, 1, 1));
    let at = |what: &str| said.stderr.find(what).unwrap();
    assert!(at("::stop-commands::") < at("::set-output") && at("::set-output") < at("::endgroup"));
    let [Call::Deploy(asked), Call::Deploy(request)] = &agent.calls()[..] else { panic!("two") };
    assert_eq!((asked.sha.as_str(), asked.dry_run), ("", true), "the agent may know better");
    assert_eq!((request.sha.as_str(), request.request_id.as_str()), (SHA, "77-2-preprod"));
}

#[tokio::test]
async fn a_rollback_without_yes_changes_nothing_where_nobody_can_be_asked() {
    let stage = Stage::new();
    let plan = v1::Result { plan: vec!["restart web".into()], ..result(Outcome::Pending) };
    let shown = Act::Tell(vec![Item::Result(v1::Result { deployment: 0, ..plan })]);
    let agent = Agent::start(&stage, vec![shown, ends_with(result(Outcome::Validated))]).await;
    let refused = said(stage.operator(agent.port, &["rollback", "preprod"])).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert!(agent.calls().is_empty());
    let arguments = ["rollback", "preprod", "--to", "139", "--yes", "--no-hold", "--json"];
    let done = said(stage.operator(agent.port, &arguments)).await;
    assert_eq!((done.code, &done.json()["command"]), (0, &json!("rollback")));
    assert!(done.stderr.contains("  restart web\n"), "the plan is in the log: {}", done.stderr);
    let [Call::Rollback(dry), Call::Rollback(request)] = &agent.calls()[..] else { panic!("two") };
    assert!(dry.dry_run && !request.dry_run);
    assert!(request.expected_plan.is_empty(), "whoever said yes before has not seen it");
    assert_eq!(request.to, Some(v1::rollback_request::To::Deployment(139)));
    assert_eq!(request.hold, Some(false));
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_succeeds() {
    let stage = Stage::new();
    let plan = vec!["fetch acfdb42 from origin/main".to_owned(), "restart web".to_owned()];
    let planned = v1::Result { plan, deployment: 0, ..result(Outcome::Pending) };
    let agent = Agent::start(&stage, vec![Act::Tell(vec![Item::Result(planned)])]).await;
    let arguments = ["deploy", "preprod", "--sha", SHA, "--dry-run"];
    let said = said(stage.operator(agent.port, &arguments)).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.contains("  fetch acfdb42 from origin/main"), "{}", said.stdout);
}
