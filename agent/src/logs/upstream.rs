//! The task that reads the source, once for all readers, and survives the source's failures.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use ripcord_core::Failure;
use tokio::{
    sync::watch,
    task::yield_now,
    time::{Instant, sleep, timeout_at},
};

use super::{
    batch::{Batch, Batcher, IndexedLine},
    cursor,
    feed::Feed,
    hub::now_unix_nanos,
    limits::{BATCH_DELAY, CATCH_UP, PRIME_TAIL, RETRY_FIRST, RETRY_LONGEST},
    position::{Key, Mark, Numbering, Positions, in_pieces},
    restarts::Restarts,
};
use crate::ports::{LogChunks, LogRecord, LogSource, LogStart};

/// Whose markers are those of this file.
const OWN_SOURCE: &str = "ripcord";

/// Reads the source into the feed until nobody follows.
pub(super) async fn run(
    feed: Arc<Feed>,
    source: Arc<dyn LogSource>,
    restarts: watch::Receiver<Arc<Restarts>>,
) {
    let upstream = Upstream::new(Arc::clone(&feed), source, restarts);
    tokio::select! {
        () = feed.abandoned() => {}
        () = upstream.pump() => {}
    }
}

struct Upstream {
    feed: Arc<Feed>,
    source: Arc<dyn LogSource>,
    restarts: watch::Receiver<Arc<Restarts>>,
    /// Everything that was put into the ring, or was there before; nothing until that is known.
    seen: Option<Positions>,
    batcher: Batcher,
    lines: Vec<IndexedLine>,
    lines_before: u64,
    /// When a batch with lines is sent.
    flush_at: Instant,
    /// When all sources have caught up after the last opening.
    even_at: Instant,
    pause: Duration,
    /// Whether readers know that the source fails.
    told: bool,
}

