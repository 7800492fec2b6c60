//! What an environment that promotes and confirms promises: the plan first, the word judged by the
//! agent, backups that can be found again, and words for whoever has to go back by hand.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use ripcord_proto::v1::{self, EnvironmentStatus, Outcome, Placement, progress::Item};
use serde_json::{Value, json};
use stage::{
    OLD_SHA, SHA, Stage, admitted,
    agent::{Act, Agent, Call, refusal},
    result, said,
};

const UNKNOWN: &str = "0000000000000000000000000000000000000000";

fn plan() -> Vec<String> {
    vec!["PREPROD:    acfdb42 #143, validated".into(), "recreate web".into()]
}

fn planned() -> v1::Result {
    v1::Result {
        environment: "prod".into(),
        deployment: 0,
        plan: plan(),
        confirm: "DEPLOY".into(),
        promotes: "preprod".into(),
        reason: "dry run: nothing was changed".into(),
        timings_ms: [].into(),
        ..result(Outcome::Pending)
    }
}

fn shown() -> Act {
    Act::Tell(vec![Item::Result(planned())])
}

fn done(result: v1::Result) -> Act {
    Act::Tell(vec![admitted(), Item::Result(result)])
}

fn deploys(agent: &Agent) -> Vec<v1::DeployRequest> {
    let of = |call: &Call| match call {
        Call::Deploy(request) => request.clone(),
        other => panic!("{other:?}"),
    };
    agent.calls().iter().map(of).collect()
}

#[tokio::test]
async fn the_workflows_own_commit_never_goes_to_production_in_the_place_of_the_validated_one() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![shown(), done(result(Outcome::Validated))]).await;
    let arguments = ["deploy", "prod", "--confirm", "DEPLOY", "--json"];
    let mut command = stage.operator(agent.port, &arguments);
    command.env("GITHUB_SHA", OLD_SHA);
    let said = said(command).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json()["sha"], SHA);
    assert!(said.stderr.contains("  PREPROD:    acfdb42 #143, validated\n"), "{}", said.stderr);
    let [dry, real] = &deploys(&agent)[..] else { panic!("two calls") };
    assert_eq!((dry.sha.as_str(), dry.dry_run, dry.confirm.as_str()), ("", true, ""));
    assert_eq!((real.sha.as_str(), real.dry_run, real.confirm.as_str()), ("", false, "DEPLOY"));
    assert_eq!(real.expected_plan, plan(), "the agent can see whether it is still so");
}

#[tokio::test]
async fn a_word_that_is_wrong_or_missing_is_for_the_agent_to_refuse_so_that_people_learn_of_it() {
    let stage = Stage::new();
    for word in [&["--confirm", "deploy"][..], &["--confirm", "DEPLOY "], &[]] {
        let refused = Act::Refuse(refusal("CONFIRMATION", "it asks for a confirmation"));
        let agent = Agent::start(&stage, vec![shown(), refused]).await;
        let mut command = stage.operator(agent.port, &["deploy", "prod", "--json"]);
        command.args(word);
        let said = said(command).await;
        assert_eq!((said.code, &said.json()["error"]), (6, &json!("CONFIRMATION")), "{word:?}");
        let requests = deploys(&agent);
        let given = word.get(1).copied().unwrap_or_default();
        assert_eq!((requests[1].confirm.as_str(), requests[1].dry_run), (given, false));
    }
}

#[tokio::test]
async fn a_dry_run_is_one_question_with_the_word_that_was_given_and_prints_exactly_the_plan() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![shown(), shown()]).await;
    let arguments = ["deploy", "prod", "--dry-run", "--confirm", "DEPLOY"];
    let people = said(stage.operator(agent.port, &arguments)).await;
    let expected = "… prod acfdb42 dry run, nothing was changed; the plan:\n  \
                    PREPROD:    acfdb42 #143, validated\n  recreate web\n";
    assert_eq!((people.code, people.stdout.as_str()), (0, expected));
    assert_eq!(people.stderr, "");
    let programs = said(stage.operator(agent.port, &["deploy", "prod", "--dry-run", "--json"]));
    let object = programs.await.json();
    assert_eq!((&object["plan"], &object["confirm"]), (&json!(plan()), &json!("DEPLOY")));
    assert_eq!((&object["promotes"], &object["outcome"]), (&json!("preprod"), &json!("pending")));
    let words: Vec<_> = deploys(&agent).into_iter().map(|it| (it.dry_run, it.confirm)).collect();
    assert_eq!(words, [(true, "DEPLOY".to_owned()), (true, String::new())]);
}

