//! What `status`, `history`, `show`, `hold` and the files that configure them promise.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use std::process::Stdio;

use ripcord_proto::v1::{
    self, EnvironmentStatus, HealthInfo, Outcome, Phase, Placement, StatusResponse, progress::Item,
};
use serde_json::{Value, json};
use stage::{
    DEADLINE, SHA, Stage, admitted,
    agent::{Act, Agent, Call},
    event, rolled_back, said,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

fn environment(name: &str) -> EnvironmentStatus {
    EnvironmentStatus { name: name.into(), ..EnvironmentStatus::default() }
}

fn two_environments() -> StatusResponse {
    let preprod = EnvironmentStatus {
        live: Some(Placement { deployment: 142, sha: SHA.into() }),
        phase: Phase::RollingBack.into(),
        active: 143,
        hold: Some(v1::HoldInfo { by: "ann".into(), reason: "freeze".into(), since: None }),
        health: Some(HealthInfo { ok: false, status: 502, detail: "status 502".into() }),
        exact: Some(true),
        untracked: 3,
        ..environment("preprod")
    };
    let agent =
        Some(v1::AgentInfo { version: "0.1.0".into(), host: "vm".into(), certificates: vec![] });
    let environments = vec![preprod, environment("prod")];
    StatusResponse { agent, environments, ..StatusResponse::default() }
}

#[tokio::test]
async fn status_json_has_the_documented_shape_with_nulls_for_what_is_not_there() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    agent.set_status(two_environments());
    let object = said(stage.operator(agent.port, &["status", "--json"])).await.json();
    assert_eq!(object["schema"], "ripcord/v1/status");
    assert_eq!(object["agent"], json!({ "version": "0.1.0", "host": "vm", "certificates": [] }));
    let [preprod, prod] = &object["environments"].as_array().unwrap()[..] else { panic!("two") };
    assert_eq!(preprod["live"], json!({ "deployment": 142, "sha": SHA }));
    assert_eq!(preprod["phase"], "rolling_back");
    assert_eq!(preprod["hold"]["reason"], "freeze");
    assert_eq!(
        (&preprod["health"]["ok"], &preprod["health"]["status"]),
        (&json!(false), &json!(502))
    );
    assert_eq!((&preprod["exact"], &preprod["untracked"]), (&json!(true), &json!(3)));
    for field in ["live", "validated", "rollback_point", "hold", "health", "exact"] {
        assert!(prod.as_object().unwrap().contains_key(field), "{field}");
        assert_eq!(prod[field], Value::Null, "{field}");
    }
    assert_eq!(prod["phase"], "idle");
}

#[tokio::test]
async fn status_check_says_unhealthy_by_its_exit_code_and_unknown_names_are_refused() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    agent.set_status(two_environments());
    assert_eq!(said(stage.operator(agent.port, &["status"])).await.code, 0);
    assert_eq!(said(stage.operator(agent.port, &["status", "--check"])).await.code, 10);
    let unknown = said(stage.operator(agent.port, &["status", "nowhere", "--json"])).await;
    assert_eq!((unknown.code, &unknown.json()["error"]), (6, &json!("UNKNOWN_ENVIRONMENT")));
    let mut stranded = environment("preprod");
    stranded.stranded = "the rollback failed".into();
    agent.set_status(StatusResponse { environments: vec![stranded], ..two_environments() });
    assert_eq!(said(stage.operator(agent.port, &["status", "--check"])).await.code, 10);
}

#[tokio::test]
async fn status_that_watches_prints_what_is_new_and_ends_with_ctrl_c() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let of = |name| StatusResponse { environments: vec![environment(name)], ..two_environments() };
    agent.set_status(of("first"));
    let mut command = stage.operator(agent.port, &["status", "-w", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for name in ["first", "second"] {
        agent.set_status(of(name));
        let line = timeout(DEADLINE, lines.next_line()).await.expect("in time").unwrap();
        let object: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!(object["environments"][0]["name"], name);
    }
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(130));
}

