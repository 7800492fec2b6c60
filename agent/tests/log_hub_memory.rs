//! A thousand followers that stop reading must not make the agent grow: measured on the process,
//! therefore alone in its binary.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, stream};
use ripcord_agent::{
    logs::{LogError, LogHub, LogQuery},
    ports::{LogChunks, LogRecord, LogSource, LogStart},
};
use ripcord_proto::v1::{StreamLogsResponse, stream_logs_response::Item};
use tokio::{sync::watch, time::timeout};

const LINES: i64 = 200_000;
const FOLLOWERS: usize = 1_000;

/// An empty log into which many lines come as soon as `go`.
struct Torrent {
    go: watch::Receiver<bool>,
}

impl LogSource for Torrent {
    fn lines(&self, from: LogStart) -> LogChunks {
        if !from.follow {
            return stream::empty().boxed();
        }
        let mut go = self.go.clone();
        stream::once(async move { go.wait_for(|go| *go).await.is_ok() })
            .flat_map(|_| {
                stream::iter(0..LINES / 64).map(|n| Ok((n * 64..(n + 1) * 64).map(line).collect()))
            })
            .chain(stream::pending())
            .boxed()
    }
}

fn line(n: i64) -> LogRecord {
    LogRecord {
        time_unix_nanos: n,
        source: "web".into(),
        stderr: false,
        line: format!("{n:08} {}", "x".repeat(190)),
        marker: false,
    }
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

type Responses = Pin<Box<dyn Stream<Item = Result<StreamLogsResponse, LogError>> + Send>>;

async fn poll_once(stream: &mut Responses) {
    let _ = timeout(Duration::ZERO, stream.next()).await;
}

/// The oldest batch with lines that is still there, behind the gap.
async fn next_batch(stream: &mut Responses) -> Item {
    loop {
        let item = stream.next().await.unwrap().unwrap().item.unwrap();
        if matches!(&item, Item::Batch(bytes) if bytes.len() > 1024) {
            return item;
        }
    }
}

#[tokio::test]
async fn a_thousand_followers_that_never_read_cost_less_than_32_mib() {
    let (go, going) = watch::channel(false);
    let hub = LogHub::new(Arc::new(Torrent { go: going }), watch::channel(Arc::default()).1);
    let query = || LogQuery { follow: true, tail: Some(0), ..LogQuery::default() };
    let before = resident_bytes();
    let mut stalled: Vec<Responses> =
        (0..FOLLOWERS).map(|_| Box::pin(hub.read(query())) as Responses).collect();
    let mut reader: Responses = Box::pin(hub.read(query()));
    for stream in stalled.iter_mut().chain([&mut reader]) {
        poll_once(stream).await;
    }
    go.send_replace(true);
    let mut batches = 0;
    let mut held = vec![];
    while let Ok(Some(item)) = timeout(Duration::from_secs(1), reader.next()).await {
        assert!(
            matches!(item.unwrap().item, Some(Item::Batch(_))),
            "the one that reads is delayed"
        );
        // What a connection may hold for a stalled reader: one message each.
        if let Some(stalled) = stalled.get_mut(batches) {
            held.push(next_batch(stalled).await);
        }
        batches += 1;
    }
    let grown = resident_bytes().saturating_sub(before);
    assert_eq!(held.len(), FOLLOWERS);
    assert!(batches > 2_000, "{batches}");
    assert!(grown < 32 * 1024 * 1024, "grown by {grown} bytes in {batches} batches");
}