#[tokio::test]
async fn a_plan_that_is_refused_is_asked_for_all_the_same_and_can_never_be_carried_out_unseen() {
    let stage = Stage::new();
    let held = || Act::Refuse(refusal("HELD", "on hold by ann"));
    let agent = Agent::start(&stage, vec![held(), held()]).await;
    let arguments = ["deploy", "prod", "--confirm", "DEPLOY", "--json"];
    let said = said(stage.operator(agent.port, &arguments)).await;
    assert_eq!((said.code, &said.json()["error"]), (6, &json!("HELD")));
    let requests = deploys(&agent);
    assert_eq!(requests[1].expected_plan, ["refused: on hold by ann"]);
}

#[tokio::test]
async fn an_environment_that_neither_promotes_nor_confirms_shows_no_plan() {
    let stage = Stage::new();
    let acts = vec![done(result(Outcome::Validated))];
    let agent = Agent::start(&stage, acts).await;
    let said = said(stage.operator(agent.port, &["deploy", "preprod", "--sha", SHA])).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let [request] = &deploys(&agent)[..] else { panic!("one call") };
    assert_eq!(request.expected_plan, Vec::<String>::new());
}

fn saved() -> v1::BackupsResponse {
    let newest = v1::BackupInfo {
        id: "20261123T061742Z-142".into(),
        before: 142,
        of: Some(Placement { deployment: 141, sha: SHA.into() }),
        made: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        files: 1_234,
        bytes: 3_400_000,
        archive_bytes: 812_345,
        path: "/backups/prod/20261123T061742Z-142".into(),
        damage: String::new(),
    };
    let oldest = v1::BackupInfo {
        id: "20261101T000000Z-1".into(),
        before: 1,
        of: Some(Placement { deployment: 0, sha: UNKNOWN.into() }),
        path: "/backups/prod/20261101T000000Z-1".into(),
        damage: "files.tar.zst is \u{1b}[2Jcut short".into(),
        ..newest.clone()
    };
    let nobody_knew = v1::BackupInfo { of: None, damage: String::new(), ..oldest.clone() };
    v1::BackupsResponse { backups: vec![newest, oldest, nobody_knew] }
}

#[tokio::test]
async fn backups_are_listed_with_what_they_hold_and_damaged_ones_cannot_be_missed() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    agent.set_backups(saved());
    let arguments = ["history", "prod", "--backups", "--json"];
    let object = said(stage.operator(agent.port, &arguments)).await.json();
    let expected = json!({
        "id": "20261123T061742Z-142", "before": 142, "of": { "deployment": 141, "sha": SHA },
        "made": "2023-11-14T22:13:20Z", "files": 1_234, "bytes": 3_400_000,
        "archive_bytes": 812_345, "path": "/backups/prod/20261123T061742Z-142", "damage": null,
    });
    assert_eq!(object["backups"][0], expected);
    assert_eq!(object["backups"][1]["of"], json!({ "deployment": 0, "sha": UNKNOWN }));
    assert_eq!(object["backups"][2]["of"], Value::Null);
    let people = said(stage.operator(agent.port, &["history", "prod", "--backups"])).await;
    let text = people.stdout;
    assert!(text.contains("unknown (before)") && text.contains("not known"), "{text}");
    assert!(text.contains("20261101T000000Z-1: damaged: files.tar.zst is cut short"), "{text}");
    assert!(text.contains("ripcord rollback prod --backup 20261123T061742Z-142"), "{text}");
}

