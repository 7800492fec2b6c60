//! How long containers are waited for that cannot hear that they should stop, on a real Docker engine.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod between;
    pub mod docker;
}

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use ripcord_agent::adapters::docker::{DockerRuntime, DockerSettings, RestartAction};
use support::{
    between::{between, refusal},
    docker::{Project, docker, restart, until},
};

/// Nothing in it has a handler.
const DEAF: &str = "command: [sleep, \"1000\"]\n";

/// Says when it was asked to stop, and takes two seconds for it.
const ORDERLY: &str = "command: [sh, -c, \"trap 'sleep 2; echo bye >/www/bye; exit 0' TERM; \
                       while :; do sleep 0.05; done\"]\n";

/// Far above a restart on a busy machine, far below what [`PATIENT`] containers would take.
const AT_ONCE: Duration = Duration::from_secs(30);

const PATIENT: &str = "stop_grace_period: 1m\n";

fn runtime(
    project: &Project,
    action: RestartAction,
    stop_timeout: Option<u64>,
    wait_for_deaf: bool,
) -> DockerRuntime {
    let stop_timeout = stop_timeout.map(Duration::from_secs);
    DockerRuntime::new(DockerSettings { stop_timeout, wait_for_deaf, ..project.settings(action) })
}

/// What a restart says, and how long it takes.
async fn timed(runtime: &DockerRuntime) -> (Vec<String>, Duration) {
    let begun = Instant::now();
    let (result, story) = restart(runtime).await;
    result.unwrap();
    (story, begun.elapsed())
}

fn says(story: &[String], part: &str) -> bool {
    story.iter().any(|line| line.contains(part))
}

#[tokio::test]
async fn the_signal_that_counts_is_the_containers_own() {
    let Some(project) = Project::new() else { return };
    let trap = |signal: &str| {
        format!("command: [sh, -c, \"trap 'exit 0' {signal}; while :; do sleep 0.05; done\"]\n")
    };
    project.write_services(&[
        ("hears", &(trap("USR1") + "stop_signal: SIGUSR1")),
        ("deaf", &(trap("TERM") + "stop_signal: \"3\"\n" + PATIENT)),
    ]);
    project.compose(["up", "-d"]);
    let (story, took) = timed(&project.runtime()).await;
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(story.len(), 1, "{story:?}");
    assert!(says(&story, "of deaf has no handler for SIGQUIT: it was not waited for"), "{story:?}");
}

#[tokio::test]
async fn a_time_of_the_container_does_not_make_it_hear_and_an_operators_word_counts() {
    let Some(project) = Project::up(&format!("{DEAF}stop_grace_period: 3s")) else { return };
    let restart = RestartAction::Restart;
    let (story, took) = timed(&project.runtime()).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(says(&story, "it was not waited for"), "{story:?}");

    let (story, took) = timed(&runtime(&project, restart, Some(4), false)).await;
    assert!(took >= Duration::from_secs(4), "{took:?}");
    assert!(says(&story, "`stop_timeout` waits 4s for nothing"), "{story:?}");

    let (story, took) = timed(&runtime(&project, restart, None, true)).await;
    assert!((3..8).contains(&took.as_secs()), "{took:?}");
    assert_eq!(story, [] as [String; 0]);
}

#[tokio::test]
async fn a_first_process_that_hands_its_signals_on_is_waited_for() {
    let Some(project) = Project::up(&format!("{DEAF}{PATIENT}init: true")) else { return };
    let pid = docker(["inspect", "-f", "{{.State.Pid}}", &project.container()]).stdout;
    let pid = String::from_utf8_lossy(&pid).trim().to_owned();
    let children = format!("/proc/{pid}/task/{pid}/children");
    until("it has started it", async || {
        fs::read_to_string(&children).is_ok_and(|children| !children.trim().is_empty())
    })
    .await;
    let (story, took) = timed(&project.runtime()).await;
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(story, [] as [String; 0]);
}

/// Docker goes away at the restart, and until it is back the container has a handler: it says so.
#[tokio::test]
async fn who_hears_by_the_time_docker_is_back_stops_in_order() {
    let Some(project) = Project::new() else { return };
    let (go, hears) = (project.mounted.join("go"), project.mounted.join("hears"));
    assert!(Command::new("mkfifo").args([&go, &hears]).status().unwrap().success());
    let late = "read go </www/go; trap 'sleep 2; echo bye >/www/bye; exit 0' TERM; \
                echo now >/www/hears; while :; do sleep 0.05; done";
    project.write(&format!("command: [sh, -c, \"{late}\"]"));
    project.compose(["up", "-d"]);
    let socket = project.folder.join("docker.sock");
    let settings = project.settings(RestartAction::Restart);
    let settings = DockerSettings { socket: socket.clone(), ..settings };
    let mut is_first = true;
    let engine = between(&socket, move |call| {
        let breaks = call.contains("/restart") && std::mem::take(&mut is_first);
        breaks.then(|| {
            fs::write(&go, "go\n").unwrap();
            fs::read(&hears).unwrap();
            String::new()
        })
    });
    let (story, _) = timed(&DockerRuntime::new(settings)).await;
    assert!(project.mounted.join("bye").exists(), "it was killed: {story:?}");
    engine.abort();
}

