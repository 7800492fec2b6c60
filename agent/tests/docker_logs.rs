//! Container logs, on a real Docker engine: across restarts and recreation, every line once.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/docker.rs"]
mod support;

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use regex::Regex;
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
        let last = loop {
            if let Some(last) = next(&mut lines).await.line.strip_prefix("bye ") {
                break last.parse::<u64>().unwrap();
            }
        };
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

/// Prints what is hard to keep apart: escapes, both streams, empty lines, line ends of others, bytes
/// that are no text, a line longer than Docker's own limit, and no end behind the last one.
const ODD: &str = r#"
printf 'quote " back \\ tab \t <tag> & \033[1mbold\033[0m é 😀 \342\200\250\n'
printf 'error\n' >&2; printf '\n'; printf 'windows\r\n'; printf 'bad \377 byte\n'
head -c 40000 /dev/zero | tr '\0' x; echo
for i in 0 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4 5 6 7 8 9; do
  echo "out $i$j"; echo "err $i$j" >&2
done; done
printf 'no end'
"#;

/// Services whose logs Docker keeps in different ways.
const KEPT: [(&str, &str); 7] = [
    ("plain", "logging: {driver: json-file}"),
    ("labelled", "labels: {a: '\"time\":\"b'}\nlogging: {driver: json-file, options: {labels: a}}"),
    ("rotated", "logging: {driver: json-file, options: {max-size: 4k, max-file: '4'}}"),
    (
        "compressed",
        "logging: {driver: json-file, options: {max-size: 4k, max-file: '4', compress: 'true'}}",
    ),
    ("truncated", "logging: {driver: json-file, options: {max-size: 4k, max-file: '1'}}"),
    ("terminal", "tty: true"),
    ("local", "logging: {driver: local}"),
];

/// What `docker logs` says of a container, of both streams, or of one.
fn said(container: &str, arguments: &[&str]) -> (String, String) {
    let output = std::process::Command::new("docker")
        .arg("logs")
        .args(arguments)
        .arg(container)
        .output()
        .unwrap();
    // The driver `local` of Docker 20.10 forgets the end of a long line.
    let glued = Regex::new(r"x(\S{30} )?out 00").unwrap();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        glued.replace(&text, "x\n${1}out 00").into_owned()
    };
    (text(&output.stdout), text(&output.stderr))
}

fn of_stream(records: &[LogRecord], stderr: bool) -> String {
    let lines = records.iter().filter(|record| record.stderr == stderr);
    let text: String = lines.map(|record| format!("{}\n", record.line)).collect();
    text.trim_end_matches('\n').to_owned()
}

/// The times and lines of one stream as `docker logs -t` shows them; a long line has times within.
fn stamped(text: &str) -> Vec<(i64, &str)> {
    let stamped = text.split_terminator('\n').filter_map(|line| {
        let (time, line) = line.split_once(' ')?;
        let time: jiff::Timestamp = time.parse().ok()?;
        Some((i64::try_from(time.as_nanosecond()).unwrap(), line))
    });
    stamped.collect()
}

/// The records have Docker's times, except that no line is earlier than the one before it.
fn assert_times(records: &[LogRecord], (out, err): &(String, String), of: &str) {
    let mut expected =
        [false, true].map(|stderr| stamped(if stderr { err } else { out }).into_iter());
    let mut last = 0;
    for record in records {
        let (time, line) = expected[usize::from(record.stderr)].next().unwrap();
        assert_eq!(record.time_unix_nanos, time.max(last), "{of}: {}", record.line);
        assert!(line == record.line || line.len() > 16 * 1024, "{of}: {line}");
        last = record.time_unix_nanos;
    }
    assert!(expected.into_iter().all(|mut rest| rest.next().is_none()), "{of}: lines are missing");
}

#[tokio::test]
async fn every_driver_gives_the_lines_and_times_that_docker_itself_shows() {
    let Some(project) = Project::new() else { return };
    for (name, _) in KEPT {
        // A terminal has one stream, and Docker puts times into the midst of its long lines.
        let script = if name == "terminal" { "seq 60; printf 'no end'" } else { ODD };
        std::fs::write(project.mounted.join(format!("{name}.sh")), script).unwrap();
    }
    let services =
        KEPT.map(|(name, options)| (name, format!("command: [sh, /www/{name}.sh]\n{options}")));
    let services: Vec<_> = services.iter().map(|(name, yaml)| (*name, yaml.as_str())).collect();
    project.write_services(&services);
    project.compose(["up", "-d"]);
    for (name, _) in KEPT {
        let container = format!("{}_{name}_1", project.name);
        support::docker(["wait", &container]);
        let named = Containers::Named(vec![container.clone()]);
        let settings = project.settings(RestartAction::Restart);
        let runtime = DockerRuntime::new(DockerSettings { containers: named, ..settings });
        let all = backlog(&runtime, LogStart::default()).await;
        assert!(all.len() > 10, "{name}: {:?}", texts(&all));
        let (out, err) = said(&container, &[]);
        assert_eq!(of_stream(&all, false), out.trim_end_matches('\n'), "{name}");
        assert_eq!(of_stream(&all, true), err.trim_end_matches('\n'), "{name}");
        assert_times(&all, &said(&container, &["-t"]), name);
        for tail in [1, 7, 50] {
            let last =
                backlog(&runtime, LogStart { tail: Some(tail), ..LogStart::default() }).await;
            let (out, err) = said(&container, &["-n", &tail.to_string()]);
            assert_eq!(of_stream(&last, false), out.trim_end_matches('\n'), "{name} -n {tail}");
            assert_eq!(of_stream(&last, true), err.trim_end_matches('\n'), "{name} -n {tail}");
        }
        // Behind the long line, whichever stream was faster: it has one time, and takes some.
        let middle = Some(all[all.len() * 3 / 4].time_unix_nanos);
        let from = LogStart { since_unix_nanos: middle, ..LogStart::default() };
        let since = all.iter().filter(|record| Some(record.time_unix_nanos) >= middle);
        let since: Vec<_> = since.cloned().collect();
        assert_eq!(backlog(&runtime, from).await, since, "{name}");
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
