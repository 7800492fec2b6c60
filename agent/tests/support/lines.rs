//! A client that reads log lines from a real agent, and remembers what it got.

// Each test binary uses its own part of this.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

use prost::Message as _;
use ripcord_proto::v1::{
    LogBatch, LogLine, StreamLogsRequest, StreamLogsResponse, stream_logs_request::Of,
    stream_logs_response::Item,
};
use tonic::Streaming;

use super::site::{Client, PATIENCE};

pub struct LogReader {
    stream: Streaming<StreamLogsResponse>,
    pub lines: Vec<LogLine>,
    /// Where to go on behind `lines`.
    pub cursor: String,
}

/// The application's log of `lab`.
pub fn application() -> StreamLogsRequest {
    StreamLogsRequest { environment: "lab".to_owned(), ..StreamLogsRequest::default() }
}

pub fn follow() -> StreamLogsRequest {
    StreamLogsRequest { follow: true, ..application() }
}

pub fn story(number: u64) -> StreamLogsRequest {
    StreamLogsRequest { of: Some(Of::Deployment(number)), ..application() }
}

pub fn agents_own() -> StreamLogsRequest {
    StreamLogsRequest { of: Some(Of::Agent(true)), ..application() }
}

impl LogReader {
    pub async fn open(client: &mut Client, request: StreamLogsRequest) -> Self {
        let stream = client.stream_logs(request).await.unwrap().into_inner();
        Self { stream, lines: Vec::new(), cursor: String::new() }
    }

    /// Reads one batch; `false` at the end.
    async fn read(&mut self) -> bool {
        let next = tokio::time::timeout(PATIENCE, self.stream.message()).await;
        let Ok(next) = next else { panic!("no line comes after {:?}", self.lines.last()) };
        let Some(response) = next.unwrap() else { return false };
        let Some(Item::Batch(bytes)) = response.item else { panic!("a gap: {response:?}") };
        let batch = LogBatch::decode(bytes).unwrap();
        self.cursor = batch.cursor;
        self.lines.extend(batch.lines);
        true
    }

    /// Reads until a line of those not looked at yet (from the index `from` on) is like that;
    /// answers the index behind it.
    pub async fn until(&mut self, from: usize, is_it: impl Fn(&LogLine) -> bool) -> usize {
        let mut looked = from;
        loop {
            if let Some(at) = self.lines[looked..].iter().position(&is_it) {
                return looked + at + 1;
            }
            looked = self.lines.len();
            assert!(self.read().await, "the log ended: {:?}", self.lines.last());
        }
    }

    /// Reads to the end of a log that is not followed.
    pub async fn the_rest(mut self) -> Vec<LogLine> {
        while self.read().await {}
        self.lines
    }
}

/// All lines that the request asks for.
pub async fn read(client: &mut Client, request: StreamLogsRequest) -> Vec<LogLine> {
    LogReader::open(client, request).await.the_rest().await
}

/// The numbers of the application's lines `n 1`, `n 2`, ….
pub fn numbers(lines: &[LogLine]) -> Vec<u64> {
    let number = |line: &LogLine| line.line.strip_prefix("n ")?.parse().ok();
    lines.iter().filter_map(number).collect()
}

/// Asserts that no number is missing and none comes twice.
#[track_caller]
pub fn assert_consecutive(lines: &[LogLine]) {
    let numbers = numbers(lines);
    for pair in numbers.windows(2) {
        assert_eq!(pair[1], pair[0] + 1, "lost or repeated");
    }
}

/// What the marks of deployments say.
pub fn deployment_marks(lines: &[LogLine]) -> Vec<&str> {
    let marks = lines.iter().filter(|line| line.marker && line.source == "deployment");
    marks.map(|line| line.line.as_str()).collect()
}
