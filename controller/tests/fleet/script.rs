//! What the agents of a rolling command play, and how one is run.

use std::{process::Stdio, time::Duration};

use ripcord_proto::v1::{self, DeployRequest, Outcome, Phase, progress::Item};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};

use super::{
    Fleet,
    stage::{
        DEADLINE, SHA, Said, admitted,
        agent::{Act, Agent, Call},
        event,
    },
};

/// What a dry run answers.
pub(crate) fn plan() -> v1::Result {
    let mut plan = v1::Result {
        environment: "preprod".into(),
        sha: SHA.into(),
        plan: vec!["restart web".into()],
        ..v1::Result::default()
    };
    plan.set_outcome(Outcome::Pending);
    plan
}

pub(crate) fn with_word(word: &str) -> v1::Result {
    v1::Result { confirm: word.into(), ..plan() }
}

pub(crate) fn story(result: v1::Result) -> Act {
    let step = event(1, Phase::Preparing, "step 1");
    Act::Tell(vec![admitted(), Item::Event(step), Item::Result(result)])
}

pub(crate) fn planned(plan: v1::Result) -> Act {
    Act::Tell(vec![Item::Result(plan)])
}

/// The deployments that were asked for, without dry runs.
pub(crate) fn deployed(agent: &Agent) -> Vec<DeployRequest> {
    let real = |call| match call {
        Call::Deploy(request) if !request.dry_run => Some(request),
        _ => None,
    };
    agent.calls().into_iter().filter_map(real).collect()
}

pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

pub(crate) fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) async fn ended(child: Child) -> Said {
    timeout(DEADLINE, child.wait_with_output()).await.expect("ends in time").unwrap().into()
}

pub(crate) fn deploy<'a>(agents: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["deploy", "preprod", "--sha", SHA, "--agents", agents], more].concat()
}

/// Runs the controller on a terminal, and types `keys` at the first question.
pub(crate) async fn on_terminal(
    fleet: &Fleet,
    arguments: &[&str],
    keys: &str,
) -> Option<(i32, String)> {
    if Command::new("script").arg("--version").output().await.is_err() {
        eprintln!("skipped: no `script` here to make a terminal");
        return None;
    }
    let line = format!("exec {} {}", env!("CARGO_BIN_EXE_ripcord"), arguments.join(" "));
    let bare = fleet.stage.bare(&[]);
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_clear().env("TERM", "xterm");
    let variables = bare.as_std().get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.envs(variables).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.current_dir(fleet.stage.folder.path()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut seen, mut keys) = (Vec::new(), Some(keys));
    let watching = async {
        while stdout.read_buf(&mut seen).await.unwrap() > 0 {
            if let Some(keys) = keys.take_if(|_| seen.ends_with(b": ") || seen.ends_with(b"] ")) {
                stdin.write_all(keys.as_bytes()).await.unwrap();
            }
        }
    };
    timeout(DEADLINE, watching).await.expect("ends in time");
    let code = timeout(DEADLINE, child.wait()).await.expect("ends in time").unwrap().code();
    Some((code.unwrap(), String::from_utf8_lossy(&seen).into_owned()))
}
