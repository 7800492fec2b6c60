//! Remotes over ssh, with a stand-in for the program that keeps its arguments and runs the other
//! side's command here.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use ripcord_agent::adapters::git::{Credentials, GitRepository, Settings};
use ripcord_core::FailureKind;

use crate::support::{Scene, git, prepare, reset};

/// A scene whose site reaches its upstream by ssh, through a program that does `script`.
fn by_ssh(scene: &Scene, script: &str) -> Settings {
    let program = scene.dir.path().join("ssh");
    let arguments = scene.dir.path().join("arguments");
    let keep = format!("printf '%s\\n' \"$@\" > '{}'", arguments.display());
    // A script that is still open for writing in a forked test thread cannot be run.
    let source = scene.dir.path().join("ssh.source");
    fs::write(&source, format!("#!/bin/sh\n{keep}\n{script}\n")).unwrap();
    fs::set_permissions(&source, fs::Permissions::from_mode(0o755)).unwrap();
    let copied = std::process::Command::new("cp").args([&source, &program]).status().unwrap();
    assert!(copied.success());
    let url = format!("ssh://deploy@git.example.org:2222{}", scene.upstream().display());
    git(&scene.site(), &["remote", "set-url", "origin", &url]);
    let mut settings = scene.settings();
    settings.ssh_program = program;
    settings
}

const RUN_LOCALLY: &str = "for last in \"$@\"; do :; done\nexec sh -c \"$last\"";

fn arguments(scene: &Scene) -> Vec<String> {
    let text = fs::read_to_string(scene.dir.path().join("arguments")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_commit_arrives_over_ssh_with_the_deploy_key_and_known_hosts_only() {
    let scene = Scene::new();
    let mut settings = by_ssh(&scene, RUN_LOCALLY);
    settings.credentials = Some(Credentials::SshKey { key_file: PathBuf::from("/etc/key") });
    for number in 0..50 {
        scene.write(&format!("file{number}"), format!("{number}\n").repeat(2000));
    }
    let pushed = scene.commit("second");
    let repository = GitRepository::open(settings).unwrap();
    prepare(&repository, pushed).await.unwrap();
    reset(&repository, 1, pushed).await.unwrap();
    scene.assert_exact(pushed);
    git(&scene.site(), &["fsck", "--strict"]);
    let command = format!("git-upload-pack '{}'", scene.upstream().display());
    let expected = [
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=yes",
        "-i",
        "/etc/key",
        "-o",
        "IdentitiesOnly=yes",
        "-p",
        "2222",
        "--",
        "deploy@git.example.org",
        &command,
    ];
    assert_eq!(arguments(&scene), expected);
}

#[tokio::test]
async fn the_short_spelling_of_an_ssh_address_works() {
    let scene = Scene::new();
    let settings = by_ssh(&scene, RUN_LOCALLY);
    let url = format!("git@example.org:{}", scene.upstream().display());
    git(&scene.site(), &["remote", "set-url", "origin", &url]);
    let pushed = scene.commit("second");
    prepare(&GitRepository::open(settings).unwrap(), pushed).await.unwrap();
    assert!(arguments(&scene).contains(&"git@example.org".to_owned()));
}

#[tokio::test]
async fn the_complaint_of_ssh_reaches_the_operator() {
    let scene = Scene::new();
    let settings = by_ssh(&scene, "echo 'Host key verification failed.' >&2; exit 255");
    let failure = prepare(&GitRepository::open(settings).unwrap(), scene.head()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Remote);
    assert!(failure.message.contains("Host key verification failed."), "{failure}");
    assert!(failure.message.contains("git.example.org"), "{failure}");
}

#[tokio::test]
async fn a_silent_ssh_is_killed_with_what_it_started() {
    let scene = Scene::new();
    let pids = scene.dir.path().join("pid");
    let script = format!("sleep 600 & echo $! > '{}'; wait", pids.display());
    let mut settings = by_ssh(&scene, &script);
    settings.fetch_timeout = Duration::from_millis(500);
    let begun = Instant::now();
    let failure = prepare(&GitRepository::open(settings).unwrap(), scene.head()).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(failure.kind, FailureKind::Remote);
    assert!(failure.message.contains("did not end within 0.5 s"), "{failure}");
    let pid = fs::read_to_string(pids).unwrap();
    let stat = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
    let patience = Instant::now() + Duration::from_secs(5);
    let lives = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        assert!(Instant::now() < patience, "the helper of ssh lives on");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_missing_ssh_program_is_said() {
    let scene = Scene::new();
    let mut settings = by_ssh(&scene, "");
    settings.ssh_program = "/nowhere/ssh".into();
    let failure = prepare(&GitRepository::open(settings).unwrap(), scene.head()).await.unwrap_err();
    assert!(failure.message.contains("cannot run /nowhere/ssh"), "{failure}");
}

#[tokio::test]
async fn an_address_that_is_an_option_is_never_passed_to_ssh() {
    let scene = Scene::new();
    let settings = by_ssh(&scene, RUN_LOCALLY);
    git(&scene.site(), &["config", "remote.origin.url", "ssh://-oProxyCommand=touch x/y"]);
    let failure = prepare(&GitRepository::open(settings).unwrap(), scene.head()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Remote);
    assert!(failure.message.contains("not a valid ssh address"), "{failure}");
    assert!(!scene.dir.path().join("arguments").exists());
}
