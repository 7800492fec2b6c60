//! Jobs that do not end by themselves, and runs that are ended.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::project::{Project, ended, runs, until};

/// Starts a child that outlives its parent, and says who it is.
const CHILD: &str = "sleep 1000 & echo $! > child.new; mv child.new child";

fn send(child: &tokio::process::Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[tokio::test]
async fn a_job_at_its_deadline_is_ended_with_everything_that_it_started() {
    let run = format!("{CHILD}; echo waiting; wait");
    let project = Project::of_jobs(&[("slow", &run, "timeout = '2s'")]);
    let said = project.check(&[]).await;
    assert_eq!(said.code, 7);
    assert!(said.stdout.contains("no end within 2.0 s; stopped"), "{}", said.stdout);
    assert!(said.stderr.contains("    waiting\n"), "{}", said.stderr);
    assert!(!runs(&project.path("child")));
}

#[tokio::test]
async fn a_job_that_does_not_listen_is_killed() {
    let run = "trap '' TERM; echo $$ > child; while :; do sleep 0.1; done";
    let project = Project::of_jobs(&[("deaf", run, "timeout = '2s'")]);
    assert_eq!(project.check(&[]).await.code, 7);
    assert!(!runs(&project.path("child")));
}

#[tokio::test]
async fn a_job_that_is_told_to_stop_may_clean_up() {
    let run =
        "trap 'sleep 0.2; touch clean; exit 1' TERM; touch begun; while :; do sleep 0.1; done";
    let project = Project::of_jobs(&[("tidy", run, "")]);
    let child = project.until_made("begun", &[]).await;
    send(&child, Signal::INT);
    assert_eq!(ended(child).await.code, 130);
    assert!(project.path("clean").exists());
}

#[tokio::test]
async fn what_a_job_leaves_behind_neither_holds_the_run_nor_outlives_it() {
    let project =
        Project::of_jobs(&[("daemon", CHILD, ""), ("next", "true", "needs = ['daemon']")]);
    let began = Instant::now();
    assert_eq!(project.check(&[]).await.code, 0);
    assert!(began.elapsed() < Duration::from_secs(20));
    until(|| !runs(&project.path("child"))).await;
}

#[tokio::test]
async fn ctrl_c_ends_everything_and_exits_with_130() {
    let run = format!("{CHILD}; wait");
    let project = Project::of_jobs(&[("x", &run, ""), ("later", "touch ran", "needs = ['x']")]);
    let child = project.until_made("child", &["--json"]).await;
    send(&child, Signal::INT);
    let said = ended(child).await;
    assert_eq!(said.code, 130);
    assert_eq!(said.json()["outcome"], "interrupted");
    let stopped = |name: &str| (name.to_owned(), "cancelled".to_owned());
    assert_eq!(said.outcomes(), [stopped("x"), stopped("later")]);
    assert!(!runs(&project.path("child")) && !project.path("ran").exists());
}

#[tokio::test]
async fn whoever_obeys_at_once_is_not_waited_for_although_nobody_reaps_his_children() {
    let run = "touch begun; sleep 1000; true";
    let project = Project::of_jobs(&[("x", run, "")]);
    let child = project.until_made("begun", &["--json"]).await;
    send(&child, Signal::INT);
    let object = ended(child).await.json();
    let took = object["duration_ms"].as_u64().unwrap();
    assert!(took < 2_500, "{took} ms, the whole grace, for what was gone at once");
}

#[tokio::test]
async fn a_verifier_or_a_workflow_that_ends_the_run_leaves_nothing_behind() {
    for signal in [Signal::TERM, Signal::HUP] {
        let run = format!("{CHILD}; wait");
        let project = Project::of_jobs(&[("x", &run, "")]);
        let child = project.until_made("child", &[]).await;
        send(&child, signal);
        assert_eq!(ended(child).await.code, 130);
        assert!(!runs(&project.path("child")));
    }
}

#[tokio::test]
async fn ctrl_c_during_setup_begins_nothing() {
    let project = Project::new(
        "[checks.a]\nsetup = ['touch begun; sleep 1000', 'touch ran']\n\
         [[checks.a.jobs]]\nname = 'x'\nrun = 'touch ran'\nfix = 'touch ran'\n",
    );
    let child = project.until_made("begun", &["--fix"]).await;
    send(&child, Signal::INT);
    assert_eq!(ended(child).await.code, 130);
    assert!(!project.path("ran").exists());
}

#[tokio::test]
async fn the_timeout_of_the_command_line_ends_the_run_undecided() {
    let project = Project::of_jobs(&[("x", "sleep 1000", ""), ("y", "true", "")]);
    let said = project.check(&["--json", "--timeout", "4s", "-j", "2"]).await;
    assert_eq!((said.code, &said.json()["outcome"]), (8, &"timed_out".into()));
    let outcome = |name: &str, outcome: &str| (name.to_owned(), outcome.to_owned());
    assert_eq!(said.outcomes(), [outcome("x", "cancelled"), outcome("y", "passed")]);
}
