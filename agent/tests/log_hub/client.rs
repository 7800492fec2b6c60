//! What a client does with the hub's stream.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use prost::Message;
use ripcord_agent::logs::{LogError, LogHub, LogQuery};
use ripcord_proto::v1::{LogBatch, LogLine, StreamLogsResponse, stream_logs_response::Item};
use tokio::{sync::watch, time::timeout};

use crate::source::Source;

pub(crate) fn hub(source: &Source) -> Arc<LogHub> {
    LogHub::new(source.shared(), watch::channel(Arc::default()).1)
}

pub(crate) fn follow() -> LogQuery {
    LogQuery { follow: true, ..LogQuery::default() }
}

pub(crate) fn follow_new() -> LogQuery {
    LogQuery { tail: Some(0), ..follow() }
}

pub(crate) struct Client {
    stream: Pin<Box<dyn Stream<Item = Result<StreamLogsResponse, LogError>> + Send>>,
    pub(crate) lines: Vec<LogLine>,
    pub(crate) batches: Vec<Bytes>,
    pub(crate) gaps: Vec<u64>,
    pub(crate) cursor: String,
}

impl Client {
    pub(crate) fn new(hub: &Arc<LogHub>, query: LogQuery) -> Self {
        Self {
            stream: Box::pin(hub.read(query)),
            lines: vec![],
            batches: vec![],
            gaps: vec![],
            cursor: String::new(),
        }
    }

    /// Takes one item; `false` at the end.
    pub(crate) async fn take(&mut self) -> Result<bool, LogError> {
        let Some(item) = self.stream.next().await else { return Ok(false) };
        match item?.item.unwrap() {
            Item::Batch(bytes) => {
                let batch = LogBatch::decode(bytes.clone()).unwrap();
                let is_first = self.cursor.is_empty();
                assert!(is_first || !batch.lines.is_empty(), "an empty batch");
                self.batches.extend((!batch.lines.is_empty()).then_some(bytes));
                self.lines.extend(batch.lines);
                self.cursor = batch.cursor;
            }
            Item::Gap(gap) => {
                self.gaps.push(gap.lines);
                self.cursor = gap.cursor;
            }
        }
        Ok(true)
    }

    /// Takes what there is until nothing comes for a while.
    pub(crate) async fn drain(&mut self) {
        while let Ok(Ok(true)) = timeout(Duration::from_secs(2), self.take()).await {}
    }

    /// Joins, for a reader that must not miss what is written next.
    pub(crate) async fn join(&mut self) {
        while let Ok(taken) = timeout(Duration::from_millis(100), self.take()).await {
            assert!(taken.unwrap() && self.lines.is_empty(), "a line too early");
        }
    }

    pub(crate) async fn take_lines(&mut self, count: usize) {
        while self.lines.len() < count {
            assert!(self.take().await.unwrap(), "ended after {} lines", self.lines.len());
        }
    }

    pub(crate) fn texts(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line.line.as_str()).collect()
    }

    /// The same client with a new stream that goes on behind the last batch.
    pub(crate) fn resume(&mut self, hub: &Arc<LogHub>, query: LogQuery) {
        let cursor = (!self.cursor.is_empty()).then(|| self.cursor.parse().unwrap());
        self.stream = Box::pin(hub.read(LogQuery { cursor, ..query }));
    }
}
