//! What `logs` promises: every line once across lost connections, and an end where there is one.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use std::process::Stdio;

use ripcord_proto::v1::{self, LogLine, StreamLogsResponse, stream_logs_response};
use serde_json::json;
use stage::{
    DEADLINE, Stage,
    agent::{Act, Agent, Call, batch},
    said,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

fn line(source: &str, text: &str) -> LogLine {
    let time_unix_nanos = 1_700_000_000_000_000_000;
    LogLine {
        time_unix_nanos,
        source: source.into(),
        line: text.into(),
        deployment: 142,
        ..LogLine::default()
    }
}

#[tokio::test]
async fn log_lines_are_harmless_name_their_source_and_tell_of_gaps() {
    let stage = Stage::new();
    let gap = v1::Gap { lines: 1_234, cursor: String::new() };
    let gap = StreamLogsResponse { item: Some(stream_logs_response::Item::Gap(gap)) };
    let lines = vec![line("web", "\u{1b}[32mGET\u{1b}[0m /"), line("worker", "job\rdone")];
    let agent = Agent::start(&stage, vec![Act::Lines(vec![batch("a", lines), gap])]).await;
    let said = said(stage.operator(agent.port, &["logs", "preprod", "-n", "5"])).await;
    assert_eq!(said.stdout, "web    | GET /\nworker | job\\rdone\n");
    assert_eq!(said.stderr, "… 1,234 lines were missed (reader too slow)\n");
    let [Call::Logs(request)] = &agent.calls()[..] else { panic!("one call") };
    assert_eq!((request.tail, request.follow), (Some(5), false));
}

#[tokio::test]
async fn logs_json_is_one_object_per_line() {
    let stage = Stage::new();
    let lines = batch("a", vec![line("web", "\u{1b}[32mok")]);
    let agent = Agent::start(&stage, vec![Act::Lines(vec![lines])]).await;
    let said = said(stage.operator(agent.port, &["logs", "preprod", "--json", "--agent"])).await;
    let expected = json!({
        "time": "2023-11-14T22:13:20Z", "source": "web", "deployment": 142, "stream": "stdout",
        "line": "\u{1b}[32mok",
    });
    assert_eq!(said.json(), expected);
    let [Call::Logs(request)] = &agent.calls()[..] else { panic!("one call") };
    assert_eq!(request.of, Some(v1::stream_logs_request::Of::Agent(true)));
}

#[tokio::test]
async fn a_log_that_is_followed_goes_on_behind_its_cursor_after_a_cut() {
    let stage = Stage::new();
    let acts = vec![
        Act::LinesAndHang(vec![batch("cursor-1", vec![line("web", "one")])]),
        Act::LinesAndHang(vec![batch("cursor-2", vec![line("web", "two")])]),
    ];
    let agent = Agent::start(&stage, acts).await;
    let mut command = stage.operator(agent.port, &["logs", "preprod", "-f", "-n", "10"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for (expected, cut) in [("one", true), ("two", false)] {
        let next = timeout(DEADLINE, lines.next_line()).await.expect("in time");
        assert_eq!(next.unwrap().as_deref(), Some(expected));
        if cut {
            agent.cut();
        }
    }
    let calls = agent.calls();
    let [Call::Logs(_), Call::Logs(again)] = &calls[..] else { panic!("two calls") };
    assert_eq!(again.cursor, "cursor-1");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_log_quietly() {
    let stage = Stage::new();
    let lines: Vec<LogLine> = (0..2_000).map(|_| line("web", &"x".repeat(200))).collect();
    let agent = Agent::start(&stage, vec![Act::Lines(vec![batch("a", lines)])]).await;
    let mut command = stage.operator(agent.port, &["logs", "preprod"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = timeout(DEADLINE, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[tokio::test]
async fn a_followed_log_that_ends_by_itself_is_a_success() {
    let stage = Stage::new();
    for ends in [&["--deployment", "142"][..], &["--until", "2026-11-22T10:00:00Z"]] {
        let lines = batch("cursor-1", vec![line("web", "last")]);
        let agent = Agent::start(&stage, vec![Act::Lines(vec![lines])]).await;
        let arguments = [&["logs", "preprod", "-f"], ends].concat();
        let said = said(stage.operator(agent.port, &arguments)).await;
        assert_eq!((said.code, said.stdout.as_str()), (0, "last\n"), "{}", said.stderr);
        assert_eq!((said.stderr.as_str(), agent.calls().len()), ("", 1));
    }
}

#[tokio::test]
async fn a_quiet_log_is_attached_again_whether_or_not_a_line_comes() {
    let stage = Stage::new();
    let acts = (0..3).map(|_| Act::LinesAndHang(vec![])).collect();
    let agent = Agent::start(&stage, acts).await;
    let mut command = stage.operator(agent.port, &["logs", "preprod", "-f"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let arrived = async {
        while agent.calls().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, arrived).await.expect("the request arrives");
    for expected in ["connection lost", "attached again", "connection lost", "attached again"] {
        if expected == "connection lost" {
            agent.cut();
        }
        let next = timeout(DEADLINE, told.next_line()).await.expect("in time").unwrap();
        assert!(next.as_ref().unwrap().contains(expected), "{next:?}");
    }
    child.kill().await.unwrap();
}