#[tokio::test]
async fn a_backup_is_restored_by_its_name_alone() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![shown(), done(result(Outcome::Validated))]).await;
    let arguments = ["rollback", "prod", "--backup", "20261123T061742Z-142", "--yes", "-q"];
    let said_ = said(stage.operator(agent.port, &arguments)).await;
    assert_eq!((said_.code, said_.stderr.as_str()), (0, ""));
    let [_, Call::Rollback(request)] = &agent.calls()[..] else { panic!("two calls") };
    let backup = v1::rollback_request::To::Backup("20261123T061742Z-142".into());
    assert_eq!(request.to, Some(backup));
    let both = ["rollback", "prod", "--to", "1", "--backup", "x", "--yes"];
    assert_eq!(said(stage.operator(agent.port, &both)).await.code, 2);
}

#[tokio::test]
async fn a_rollback_says_how_it_is_undone_and_what_it_did_not_undo() {
    let stage = Stage::new();
    let undo = "ripcord rollback prod --to 142 && ripcord resume prod".to_owned();
    let back = v1::Result { undo: undo.clone(), ..result(Outcome::Validated) };
    let acts = vec![shown(), done(back.clone()), shown(), done(back)];
    let agent = Agent::start(&stage, acts).await;
    let people = said(stage.operator(agent.port, &["rollback", "prod", "--yes"])).await;
    let text = &people.stdout;
    assert!(text.contains(&format!("  undo  {undo}\n")) || text.ends_with(&undo), "{text}");
    assert!(text.contains("not undone: databases, volumes and data"), "{text}");
    let programs = ["rollback", "prod", "--yes", "--json"];
    assert_eq!(said(stage.operator(agent.port, &programs)).await.json()["undo"], undo);
}

#[tokio::test]
async fn a_failed_deployment_names_its_own_backup_and_the_commands_to_go_back_by_hand() {
    let stage = Stage::new();
    let by_hand = ["ripcord rollback prod --backup B-142", "tar --zstd -xpf /b/files.tar.zst -C /"];
    let failed = v1::Result {
        environment: "prod".into(),
        backup: "B-142".into(),
        by_hand: by_hand.map(str::to_owned).to_vec(),
        live: Some(Placement { deployment: 0, sha: UNKNOWN.into() }),
        reason: "the probe failed".into(),
        ..result(Outcome::Failed)
    };
    let acts = vec![done(failed.clone()), done(failed)];
    let agent = Agent::start(&stage, acts).await;
    let deploy = ["deploy", "prod", "--sha", SHA];
    let people = said(stage.operator(agent.port, &deploy)).await;
    assert_eq!(people.code, 3);
    let expected = "\
  live  unknown, which ran before the first deployment
  next  read what happened with `ripcord show prod 142`, put it right, and deploy again
  hand  to go back yourself: ripcord rollback prod --backup B-142
        or on the agent's machine, without the agent:
          tar --zstd -xpf /b/files.tar.zst -C /
";
    assert!(people.stdout.ends_with(expected), "{}", people.stdout);
    let mut programs = stage.operator(agent.port, &deploy);
    programs.arg("--json");
    let object = said(programs).await.json();
    assert_eq!((&object["backup"], &object["by_hand"]), (&json!("B-142"), &json!(by_hand)));
    assert_eq!(object["live"]["sha"], UNKNOWN, "programs get the whole of it");
}

#[tokio::test]
async fn status_shows_where_commits_come_from_and_until_when_health_decides() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let prod = EnvironmentStatus {
        name: "prod".into(),
        live: Some(Placement { deployment: 0, sha: UNKNOWN.into() }),
        promotes: "preprod".into(),
        baking_until: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        ..EnvironmentStatus::default()
    };
    let environments = vec![prod];
    agent.set_status(v1::StatusResponse { environments, ..v1::StatusResponse::default() });
    let people = said(stage.operator(agent.port, &["status"])).await.stdout;
    assert!(people.contains("unknown (before)"), "{people}");
    assert!(people.contains("prod: promotes: preprod"), "{people}");
    assert!(people.contains("prod: baking until 2023-11-14 22:13:20"), "{people}");
    let object = said(stage.operator(agent.port, &["status", "--json"])).await.json();
    let one = &object["environments"][0];
    assert_eq!((&one["promotes"], &one["live"]["sha"]), (&json!("preprod"), &json!(UNKNOWN)));
    assert_eq!(one["baking_until"], "2023-11-14T22:13:20Z");
    assert_eq!(one["advice"], json!([]), "always a list");
}