#[tokio::test]
async fn history_json_is_newest_first_with_rfc_3339_times() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let mut summary = v1::DeploymentSummary {
        deployment: 142,
        sha: SHA.into(),
        by: "spiffe://ripcord-dev/operator/dev".into(),
        started: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        ..v1::DeploymentSummary::default()
    };
    summary.set_kind(v1::DeploymentKind::Rollback);
    summary.set_outcome(Outcome::RolledBack);
    agent.set_history(v1::HistoryResponse { deployments: vec![summary] });
    let object = said(stage.operator(agent.port, &["history", "preprod", "--json"])).await.json();
    let one = &object["deployments"][0];
    assert_eq!((&one["kind"], &one["outcome"]), (&json!("rollback"), &json!("rolled_back")));
    assert_eq!((&one["started"], &one["finished"]), (&json!("2023-11-14T22:13:20Z"), &Value::Null));
}

#[tokio::test]
async fn show_tells_the_whole_story_of_a_bad_deployment_and_succeeds() {
    let stage = Stage::new();
    let told = Item::Event(event(1, Phase::Preparing, "fetching the commit"));
    let act = Act::Tell(vec![admitted(), told, Item::Result(rolled_back())]);
    let agent = Agent::start(&stage, vec![act]).await;
    let said = said(stage.operator(agent.port, &["show", "preprod", "142"])).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.contains("rolled back") && said.stdout.contains("fetching the commit"));
}

#[tokio::test]
async fn hold_resume_and_verdict_say_what_is_so_now() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let held = said(stage.operator(agent.port, &["hold", "prod", "--reason", "freeze"])).await;
    assert_eq!(held.stdout, "✔ prod is on hold, by spiffe://ripcord-dev/operator/dev\n");
    let resumed = said(stage.operator(agent.port, &["resume", "prod", "--json"])).await;
    assert_eq!(resumed.json()["was_held"], true);
    let arguments = ["verdict", "preprod", SHA, "success", "--reason", "by hand"];
    let given = said(stage.operator(agent.port, &arguments)).await;
    assert_eq!((given.code, given.stdout.as_str()), (0, "✔ validated #142\n"));
}

#[tokio::test]
async fn the_projects_file_is_found_and_misspelt_keys_are_usage_errors() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    agent.set_status(two_environments());
    let folder = stage.folder.path();
    let nested = folder.join("src/deep");
    std::fs::create_dir_all(&nested).unwrap();
    std::fs::create_dir(folder.join(".git")).unwrap();
    let user = folder.join(".config/ripcord");
    std::fs::create_dir_all(&user).unwrap();
    let pairs =
        "cert = '~/pki/operator.pem'\nkey = '~/pki/operator.key'\nca = '~/pki/agent-ca.pem'";
    std::fs::write(user.join("config.toml"), pairs).unwrap();
    let project = folder.join("ripcord.toml");
    std::fs::write(&project, format!("agent = 'https://localhost:{}'", agent.port)).unwrap();
    let mut command = stage.bare(&["status"]);
    let found = said({
        command.current_dir(&nested);
        command
    })
    .await;
    assert_eq!(found.code, 0, "{}", found.stderr);
    std::fs::write(&project, "agnet = 'https://localhost'").unwrap();
    let wrong = said(stage.bare(&["status"])).await;
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("unknown key `agnet`; did you mean `agent`?"),
        "{}",
        wrong.stderr
    );
}

#[tokio::test]
async fn a_file_that_is_named_must_be_there_even_when_the_flags_say_everything() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    agent.set_status(two_environments());
    let missing = stage.folder.path().join("nowhere.toml");
    let named = ["status", "--json", "--config", missing.to_str().unwrap()];
    let wrong = said(stage.operator(agent.port, &named)).await;
    assert_eq!((wrong.code, &wrong.json()["error"]), (2, &json!("USAGE")));
    assert!(wrong.json()["reason"].as_str().unwrap().contains("nowhere.toml"), "{}", wrong.stdout);
}

#[tokio::test]
async fn a_wrong_command_line_is_one_json_object_too_for_those_who_asked_for_json() {
    let stage = Stage::new();
    let wrong = said(stage.bare(&["deploy", "preprod", "--json", "--bogus"])).await;
    let object = wrong.json();
    assert_eq!((wrong.code, &object["schema"]), (2, &json!("ripcord/v1/result")));
    assert_eq!((&object["outcome"], &object["exit_code"]), (&json!("error"), &json!(2)));
    assert_eq!(object["reason"], "unexpected argument '--bogus' found");
    assert!(wrong.stderr.contains("--bogus"), "people are told too: {}", wrong.stderr);
    let unknown = said(stage.bare(&["--output", "json", "frob"])).await;
    assert_eq!((unknown.code, &unknown.json()["command"]), (2, &Value::Null));
    let people = said(stage.bare(&["deploy", "--bogus"])).await;
    assert_eq!((people.code, people.stdout.as_str()), (2, ""));
}

