//! What people see on a terminal: a real pseudo-terminal, made by `script` of util-linux.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use std::process::Stdio;

use ripcord_proto::v1::{self, Outcome, Phase, progress::Item};
use stage::{
    DEADLINE, SHA, Stage, admitted,
    agent::{Act, Agent, Call, refusal},
    event, result,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};

/// Runs the controller on a terminal, types `keys` once it asks, and gives the exit code and the
/// screen.
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
    // Without `exec` a shell would stand between, and die of Ctrl-C itself.
    let line = format!("exec {} {arguments}", env!("CARGO_BIN_EXE_ripcord"));
    let operator = stage.operator(agent.port, &[]);
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_clear().env("TERM", "xterm");
    let variables = operator.as_std().get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.envs(variables).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.current_dir(stage.folder.path()).spawn().unwrap();
    let screen = timeout(DEADLINE, watched(&mut child, keys)).await.expect("ends in time");
    let ended = timeout(DEADLINE, child.wait()).await.expect("ends in time").unwrap();
    Some((ended.code().unwrap(), screen))
}

/// What is on the screen in the end. A question ends with a colon or a bracket.
async fn watched(child: &mut Child, mut keys: &str) -> String {
    let mut stdin = child.stdin.take().unwrap();
    let (mut stdout, mut seen) = (child.stdout.take().unwrap(), Vec::new());
    while stdout.read_buf(&mut seen).await.unwrap() > 0 {
        if !keys.is_empty() && (seen.ends_with(b": ") || seen.ends_with(b"] ")) {
            stdin.write_all(std::mem::take(&mut keys).as_bytes()).await.unwrap();
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
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
    // Somebody is there who could be asked, so the agent is asked whether there is something to ask.
    let agent = Agent::start(&stage, vec![plan(), Act::Tell(story)]).await;
    let arguments = format!("deploy preprod --sha {SHA}");
    let Some((code, screen)) = on_terminal(&stage, &agent, &arguments, "").await else { return };
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains("owned") && !screen.contains("\u{1b}[5m"), "{screen:?}");
    assert!(screen.contains("✔ preparing") && screen.contains("Fix bug"), "{screen:?}");
    assert!(screen.contains("✔ preprod #142 acfdb42 validated in 42.1 s"), "{screen:?}");
    assert!(
        !screen.contains("reset the work tree"),
        "no plan where nothing is confirmed: {screen}"
    );
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
    let Call::Rollback(request) = &agent.calls()[1] else { panic!("a rollback") };
    assert_eq!(request.expected_plan, ["reset the work tree to acfdb42"], "what was agreed to");
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

fn production() -> v1::Result {
    let plan = vec!["PREPROD: acfdb42 #143, validated".to_owned(), "recreate web".to_owned()];
    let (confirm, promotes) = ("DEPLOY".to_owned(), "preprod".to_owned());
    v1::Result { plan, confirm, promotes, deployment: 0, ..result(Outcome::Pending) }
}

async fn types(keys: &str, acts: Vec<Act>) -> Option<(i32, String, Vec<Call>)> {
    let stage = Stage::new();
    let agent = Agent::start(&stage, acts).await;
    let (code, screen) = on_terminal(&stage, &agent, "deploy prod", keys).await?;
    Some((code, screen, agent.calls()))
}

#[tokio::test]
async fn production_shows_its_plan_and_what_is_typed_is_the_agents_to_judge_byte_for_byte() {
    for (keys, word) in [("DEPLOY\n", "DEPLOY"), ("deploy\n", "deploy"), (" DEPLOY \n", " DEPLOY ")]
    {
        let done = Act::Tell(vec![admitted(), Item::Result(result(Outcome::Validated))]);
        let acts = vec![Act::Tell(vec![Item::Result(production())]), done];
        let Some((code, screen, calls)) = types(keys, acts).await else { return };
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains("  PREPROD: acfdb42 #143, validated"), "{screen}");
        assert!(screen.contains("Type DEPLOY to deploy acfdb42 to prod:"), "{screen}");
        let [Call::Deploy(_), Call::Deploy(request)] = &calls[..] else { panic!("two calls") };
        assert_eq!((request.confirm.as_str(), request.dry_run), (word, false));
        assert_eq!(request.expected_plan, production().plan);
    }
}

#[tokio::test]
async fn whoever_leaves_instead_of_typing_the_word_asked_for_nothing() {
    for leaves in ["\u{4}", "\u{3}"] {
        let acts = vec![Act::Tell(vec![Item::Result(production())])];
        let Some((code, screen, calls)) = types(leaves, acts).await else { return };
        assert_eq!((code, calls.len()), (2, 1), "{screen}");
        assert!(screen.contains("nothing was changed"), "{screen}");
    }
}

#[tokio::test]
async fn nobody_types_a_word_for_what_runs_already() {
    let already = v1::Result { deployment: 142, ..production() };
    let done = Act::Tell(vec![Item::Result(result(Outcome::Validated))]);
    let acts = vec![Act::Tell(vec![Item::Result(already)]), done];
    let Some((code, screen, calls)) = types("", acts).await else { return };
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains("Type DEPLOY"), "{screen}");
    assert!(matches!(&calls[1], Call::Watch(request) if request.deployment == 142), "{calls:?}");
}

#[tokio::test]
async fn where_the_plan_is_refused_nobody_is_asked_for_a_word() {
    let refused = Act::Refuse(refusal("HELD", "on hold by ann"));
    let Some((code, screen, calls)) = types("DEPLOY\n", vec![refused]).await else { return };
    assert_eq!((code, calls.len()), (6, 1), "{screen}");
    assert!(screen.contains("on hold by ann") && !screen.contains("Type"), "{screen}");
}
