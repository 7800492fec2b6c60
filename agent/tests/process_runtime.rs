//! A supervised application: restarts quickly, comes back after crashes, leaves nothing behind, and
//! keeps a log that loses and repeats nothing. Real processes.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use ripcord_agent::{
    adapters::process::{ProcessRuntime, ProcessSettings},
    ports::{LogRecord, LogStart, Reporter, Runtime, RuntimeHealth},
};
use ripcord_core::Failure;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);

fn settings(folder: &Path, script: &str) -> ProcessSettings {
    ProcessSettings {
        name: "lab".to_owned(),
        argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        cwd: folder.to_owned(),
        env: Vec::new(),
        stop_timeout: Duration::from_secs(5),
        state_dir: folder.join("state"),
    }
}

fn supervised(script: &str) -> (TempDir, ProcessRuntime) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = ProcessRuntime::new(settings(folder.path(), script));
    (folder, runtime)
}

async fn restart(runtime: &ProcessRuntime) -> Result<String, Failure> {
    let (reporter, _told) = Reporter::channel(16);
    runtime.restart(&reporter).await
}

fn pid_in(detail: &str) -> String {
    detail.rsplit_once("(pid ").unwrap().1.trim_end_matches(')').to_owned()
}

fn follow(runtime: &ProcessRuntime) -> BoxStream<'static, Result<LogRecord, Failure>> {
    let chunks = runtime.logs().lines(LogStart { follow: true, ..LogStart::default() });
    let each = |records: Vec<LogRecord>| stream::iter(records).map(Ok);
    chunks.map_ok(each).try_flatten().boxed()
}

/// The next line of the application's own that contains `text`.
async fn line_with(lines: &mut BoxStream<'_, Result<LogRecord, Failure>>, text: &str) -> LogRecord {
    let found = async {
        loop {
            let record = lines.next().await.expect("the log goes on").unwrap();
            if record.line.contains(text) {
                return record;
            }
        }
    };
    tokio::time::timeout(LONG, found).await.unwrap_or_else(|_| panic!("no line with {text:?}"))
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether that process runs; a zombie does not.
fn runs(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_restart_replaces_the_whole_group_at_once_and_is_seen_in_the_log() {
    let (_folder, runtime) = supervised("sleep 66 & echo serving $!; exec sleep 67");
    let first = restart(&runtime).await.unwrap();
    let mut lines = follow(&runtime);
    let child = line_with(&mut lines, "serving ").await.line.replace("serving ", "");
    let begun = Instant::now();
    let second = restart(&runtime).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500), "took {:?}", begun.elapsed());
    assert!(!runs(&pid_in(&first)) && !runs(&child), "something survived");
    assert!(runs(&pid_in(&second)));
    assert!(second.starts_with("restarted `/bin/sh -c sleep 66"), "{second}");
    assert!(line_with(&mut lines, "stopped: pid").await.marker);
    assert!(line_with(&mut lines, "started for a deployment").await.marker);
    line_with(&mut lines, "serving ").await;
    assert_eq!(runtime.health().await.unwrap(), RuntimeHealth::Fine);
    runtime.shutdown().await;
    assert!(!runs(&pid_in(&second)));
    assert!(Path::new(&format!("/proc/{}", pid_in(&second))).metadata().is_err(), "a zombie stays");
}

#[tokio::test]
async fn a_process_that_ignores_sigterm_is_killed_after_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let stubborn = settings(folder.path(), "trap '' TERM; echo up; while :; do sleep 0.05; done");
    let stop_timeout = Duration::from_millis(200);
    let runtime = ProcessRuntime::new(ProcessSettings { stop_timeout, ..stubborn });
    let first = restart(&runtime).await.unwrap();
    let mut lines = follow(&runtime);
    line_with(&mut lines, "up").await;
    restart(&runtime).await.unwrap();
    assert!(!runs(&pid_in(&first)));
    line_with(&mut lines, "did not stop within 0.2s and was killed").await;
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_process_that_dies_at_once_is_bad_with_its_exit_code_and_last_words() {
    let (_folder, runtime) =
        supervised("echo 'OSError: [Errno 98] Address already in use' >&2; exit 7");
    restart(&runtime).await.unwrap();
    until("seen as a crash", async || {
        matches!(runtime.health().await.unwrap(), RuntimeHealth::Bad { detail }
            if detail.contains("exited with code 7: OSError: [Errno 98] Address already in use"))
    })
    .await;
    let mut lines = follow(&runtime);
    assert!(line_with(&mut lines, "Address already in use").await.stderr);
    line_with(&mut lines, "started after a crash").await;
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_process_that_crashed_comes_back_and_is_bad_until_it_has_settled() {
    let (folder, runtime) =
        supervised("test -e crashed || { touch crashed; exit 1; }; exec sleep 68");
    restart(&runtime).await.unwrap();
    let mut lines = follow(&runtime);
    line_with(&mut lines, "started after a crash").await;
    assert!(folder.path().join("crashed").exists());
    assert!(matches!(runtime.health().await.unwrap(), RuntimeHealth::Bad { .. }));
    restart(&runtime).await.unwrap();
    assert_eq!(runtime.health().await.unwrap(), RuntimeHealth::Fine, "a deployment starts afresh");
    runtime.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_started_is_a_failure_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let argv = vec!["./no-such-server".to_owned()];
    let runtime = ProcessRuntime::new(ProcessSettings { argv, ..settings(folder.path(), "") });
    let failure = restart(&runtime).await.unwrap_err().to_string();
    assert!(failure.contains("cannot start ./no-such-server in /"), "{failure}");
    assert!(matches!(runtime.health().await.unwrap(), RuntimeHealth::Bad { .. }));
    runtime.shutdown().await;
}

/// An agent that is killed runs no destructor. Its pipes close, its children stay.
#[tokio::test]
async fn a_process_left_behind_by_a_killed_agent_is_ended_before_the_new_one_starts() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), "sleep 69 & echo $! >child; exec sleep 70");
    let record = settings.state_dir.join("running.json");
    let first = ProcessRuntime::new(settings.clone());
    let orphan = pid_in(&restart(&first).await.unwrap());
    until("the child is there", async || {
        folder.path().join("child").metadata().is_ok_and(|m| m.len() > 0)
    })
    .await;
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap().trim().to_owned();

    let second = ProcessRuntime::new(settings);
    second.ensure_running().await.unwrap();
    assert!(!runs(&orphan) && !runs(&child), "the orphans still run");
    second.shutdown().await;
    assert!(!record.exists(), "an orderly end leaves no record");
    drop(first);
}

