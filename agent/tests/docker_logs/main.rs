//! Container logs, on a real Docker engine: across restarts and recreation, every line once.
#![allow(missing_docs, clippy::unwrap_used)]

mod drivers;
#[path = "../support/docker.rs"]
mod support;

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use ripcord_agent::{
    adapters::docker::{Containers, DockerRuntime, DockerSettings, RestartAction},
    ports::{LogRecord, LogStart, Runtime},
};
use ripcord_core::Failure;
use support::{LONG, Project, restart, until};

type Lines = BoxStream<'static, Result<LogRecord, Failure>>;

/// Prints numbers as fast as it can write them, goes on behind the last one after a restart, and
/// says when it stops.
const COUNTING: &str = r#"command: [sh, -c, "
    trap 'stop=1' TERM;
    i=$$(cat /www/last 2>/dev/null || echo 0);
    while test -z \"$$stop\"; do
      i=$$((i+1)); echo \"n $$i\"; test $$((i % 50)) -ne 0 || sleep 0.01;
    done;
    echo $$i >/www/last; echo \"bye $$i\""]"#;

async fn next(lines: &mut Lines) -> LogRecord {
    let next = tokio::time::timeout(LONG, lines.next()).await.expect("a line in time");
    next.expect("the stream goes on").unwrap()
}

fn follow(runtime: &DockerRuntime) -> Lines {
    lines(runtime, LogStart { follow: true, ..LogStart::default() })
}

/// Its lines one by one.
fn lines(runtime: &DockerRuntime, from: LogStart) -> Lines {
    let each = |records: Vec<LogRecord>| futures_util::stream::iter(records).map(Ok);
    runtime.logs().lines(from).map_ok(each).try_flatten().boxed()
}

async fn backlog(runtime: &DockerRuntime, from: LogStart) -> Vec<LogRecord> {
    lines(runtime, from).map(Result::unwrap).collect().await
}

fn texts(records: &[LogRecord]) -> Vec<&str> {
    records.iter().map(|record| record.line.as_str()).collect()
}

/// Reads up to where a run ends, and answers its last number.
async fn until_bye(lines: &mut Lines) -> u64 {
    loop {
        if let Some(last) = next(lines).await.line.strip_prefix("bye ") {
            return last.parse().unwrap();
        }
    }
}

/// Reads numbered lines until so many were seen after the given number of restarts.
async fn count(lines: &mut Lines, restarts: u32, more: u64) {
    let (mut last, mut seen, mut left) = (None::<u64>, 0, more);
    let mut time = 0;
    while seen < restarts || left > 0 {
        let record = next(lines).await;
        assert!(record.time_unix_nanos >= time, "time goes back");
        time = record.time_unix_nanos;
        let (kind, number) = record.line.split_once(' ').unwrap();
        let number: u64 = number.parse().unwrap();
        if kind == "bye" {
            seen += 1;
            assert_eq!(Some(number), last);
            continue;
        }
        if let Some(last) = last {
            assert_eq!(number, last + 1, "lost or repeated");
        }
        last = Some(number);
        left = left.saturating_sub(u64::from(seen == restarts));
    }
}

#[tokio::test]
async fn a_follower_across_restarts_gets_every_line_once() {
    let Some(project) = Project::up(COUNTING) else { return };
    let runtime = project.runtime();
    let mut lines = follow(&runtime);
    let reading = tokio::spawn(async move { count(&mut lines, 3, 500).await });
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        restart(&runtime).await.0.unwrap();
    }
    tokio::time::timeout(LONG, reading).await.expect("in time").unwrap();
}

#[tokio::test]
async fn a_recreated_container_is_followed_from_its_first_line() {
    let Some(project) = Project::up(COUNTING) else { return };
    let runtime = DockerRuntime::new(project.settings(RestartAction::Recreate));
    let mut lines = follow(&runtime);
    assert_eq!(next(&mut lines).await.line, "n 1");
    // Read all the while: what waits in Docker for a slow reader is gone with the container.
    let reading = tokio::spawn(async move {
        let last = until_bye(&mut lines).await;
        assert_eq!(next(&mut lines).await.line, format!("n {}", last + 1));
    });
    restart(&runtime).await.0.unwrap();
    tokio::time::timeout(LONG, reading).await.expect("in time").unwrap();
}

