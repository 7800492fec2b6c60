//! What people see on a terminal: a real pseudo-terminal, made by `script` of util-linux.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use std::process::Stdio;

use ripcord_proto::v1::{self, Outcome, Phase, progress::Item};
use stage::{
    DEADLINE, SHA, Stage, admitted,
    agent::{Act, Agent, Call},
    event, result,
};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// Runs the controller on a terminal, types `keys`, and gives the exit code and the screen.
async fn on_terminal(
    stage: &Stage,
    agent: &Agent,
    arguments: &str,
    keys: &str,
) -> Option<(i32, String)> {
    if Command::new("script").arg("--version").output().await.is_err() {
        eprintln!("skipped: no `script` here to make a terminal");
        return None;
    }
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_ripcord"));
    let operator = stage.operator(agent.port, &[]);
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_clear().env("TERM", "xterm");
    let variables = operator.as_std().get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.envs(variables).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.current_dir(stage.folder.path()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(keys.as_bytes()).await.unwrap();
    let output = timeout(DEADLINE, child.wait_with_output()).await.expect("ends in time").unwrap();
    drop(stdin);
    Some((output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[tokio::test]
async fn phases_leave_lines_and_a_hostile_subject_leaves_nothing_but_text() {
    let stage = Stage::new();
    let hostile = "Fix \u{1b}]0;owned\u{7}\u{1b}[5mbug";
    let story = vec![
        admitted(),
        Item::Event(event(1, Phase::Preparing, hostile)),
        Item::Event(event(2, Phase::Watching, "live; waiting for the verdict")),
        Item::Result(result(Outcome::Validated)),
    ];
    let agent = Agent::start(&stage, vec![Act::Tell(story)]).await;
    let arguments = format!("deploy preprod --sha {SHA}");
    let Some((code, screen)) = on_terminal(&stage, &agent, &arguments, "").await else { return };
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains("owned") && !screen.contains("\u{1b}[5m"), "{screen:?}");
    assert!(screen.contains("✔ preparing") && screen.contains("Fix bug"), "{screen:?}");
    assert!(screen.contains("✔ preprod #142 acfdb42 validated in 42.1 s"), "{screen:?}");
}

fn plan() -> Act {
    let plan = vec!["reset the work tree to acfdb42".to_owned()];
    let planned = v1::Result { plan, deployment: 0, ..result(Outcome::Pending) };
    Act::Tell(vec![Item::Result(planned)])
}

#[tokio::test]
async fn a_rollback_shows_its_plan_and_waits_for_a_yes() {
    let stage = Stage::new();
    let done = Act::Tell(vec![admitted(), Item::Result(result(Outcome::Validated))]);
    let agent = Agent::start(&stage, vec![plan(), done]).await;
    let answered = on_terminal(&stage, &agent, "rollback preprod", "y\n").await;
    let Some((code, screen)) = answered else { return };
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("reset the work tree to acfdb42"), "{screen}");
    let asked = |call: &Call| matches!(call, Call::Rollback(request) if request.dry_run);
    let calls: Vec<bool> = agent.calls().iter().map(asked).collect();
    assert_eq!(calls, [true, false]);
}

#[tokio::test]
async fn a_rollback_that_is_not_confirmed_changes_nothing() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![plan()]).await;
    let answered = on_terminal(&stage, &agent, "rollback preprod", "\n").await;
    let Some((code, screen)) = answered else { return };
    assert_eq!(code, 2, "{screen}");
    assert!(screen.contains("nothing was changed"), "{screen}");
    assert_eq!(agent.calls().len(), 1);
}
