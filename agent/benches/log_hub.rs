//! How many lines a second the hub moves: one upstream to one, a hundred, or filtering readers.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use divan::{Bencher, counter::ItemsCount};
use futures_util::{Stream, StreamExt, stream};
use regex::Regex;
use ripcord_agent::{
    logs::{LogError, LogHub, LogQuery},
    ports::{LogChunks, LogRecord, LogSource, LogStart},
};
use ripcord_proto::v1::{StreamLogsResponse, stream_logs_response::Item};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Barrier, watch},
};

const LINES: i64 = 15_000;
/// So many lines travel together.
const CHUNK: i64 = 250;

fn main() {
    divan::main();
}

/// 200-byte lines, all at once as soon as `go`.
struct Burst {
    go: watch::Receiver<bool>,
}

impl LogSource for Burst {
    fn lines(&self, from: LogStart) -> LogChunks {
        if !from.follow {
            return stream::empty().boxed();
        }
        let mut go = self.go.clone();
        let source: Arc<str> = "web".into();
        let line = move |n| LogRecord {
            time_unix_nanos: n,
            source: Arc::clone(&source),
            stderr: false,
            line: "0123456789".repeat(20),
            marker: false,
        };
        stream::once(async move { go.wait_for(|go| *go).await.is_ok() })
            .flat_map(move |_| {
                let line = line.clone();
                let chunk = move |n| (n * CHUNK..(n + 1) * CHUNK).map(line.clone()).collect();
                stream::iter(0..LINES / CHUNK).map(chunk).map(Ok)
            })
            .chain(stream::pending())
            .boxed()
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Counts the batches up to the last line, whose time is in its batch's cursor.
async fn read_to_the_end(
    mut stream: impl Stream<Item = Result<StreamLogsResponse, LogError>> + Unpin,
) -> usize {
    let last = format!(":{}:1", LINES - 1);
    let mut batches = 1;
    while let Some(Ok(response)) = stream.next().await {
        match response.item.unwrap() {
            Item::Batch(bytes) if bytes.ends_with(last.as_bytes()) => return batches,
            Item::Batch(_) => batches += 1,
            Item::Gap(gap) => panic!("too slow: {gap:?}"),
        }
    }
    panic!("the stream ended")
}

/// All readers get all lines; returns how many batches went out.
async fn fan_out(readers: usize, query: LogQuery) -> usize {
    let (go, going) = watch::channel(false);
    let hub = LogHub::new(Arc::new(Burst { go: going }), watch::channel(Arc::default()).1);
    let joined = Arc::new(Barrier::new(readers + 1));
    let tasks: Vec<_> = (0..readers)
        .map(|_| {
            let (mut stream, joined) = (Box::pin(hub.read(query.clone())), Arc::clone(&joined));
            tokio::spawn(async move {
                // Where it joined.
                assert!(stream.next().await.unwrap().is_ok());
                joined.wait().await;
                read_to_the_end(stream).await
            })
        })
        .collect();
    joined.wait().await;
    go.send_replace(true);
    let mut batches = 0;
    for task in tasks {
        batches += task.await.unwrap();
    }
    batches
}

#[divan::bench(args = [1, 10, 100])]
fn lines_to_readers(bencher: Bencher<'_, '_>, readers: usize) {
    let runtime = runtime();
    let query = LogQuery { follow: true, tail: Some(0), ..LogQuery::default() };
    bencher
        .counter(ItemsCount::new(LINES as usize * readers))
        .bench(|| runtime.block_on(fan_out(readers, query.clone())));
}

#[divan::bench(args = [1, 10])]
fn lines_to_filtering_readers(bencher: Bencher<'_, '_>, readers: usize) {
    let runtime = runtime();
    let exclude = vec![Regex::new("GET /health|DEBUG").unwrap()];
    let query = LogQuery { follow: true, tail: Some(0), exclude, ..LogQuery::default() };
    bencher
        .counter(ItemsCount::new(LINES as usize * readers))
        .bench(|| runtime.block_on(fan_out(readers, query.clone())));
}