#[tokio::test]
async fn a_container_that_dies_at_once_after_a_restart_is_heard_all_the_same() {
    let once = "command: [sh, -c, 'echo run; test -e /www/broken && exit 1; exec sleep 1000']";
    let Some(project) = Project::up(once) else { return };
    let runtime = project.runtime();
    let mut lines = follow(&runtime);
    assert_eq!(next(&mut lines).await.line, "run");
    std::fs::write(project.folder.join("www/broken"), "").unwrap();
    for _ in 0..2 {
        restart(&runtime).await.0.unwrap();
        assert_eq!(next(&mut lines).await.line, "run");
    }
}

#[tokio::test]
async fn a_container_that_is_missing_hides_no_other() {
    let Some(project) = Project::up(COUNTING) else { return };
    let names = vec![format!("{}_gone_1", project.name), project.container()];
    let settings = project.settings(RestartAction::Restart);
    let containers = Containers::Named(names);
    let runtime = DockerRuntime::new(DockerSettings { containers, ..settings });
    let mut lines = follow(&runtime);
    assert_eq!(next(&mut lines).await.line, "n 1");
    project.compose(["restart"]);
    until_bye(&mut lines).await;
    assert!(next(&mut lines).await.line.starts_with("n "), "it is attached again");
    assert_eq!(texts(&backlog(&runtime, LogStart::default()).await)[0], "n 1");
}

#[tokio::test]
async fn a_container_whose_log_nobody_can_read_hides_no_other_and_is_named() {
    let Some(project) = Project::new() else { return };
    let silent = "command: [sleep, '1000']\nlogging: {driver: none}";
    project.write_services(&[("api", silent), ("web", COUNTING)]);
    project.compose(["up", "-d"]);
    let runtime = project.runtime();
    let mut lines = follow(&runtime);
    let first = next(&mut lines).await;
    assert!(first.marker && first.line.starts_with("api has no log"), "{}", first.line);
    count(&mut lines, 0, 500).await;
    let last = backlog(&runtime, LogStart { tail: Some(1), ..LogStart::default() }).await;
    assert_eq!(last.len(), 1, "{:?}", texts(&last));
}

#[tokio::test]
async fn a_crash_in_the_midst_of_a_line_costs_no_line_of_the_next_run() {
    let torn =
        "command: [sh, -c, \"echo run; test -e /www/calm && exec sleep 1000; printf 'no end'\"]";
    let Some(project) = Project::up(torn) else { return };
    support::docker(["wait", &project.container()]);
    let runtime = project.runtime();
    let mut lines = follow(&runtime);
    for _ in 0..2 {
        assert_eq!(next(&mut lines).await.line, "run");
        assert_eq!(next(&mut lines).await.line, "no end", "it is told when it is printed");
        restart(&runtime).await.0.unwrap();
    }
    std::fs::write(project.mounted.join("calm"), "").unwrap();
    let all = backlog(&runtime, LogStart::default()).await;
    assert_eq!(texts(&all)[..4], ["run", "no end", "run", "no end"], "nothing is glued");
}

#[tokio::test]
async fn the_backlog_of_several_services_is_one_sequence_in_time() {
    let Some(project) = Project::new() else { return };
    let talk = "command: [sh, -c, 'for i in 1 2 3; do echo out $$i; echo err $$i >&2; sleep 0.1; done; exec sleep 1000']";
    project.write_services(&[("api", talk), ("web", talk)]);
    project.compose(["up", "-d"]);
    let runtime = project.runtime();
    until("all is said", async || backlog(&runtime, LogStart::default()).await.len() == 12).await;
    let all = backlog(&runtime, LogStart::default()).await;
    assert!(all.is_sorted_by_key(|record| record.time_unix_nanos));
    for (source, stderr, words) in [("api", true, "err"), ("web", false, "out")] {
        let of = |record: &&LogRecord| &*record.source == source && record.stderr == stderr;
        let lines: Vec<_> = all.iter().filter(of).map(|record| record.line.as_str()).collect();
        assert_eq!(lines, [1, 2, 3].map(|i| format!("{words} {i}")));
    }
    let last = backlog(&runtime, LogStart { tail: Some(1), ..LogStart::default() }).await;
    assert_eq!(last.len(), 2, "one per container: {:?}", texts(&last));
    let since_unix_nanos = Some(all[5].time_unix_nanos);
    let since = backlog(&runtime, LogStart { since_unix_nanos, ..LogStart::default() }).await;
    assert_eq!(since, all[5..]);
}

