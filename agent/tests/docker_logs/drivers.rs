//! Logs as each driver keeps them: the lines and times that Docker itself shows.

use futures_util::StreamExt;
use regex::Regex;
use ripcord_agent::{
    adapters::docker::{Containers, DockerRuntime, DockerSettings, RestartAction},
    ports::{LogRecord, LogStart},
};

use crate::{
    backlog, lines, next,
    support::{self, Project, until},
    texts,
};

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

/// With `max-file: 1` Docker truncates the file itself.
#[tokio::test]
async fn a_file_that_is_truncated_under_its_reader_does_not_end_the_backlog() {
    let talk = "command: [sh, -c, 'seq 40000; until test -e /www/more; do sleep 0.05; done; echo new; exec sleep 1000']";
    let Some(project) = Project::up(talk) else { return };
    let runtime = project.runtime();
    until("it talks", async || backlog(&runtime, LogStart::default()).await.len() == 40_000).await;
    let file = support::docker(["inspect", "-f", "{{.LogPath}}", &project.container()]).stdout;
    let file = String::from_utf8(file).unwrap();
    let Ok(file) = std::fs::OpenOptions::new().write(true).open(file.trim()) else { return };
    let mut lines = lines(&runtime, LogStart::default());
    assert_eq!(next(&mut lines).await.line, "1");
    file.set_len(0).unwrap();
    std::fs::write(project.mounted.join("more"), "").unwrap();
    until("it went on", async || said(&project.container(), &[]).0.ends_with("new\n")).await;
    let rest: Vec<LogRecord> = lines.map(Result::unwrap).collect().await;
    assert!(rest.len() < 40_000, "the file was read to its end before");
    assert_eq!(rest.last().unwrap().line, "new");
}