#[tokio::test]
async fn a_recreation_does_not_wait_for_the_deaf_either() {
    let Some(project) = Project::up(&format!("{DEAF}{PATIENT}")) else { return };
    let recreate = RestartAction::Recreate;
    let (story, took) = timed(&runtime(&project, recreate, None, false)).await;
    assert!(took < AT_ONCE, "{took:?}");
    assert!(says(&story, "of web has no handler for SIGTERM: it was not waited for"), "{story:?}");
    let (story, took) = timed(&runtime(&project, recreate, Some(4), false)).await;
    assert!(took >= Duration::from_secs(4), "{took:?}");
    assert!(says(&story, "`stop_timeout` waits 4s for nothing"), "{story:?}");
}

#[tokio::test]
async fn a_recreation_lets_those_that_hear_stop_in_order_beside_the_deaf() {
    let Some(project) = Project::new() else { return };
    project.write_services(&[("deaf", &format!("{DEAF}{PATIENT}")), ("orderly", ORDERLY)]);
    project.compose(["up", "-d"]);
    let (story, took) = timed(&runtime(&project, RestartAction::Recreate, None, false)).await;
    assert!(took < AT_ONCE, "{took:?}");
    assert!(project.mounted.join("bye").exists(), "it was killed: {story:?}");
    assert!(says(&story, "of deaf has no handler"), "{story:?}");
    assert!(!says(&story, "of orderly has no handler"), "{story:?}");
}

/// The label is what compose 2 notes of `depends_on` by itself.
#[tokio::test]
async fn a_recreation_leaves_a_deaf_container_to_those_that_need_it_until_they_have_stopped() {
    let Some(project) = Project::new() else { return };
    let serves = "command: [sh, -c, \"while :; do echo yes >>/www/served; sleep 0.05; done\"]\n\
                  stop_grace_period: 1s";
    let asks = "trap ': >/www/served; sleep 1; test -s /www/served && echo bye >/www/bye; exit 0' TERM; \
                echo yes >/www/ready; while :; do sleep 0.05; done";
    let depends =
        "depends_on: [db]\nlabels: [\"com.docker.compose.depends_on=db:service_started:false\"]";
    project.write_services(&[
        ("db", serves),
        ("web", &format!("command: [sh, -c, \"{asks}\"]\n{depends}")),
    ]);
    project.compose(["up", "-d"]);
    until("ready", async || project.mounted.join("ready").exists()).await;
    let (story, _) = timed(&runtime(&project, RestartAction::Recreate, None, false)).await;
    assert!(project.mounted.join("bye").exists(), "nobody served it any more: {story:?}");
    assert!(says(&story, "but others depend on it: it was waited for"), "{story:?}");
}

#[tokio::test]
async fn a_recreation_lets_a_one_off_container_stop_in_order_beside_the_deaf() {
    let Some(project) = Project::up(DEAF) else { return };
    let task = format!("{}_task", project.name);
    let orderly = "trap 'sleep 2; echo bye >/www/bye; exit 0' TERM; echo yes >/www/ready; \
                   while :; do sleep 0.05; done";
    project.compose(["run", "-d", "--name", &task, "web", "sh", "-c", orderly]);
    until("ready", async || project.mounted.join("ready").exists()).await;
    let (story, _) = timed(&runtime(&project, RestartAction::Recreate, None, false)).await;
    assert!(says(&story, "of web has no handler for SIGTERM: it was not waited for"), "{story:?}");
    assert!(project.mounted.join("bye").exists(), "it was killed: {story:?}");
}

#[tokio::test]
async fn what_docker_refuses_of_a_deaf_container_fails_no_recreation() {
    let Some(project) = Project::up(&format!("{DEAF}stop_grace_period: 1s")) else { return };
    let is_look = |call: &str| call.contains("/json") && !call.contains("/containers/json");
    let is_stop = |call: &str| call.contains("/stop");
    for (what, is_meant) in [("look", is_look as fn(&str) -> bool), ("stop", is_stop)] {
        let socket = project.folder.join(what);
        let settings = project.settings(RestartAction::Recreate);
        let settings = DockerSettings { socket: socket.clone(), ..settings };
        let mut is_first = true;
        let engine = between(&socket, move |call| {
            let refuses = call.contains("/containers/") && is_meant(call);
            (refuses && std::mem::take(&mut is_first)).then(|| refusal(404))
        });
        let (result, story) = restart(&DockerRuntime::new(settings)).await;
        assert_eq!(result.expect(what), "recreated web");
        assert_eq!(says(&story, "it was not waited for"), what == "stop", "{story:?}");
        engine.abort();
    }
}

#[tokio::test]
async fn the_deaf_are_not_stopped_for_a_file_that_cannot_be_read() {
    let Some(project) = Project::new() else { return };
    project.write_services(&[("deaf", DEAF), ("orderly", ORDERLY)]);
    project.compose(["up", "-d"]);
    let good = fs::read_to_string(project.file()).unwrap();
    fs::write(project.file(), "services: [").unwrap();
    let (result, _) = restart(&runtime(&project, RestartAction::Recreate, None, false)).await;
    fs::write(project.file(), good).unwrap();
    result.unwrap_err();
    let name = format!("{}_deaf_1", project.name);
    let running = docker(["inspect", "-f", "{{.State.Running}}", &name]).stdout;
    assert_eq!(String::from_utf8_lossy(&running).trim(), "true");
}