#[tokio::test]
async fn the_only_environment_is_meant_when_none_is_named() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    agent.set_status(StatusResponse {
        environments: vec![environment("lab")],
        ..two_environments()
    });
    let one = said(stage.operator(agent.port, &["history", "--json"])).await;
    assert_eq!(one.code, 0, "{}", one.stderr);
    agent.set_status(two_environments());
    let two = said(stage.operator(agent.port, &["history"])).await;
    assert_eq!(two.code, 2);
    assert!(two.stderr.contains("name one of preprod, prod"), "{}", two.stderr);
}

#[tokio::test]
async fn keys_are_private_and_nothing_is_replaced_unless_forced() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    let key = stage.pki("operator.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&key).unwrap();
    let again = said(stage.bare(&["certs", "dev", "--out", "pki"])).await;
    assert_eq!((again.code, std::fs::read(&key).unwrap()), (0, before.clone()));
    std::fs::remove_file(stage.pki("viewer.pem")).unwrap();
    let partial = said(stage.bare(&["certs", "dev", "--out", "pki"])).await;
    assert_eq!((partial.code, std::fs::read(&key).unwrap()), (2, before.clone()));
    let forced = said(stage.bare(&["certs", "dev", "--out", "pki", "--force"])).await;
    assert_eq!(forced.code, 0, "{}", forced.stderr);
    assert_ne!(std::fs::read(&key).unwrap(), before);
    let listed = said(stage.bare(&["certs", "list", "pki", "--json"])).await.json();
    let identities: Vec<&str> = listed["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["identity"].as_str())
        .collect();
    let dev = |kind| format!("spiffe://ripcord-dev/{kind}/dev");
    assert_eq!(identities, [dev("agent"), dev("operator"), dev("viewer")]);
}

#[tokio::test]
async fn an_agents_certificate_needs_a_name_to_reach_it_by() {
    let stage = Stage::new();
    let identity = "spiffe://ripcord-dev/agent/vm";
    let arguments = ["certs", "issue", "--ca-dir", "pki", "--identity", identity, "--out", "vm"];
    let refused = said(stage.bare(&arguments)).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--host"), "{}", refused.stderr);
    let mut issue = stage.bare(&arguments);
    issue.args(["--host", "vm.example", "--days", "30"]);
    assert_eq!(said(issue).await.code, 0);
    let listed = said(stage.bare(&["certs", "list", "vm", "--json"])).await.json();
    let one = &listed["certificates"][0];
    assert_eq!((&one["role"], &one["days_left"]), (&json!("agent"), &json!(29)));
}

#[tokio::test]
async fn completions_manual_and_topics_are_there() {
    let stage = Stage::new();
    for (arguments, contains) in [
        (&["completions", "bash"][..], "ripcord"),
        (&["man"], ".TH ripcord"),
        (&["help", "exit-codes"], "130  detached"),
        (&["help", "environment"], "RIPCORD_CERT"),
        (&["help", "config"], "default_environment"),
        (&["help", "deploy"], "--sha"),
    ] {
        let said = said(stage.bare(arguments)).await;
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert!(said.stdout.contains(contains), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_ci_job_asks_the_agent_to_look_now_and_goes_on() {
    let stage = Stage::new();
    let standing = v1::Result { environment: "preprod".into(), ..v1::Result::default() };
    let standing = v1::Result { outcome: Outcome::Pending.into(), ..standing };
    let story = vec![admitted(), Item::Result(standing)];
    let agent = Agent::start(&stage, vec![Act::Tell(story)]).await;
    let arguments = ["watch", "preprod", "--nudge", "--wait", "none"];
    let said = said(stage.operator(agent.port, &arguments)).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("the agent looks at CI now, for #142"), "{}", said.stderr);
    let nudge = v1::NudgeRequest { environment: "preprod".into(), deployment: 0 };
    assert_eq!(agent.calls()[0], Call::Nudge(nudge));
}