#[tokio::test]
async fn a_follower_without_backlog_gets_only_what_is_new() {
    let Some(project) = Project::up(COUNTING) else { return };
    let runtime = project.runtime();
    until("it talks", async || backlog(&runtime, LogStart::default()).await.len() > 10).await;
    let old = backlog(&runtime, LogStart::default()).await;
    let mut lines =
        lines(&runtime, LogStart { tail: Some(0), follow: true, ..LogStart::default() });
    let first = next(&mut lines).await;
    assert!(first.time_unix_nanos > old.last().unwrap().time_unix_nanos);
    let mut lines =
        self::lines(&runtime, LogStart { tail: Some(5), follow: true, ..LogStart::default() });
    count(&mut lines, 0, 100).await;
}

#[tokio::test]
async fn long_lines_come_whole_and_terminals_are_understood() {
    let Some(project) = Project::new() else { return };
    let long = "command: [sh, -c, \"head -c 40000 /dev/zero | tr '\\\\0' x; echo; echo after; exec sleep 1000\"]";
    let terminal = "command: [sh, -c, 'echo one; echo two; exec sleep 1000']\ntty: true";
    project.write_services(&[("long", long), ("terminal", terminal)]);
    project.compose(["up", "-d"]);
    let runtime = project.runtime();
    until("all is said", async || backlog(&runtime, LogStart::default()).await.len() == 4).await;
    let all = backlog(&runtime, LogStart::default()).await;
    let of = |source: &str| -> Vec<&str> {
        let of_source = all.iter().filter(|record| &*record.source == source);
        of_source.map(|record| record.line.as_str()).collect()
    };
    assert_eq!(of("long"), [&*"x".repeat(40_000), "after"]);
    assert_eq!(of("terminal"), ["one", "two"]);
}

#[tokio::test]
async fn a_reader_of_an_engine_that_is_down_is_told_so() {
    let Some(project) = Project::new() else { return };
    let settings = project.settings(RestartAction::Restart);
    let socket = project.folder.join("none.sock");
    let runtime = DockerRuntime::new(DockerSettings { socket, ..settings });
    for follow in [true, false] {
        let mut lines = lines(&runtime, LogStart { follow, ..LogStart::default() });
        let failure = lines.next().await.unwrap().unwrap_err();
        assert!(failure.message.starts_with("cannot reach docker"), "{failure}");
    }
}

/// The engine opens a rotated file twice now and then, and tells its first lines again. With
/// `compress` Docker 20.10 skips whole files under its followers; nobody can tell from its answers.
#[tokio::test]
async fn a_follower_across_rotation_and_restarts_gets_every_line_once() {
    let Some(project) = Project::new() else { return };
    let logging = "logging: {driver: json-file, options: {max-size: 300k, max-file: '3'}}";
    project.write(&format!("{COUNTING}\n{logging}"));
    project.compose(["up", "-d"]);
    let runtime = project.runtime();
    let mut lines = follow(&runtime);
    // Some 75 bytes a line: the file is put aside every 4,000 lines.
    let reading = tokio::spawn(async move { count(&mut lines, 2, 20_000).await });
    for _ in 0..2 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        restart(&runtime).await.0.unwrap();
    }
    tokio::time::timeout(LONG, reading).await.expect("in time").unwrap();
}

#[tokio::test]
async fn a_backlog_that_is_read_while_it_is_rotated_has_no_holes() {
    let Some(project) = Project::new() else { return };
    let logging =
        "logging: {driver: json-file, options: {max-size: 200k, max-file: '4', compress: 'true'}}";
    project.write(&format!("{COUNTING}\n{logging}"));
    project.compose(["up", "-d"]);
    let runtime = project.runtime();
    until("it talks", async || backlog(&runtime, LogStart::default()).await.len() > 1_000).await;
    for _ in 0..40 {
        let all = backlog(&runtime, LogStart::default()).await;
        let number = |record: &LogRecord| record.line[2..].parse::<u64>().unwrap();
        let first = number(&all[0]);
        let numbers: Vec<u64> = all.iter().map(number).collect();
        assert_eq!(numbers, (first..first + all.len() as u64).collect::<Vec<_>>());
    }
}