#[tokio::test]
async fn children_of_a_leader_that_died_with_the_agent_are_found_by_their_token() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; (while :; do sleep 0.05; done) & echo $! >child; exec sleep 71";
    let settings = ProcessSettings {
        stop_timeout: Duration::from_millis(100),
        ..settings(folder.path(), script)
    };
    let record = settings.state_dir.join("running.json");
    let first = ProcessRuntime::new(settings.clone());
    let leader = pid_in(&restart(&first).await.unwrap());
    until("the child is there", async || {
        folder.path().join("child").metadata().is_ok_and(|m| m.len() > 0)
    })
    .await;
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap().trim().to_owned();
    let mut remembered: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    remembered["started"] = 1.into();
    std::fs::write(&record, remembered.to_string()).unwrap();

    let second = ProcessRuntime::new(ProcessSettings {
        argv: ["/bin/sleep", "72"].map(str::to_owned).to_vec(),
        ..settings
    });
    second.ensure_running().await.unwrap();
    assert!(!runs(&child) && !runs(&leader));
    second.shutdown().await;
    drop(first);
}

#[tokio::test]
async fn the_log_can_be_read_from_its_end_and_from_an_instant_and_outlives_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(
        folder.path(),
        "for i in 1 2 3 4 5; do echo line $i; done; echo done; exec sleep 73",
    );
    let runtime = ProcessRuntime::new(settings.clone());
    runtime.ensure_running().await.unwrap();
    line_with(&mut follow(&runtime), "done").await;
    runtime.shutdown().await;
    drop(runtime);

    let runtime = ProcessRuntime::new(settings);
    let read = async |from: LogStart| -> Vec<LogRecord> {
        runtime.logs().lines(from).map(Result::unwrap).concat().await
    };
    let all = read(LogStart::default()).await;
    assert!(all.windows(2).all(|pair| pair[0].time_unix_nanos < pair[1].time_unix_nanos));
    let printed: Vec<&str> =
        all.iter().filter(|record| !record.marker).map(|record| record.line.as_str()).collect();
    assert_eq!(printed, ["line 1", "line 2", "line 3", "line 4", "line 5", "done"]);
    assert_eq!(read(LogStart { tail: Some(2), ..LogStart::default() }).await, all[all.len() - 2..]);
    let since_unix_nanos = Some(all[3].time_unix_nanos);
    assert_eq!(read(LogStart { since_unix_nanos, ..LogStart::default() }).await, all[3..]);
    assert!(read(LogStart { tail: Some(0), ..LogStart::default() }).await.is_empty());
}

#[tokio::test]
async fn a_follower_across_rotation_and_restarts_loses_and_repeats_nothing() {
    let script = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo \"$i $PAD\"; done; echo the end; exec sleep 74";
    let folder = tempfile::tempdir().unwrap();
    let env = vec![("PAD".to_owned(), "p".repeat(200))];
    let runtime = ProcessRuntime::new(ProcessSettings { env, ..settings(folder.path(), script) });
    runtime.ensure_running().await.unwrap();
    let mut lines = follow(&runtime);
    let mut expected = 1;
    loop {
        let record = tokio::time::timeout(LONG, lines.next()).await.unwrap().unwrap().unwrap();
        if record.line == "the end" {
            break;
        }
        if !record.marker {
            assert_eq!(record.line.split(' ').next().unwrap().parse(), Ok(expected));
            expected += 1;
        }
    }
    assert_eq!(expected, 60_001);
    runtime.shutdown().await;
    let files = std::fs::read_dir(folder.path().join("state/log")).unwrap().count();
    assert_eq!(files, 2, "13 MB need two files");
}
