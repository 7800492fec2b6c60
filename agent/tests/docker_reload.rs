//! Telling applications in containers to read their files again, on a real Docker engine.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/docker.rs"]
mod support;

use std::{fs, process::Command};

use ripcord_agent::{
    adapters::docker::{DockerRuntime, RestartAction, Signal},
    ports::{Runtime as _, RuntimeHealth},
};
use support::{Project, docker, restart, until};

/// Counts how often it was told to reload.
const RELOADS: &str = "command: [sh, -c, \"trap 'echo again >>/www/told' HUP; while :; do sleep 0.05; \
                       done\"]\n";

const DEAF: &str = "command: [sleep, \"1000\"]\n";

fn by(project: &Project, signal: Signal) -> DockerRuntime {
    DockerRuntime::new(project.settings(RestartAction::Reload(signal)))
}

fn hup(project: &Project) -> DockerRuntime {
    by(project, Signal::HUP)
}

fn inspected(container: &str, what: &str) -> String {
    let output = docker(["inspect", "-f", &format!("{{{{{what}}}}}"), container]);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn times_told(project: &Project) -> usize {
    fs::read_to_string(project.mounted.join("told")).unwrap_or_default().lines().count()
}

/// The shell installs its trap a moment after the container has started.
async fn ready(runtime: &DockerRuntime) {
    until("ready", async || runtime.preflight().await.is_ok()).await;
}

#[tokio::test]
async fn the_application_is_told_and_goes_on_running() {
    let Some(project) = Project::up(RELOADS) else { return };
    let runtime = hup(&project);
    ready(&runtime).await;
    let started = inspected(&project.container(), ".State.StartedAt");
    for times in 1..=2 {
        let (result, story) = restart(&runtime).await;
        assert_eq!(result.unwrap(), "sent SIGHUP to web");
        assert_eq!(story, [] as [String; 0]);
        until("told", async || times_told(&project) == times).await;
    }
    assert_eq!(inspected(&project.container(), ".State.StartedAt"), started);
    assert_eq!(runtime.health().await.unwrap(), RuntimeHealth::Fine);
}

/// Docker takes a signal that it passes on for a stop by hand.
#[tokio::test]
async fn a_container_that_was_told_is_started_again_by_docker_when_it_crashes() {
    let Some(project) = Project::up(&format!("{RELOADS}restart: unless-stopped")) else { return };
    let runtime = hup(&project);
    ready(&runtime).await;
    restart(&runtime).await.0.unwrap();
    until("told", async || times_told(&project) == 1).await;
    let pid = inspected(&project.container(), ".State.Pid");
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    until("started again", async || {
        inspected(&project.container(), ".RestartCount") == "1"
            && inspected(&project.container(), ".State.Running") == "true"
    })
    .await;
}

#[tokio::test]
async fn a_signal_that_would_be_lost_or_would_end_it_is_refused_before_anything_is_touched() {
    let Some(project) = Project::new() else { return };
    for (service, signal, part) in [
        (DEAF.to_owned(), Signal::HUP, "web has no handler for SIGHUP, which would be lost"),
        (RELOADS.to_owned(), Signal::USR1, "web has no handler for SIGUSR1, which would be lost"),
        (format!("{DEAF}init: true"), Signal::HUP, "for SIGHUP, which would end it"),
        (format!("{RELOADS}stop_signal: SIGHUP"), Signal::HUP, "SIGHUP is what stops web"),
    ] {
        project.write(&service);
        project.compose(["up", "-d", "-t", "0"]);
        let runtime = by(&project, signal);
        // An init needs a moment until it has started what it is there for.
        until(part, async || {
            let failure = runtime.preflight().await.expect_err(part);
            assert!(failure.message.starts_with("cannot reload: "), "{failure}");
            assert!(failure.message.contains("action = \"restart\""), "{failure}");
            failure.message.contains(part)
        })
        .await;
    }
}

#[tokio::test]
async fn behind_an_init_the_application_is_told() {
    let Some(project) = Project::up(&format!("{RELOADS}init: true")) else { return };
    let runtime = hup(&project);
    ready(&runtime).await;
    let (result, _) = restart(&runtime).await;
    assert_eq!(result.unwrap(), "sent SIGHUP to web");
    until("told", async || times_told(&project) == 1).await;
    assert_eq!(runtime.health().await.unwrap(), RuntimeHealth::Fine);
}

#[tokio::test]
async fn who_does_not_run_or_does_not_hear_any_more_is_restarted_instead() {
    let Some(project) = Project::new() else { return };
    project.write_services(&[("gone", RELOADS), ("web", RELOADS)]);
    project.compose(["up", "-d"]);
    let runtime = hup(&project);
    ready(&runtime).await;
    docker(["kill", &format!("{}_gone_1", project.name)]);
    runtime.preflight().await.unwrap();
    let (result, story) = restart(&runtime).await;
    assert_eq!(result.unwrap(), "sent SIGHUP to web; restarted gone");
    let why = "gone exited with code 137: it is restarted instead";
    assert!(story.contains(&why.to_owned()), "{story:?}");
    assert_eq!(runtime.health().await.unwrap(), RuntimeHealth::Fine);

    project.write(DEAF);
    project.compose(["up", "-d", "-t", "0", "--remove-orphans"]);
    let (result, story) = restart(&runtime).await;
    assert_eq!(result.unwrap(), "restarted web");
    assert!(
        story[0].contains("has no handler for SIGHUP, which would be lost: it is"),
        "{story:?}"
    );
}