impl Upstream {
    fn new(
        feed: Arc<Feed>,
        source: Arc<dyn LogSource>,
        restarts: watch::Receiver<Arc<Restarts>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            feed,
            source,
            restarts,
            seen: None,
            batcher: Batcher::default(),
            lines: Vec::new(),
            lines_before: 0,
            flush_at: now,
            even_at: now,
            pause: RETRY_FIRST,
            told: false,
        }
    }

    async fn pump(mut self) {
        loop {
            let began = Instant::now();
            let result = self.attempt().await;
            if began.elapsed() >= CATCH_UP {
                self.recovered();
            }
            if let Err(failure) = result {
                self.complain(failure);
            }
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(RETRY_LONGEST);
        }
    }

    fn recovered(&mut self) {
        self.told = false;
        self.pause = RETRY_FIRST;
    }

    /// Reads until the source ends or fails.
    async fn attempt(&mut self) -> Result<(), Failure> {
        let seen = self.start().await?;
        self.even_at = Instant::now() + CATCH_UP;
        let from = LogStart { since_unix_nanos: seen.read_from(), tail: None, follow: true };
        let mut records = self.source.lines(from);
        let mut numbering = Numbering::default();
        loop {
            match self.next(&mut records).await {
                Next::Records(records) => {
                    for piece in in_pieces(records) {
                        self.take(piece, &mut numbering, &seen).await;
                    }
                }
                Next::Due => self.flush(),
                Next::End(result) => {
                    self.flush();
                    return result;
                }
            }
        }
    }

    /// What needs not be read any more: what was, or what there is before the first line is.
    async fn start(&mut self) -> Result<Positions, Failure> {
        if let Some(seen) = &self.seen {
            return Ok(seen.clone());
        }
        let end = end_of_log(self.source.as_ref()).await?;
        self.feed.run_from(end.clone());
        self.seen = Some(end.clone());
        Ok(end)
    }

    async fn next(&self, records: &mut LogChunks) -> Next {
        let chunk = if self.lines.is_empty() {
            records.next().await
        } else {
            match timeout_at(self.flush_at, records.next()).await {
                Ok(chunk) => chunk,
                Err(_) => return Next::Due,
            }
        };
        match chunk {
            Some(Ok(records)) => Next::Records(records),
            Some(Err(failure)) => Next::End(Err(failure)),
            None => Next::End(Ok(())),
        }
    }

    async fn take(&mut self, record: LogRecord, numbering: &mut Numbering, known: &Positions) {
        let key = Key::of(&record);
        let mark = numbering.number(&key, record.time_unix_nanos);
        if known.covers(&key, mark) {
            return;
        }
        self.recovered();
        self.add(key, mark, &record);
        if self.batcher.is_full() {
            self.flush();
            // Readers on this thread get their turn before the ring goes on.
            yield_now().await;
        }
    }

    fn add(&mut self, key: Key, mark: Mark, record: &LogRecord) {
        if self.lines.is_empty() {
            self.flush_at = Instant::now() + BATCH_DELAY;
        }
        if let Some(seen) = &mut self.seen {
            seen.advance(&key, mark);
        }
        let deployment = self.restarts.borrow().in_place_at(record.time_unix_nanos);
        let frame = self.batcher.push(record, deployment);
        self.lines.push(IndexedLine::new(key, mark, record, frame));
    }

    fn flush(&mut self) {
        let Some(seen) = self.seen.as_mut().filter(|_| !self.lines.is_empty()) else { return };
        if Instant::now() >= self.even_at {
            seen.settle(i64::MAX);
            seen.prune();
        }
        let cursor = cursor::encode(seen);
        let batch = Batch {
            encoded: self.batcher.finish(&cursor),
            cursor,
            end: Arc::new(seen.clone()),
            lines_before: self.lines_before,
            lines: std::mem::take(&mut self.lines).into_boxed_slice(),
        };
        self.lines_before += batch.lines.len() as u64;
        self.feed.push(batch);
    }

    /// Tells the readers once per failure: those who are there by a marker, new ones by an error.
    fn complain(&mut self, failure: Failure) {
        let Some(seen) = &self.seen else {
            self.feed.fail(failure);
            return;
        };
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let key = Key { source: OWN_SOURCE.into(), marker: true };
        let mark = next_mark(seen.marks.get(&key), now_unix_nanos());
        let record = LogRecord {
            time_unix_nanos: mark.time,
            source: Arc::clone(&key.source),
            stderr: true,
            line: format!("the log was interrupted, trying again: {failure}"),
            marker: true,
        };
        self.add(key, mark, &record);
        self.flush();
    }
}

enum Next {
    Records(Vec<LogRecord>),
    /// The batch has waited long enough.
    Due,
    End(Result<(), Failure>),
}

fn next_mark(last: Option<&Mark>, now: i64) -> Mark {
    match last {
        Some(last) if last.time >= now => Mark { nth: last.nth.saturating_add(1), ..*last },
        _ => Mark { time: now, nth: 1 },
    }
}

/// All lines that there are now. Reads little: only what is not settled needs an exact mark.
async fn end_of_log(source: &dyn LogSource) -> Result<Positions, Failure> {
    let read_at = now_unix_nanos();
    let tail = LogStart { tail: Some(PRIME_TAIL), ..LogStart::default() };
    let (mut end, numbering) = count(source, tail).await?;
    end.settle(read_at);
    let open = numbering.open_runs(PRIME_TAIL, end.horizon);
    if let Some(since) = open.values().map(|run| run.mark.time).min() {
        let whole = LogStart { since_unix_nanos: Some(since), ..LogStart::default() };
        let (counted, _) = count(source, whole).await?;
        counted.marks.iter().for_each(|(key, mark)| end.advance(key, *mark));
    }
    Ok(end)
}

async fn count(source: &dyn LogSource, from: LogStart) -> Result<(Positions, Numbering), Failure> {
    let mut positions = Positions::since(i64::MIN);
    let mut numbering = Numbering::default();
    let mut chunks = source.lines(from);
    while let Some(records) = chunks.next().await {
        for piece in in_pieces(records?) {
            let key = Key::of(&piece);
            let mark = numbering.number(&key, piece.time_unix_nanos);
            positions.advance(&key, mark);
        }
    }
    Ok((positions, numbering))
}
