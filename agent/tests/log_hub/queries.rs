//! What can be asked for, and what is refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use regex::Regex;
use ripcord_agent::logs::{InvalidQuery, LogQuery, limits::CURSOR_BYTES};
use ripcord_agent::ports::LogRecord;
use ripcord_proto::v1::StreamLogsRequest;
use tokio::time::{Instant, sleep};

use crate::{
    client::{Client, follow, hub},
    source::{Source, record},
};

fn sample() -> Vec<LogRecord> {
    vec![
        record("web", 10, "GET /health 200"),
        record("db", 20, "checkpoint"),
        record("web", 30, "GET /recipes 500"),
        LogRecord { marker: true, ..record("web", 40, "deployment #7") },
        LogRecord { stderr: true, ..record("web", 50, "panic in /recipes") },
        record("db", 60, "ready"),
    ]
}

async fn ask(source: &Source, query: LogQuery) -> Vec<String> {
    let mut client = Client::new(&hub(source), query);
    while client.take().await.unwrap() {}
    client.texts().into_iter().map(str::to_owned).collect()
}

fn patterns(texts: &[&str]) -> Vec<Regex> {
    texts.iter().map(|text| Regex::new(text).unwrap()).collect()
}

#[tokio::test]
async fn without_follow_the_stream_ends_with_the_backlog() {
    let source = Source::with_lines(sample());
    let all = ask(&source, LogQuery::default()).await;
    assert_eq!(all.len(), 6);
    let last = ask(&source, LogQuery { tail: Some(1), ..LogQuery::default() }).await;
    assert_eq!(last, ["panic in /recipes", "ready"], "the last of each source");
    assert_eq!(ask(&source, LogQuery { tail: Some(0), ..LogQuery::default() }).await.len(), 0);
    let range = LogQuery { since: Some(20), until: Some(50), ..LogQuery::default() };
    assert_eq!(ask(&source, range).await, ["checkpoint", "GET /recipes 500", "deployment #7"]);
    assert_eq!(source.follows(), 0);
}

#[tokio::test]
async fn filters_keep_what_is_wanted_and_every_marker() {
    let source = Source::with_lines(sample());
    let service = LogQuery { services: vec!["db".into()], ..LogQuery::default() };
    assert_eq!(ask(&source, service).await, ["checkpoint", "deployment #7", "ready"]);
    let including = LogQuery { include: patterns(&["recipes", r"\b500$"]), ..LogQuery::default() };
    assert_eq!(ask(&source, including).await, ["GET /recipes 500", "deployment #7"]);
    let excluding = LogQuery { exclude: patterns(&["^GET", "ready"]), ..LogQuery::default() };
    assert_eq!(ask(&source, excluding).await, ["checkpoint", "deployment #7", "panic in /recipes"]);
}

#[tokio::test(start_paused = true)]
async fn filters_and_since_mean_the_same_for_live_lines() {
    for query in [
        LogQuery { services: vec!["db".into()], ..follow() },
        LogQuery { include: patterns(&["recipes"]), ..follow() },
        LogQuery { exclude: patterns(&["recipes", "e"]), ..follow() },
        LogQuery { since: Some(30), ..follow() },
        LogQuery { since: Some(55), tail: Some(0), ..follow() },
    ] {
        let backlog = LogQuery { follow: false, tail: None, ..query.clone() };
        let expected = ask(&Source::with_lines(sample()), backlog).await;
        let source = Source::new();
        let mut client = Client::new(&hub(&source), query);
        client.join().await;
        for line in sample() {
            source.write(line);
            sleep(Duration::from_millis(40)).await;
        }
        client.drain().await;
        assert_eq!(client.texts(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn follow_until_an_instant_ends_there_although_the_application_is_silent() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let until = i64::try_from((now + Duration::from_secs(60)).as_nanos()).unwrap();
    let source = Source::with_lines([record("web", 1, "a")]);
    let began = Instant::now();
    let mut client = Client::new(&hub(&source), LogQuery { until: Some(until), ..follow() });
    client.take_lines(1).await;
    source.write(record("web", until - 1, "in time"));
    source.write(record("web", until, "too late"));
    while client.take().await.unwrap() {}
    assert_eq!(client.texts(), ["a", "in time"]);
    assert!(began.elapsed() > Duration::from_secs(55));
    let past = ask(&source, LogQuery { until: Some(until - 1), ..LogQuery::default() }).await;
    assert_eq!(past, ["a"]);
}

#[test]
fn requests_that_make_no_sense_are_refused_with_the_reason() {
    let ok = StreamLogsRequest { include: vec![r"(?i)error|\w+é".into()], ..request() };
    assert!(LogQuery::parse(&ok).is_ok());
    let refused = |request: StreamLogsRequest| LogQuery::parse(&request).unwrap_err();
    let bad = refused(StreamLogsRequest { include: vec!["(".into()], ..request() });
    assert_eq!(bad.to_string(), r#"the pattern "(" is not usable: unclosed group"#);
    let bomb = vec![r"(\w{100}){100}".into()];
    let bad = refused(StreamLogsRequest { exclude: bomb, ..request() });
    assert!(bad.to_string().contains("too much memory"), "{bad}");
    let many = vec!["a".to_owned(); 17];
    let bad = refused(StreamLogsRequest { include: many, ..request() });
    assert!(matches!(bad, InvalidQuery::TooMany { limit: 16, .. }));
    let range = StreamLogsRequest { since_unix_nanos: 5, until_unix_nanos: 5, ..request() };
    assert_eq!(refused(range), InvalidQuery::EmptyRange);
    let negative = StreamLogsRequest { since_unix_nanos: -5, ..request() };
    assert_eq!(refused(negative), InvalidQuery::BeforeEpoch);
    for cursor in ["x".to_owned(), "1~".into(), "1~0~a".into(), "1~0".repeat(CURSOR_BYTES)] {
        let bad = refused(StreamLogsRequest { cursor, ..request() });
        assert!(bad.to_string().contains("leave it out"), "{bad}");
    }
}

fn request() -> StreamLogsRequest {
    StreamLogsRequest { follow: true, ..StreamLogsRequest::default() }
}
