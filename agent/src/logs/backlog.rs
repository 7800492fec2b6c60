//! One reading of what a source has kept: streamed through, with a mark for every line.

use std::{collections::HashMap, sync::Arc, vec};

use bytes::Bytes;
use futures_util::StreamExt;
use ripcord_core::Failure;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    LineFilter, LogHub,
    batch::Batcher,
    cursor,
    hub::now_unix_nanos,
    limits::BATCH_DELAY,
    position::{Counted, Key, Mark, Numbering, OpenRun, Positions, fingerprint, in_pieces},
    restarts::Restarts,
};
use crate::ports::{LogChunks, LogRecord, LogSource, LogStart};

pub(super) struct Backlog {
    source: Arc<dyn LogSource>,
    restarts: watch::Receiver<Arc<Restarts>>,
    chunks: LogChunks,
    /// What is left of the chunk that came last.
    records: vec::IntoIter<LogRecord>,
    numbering: Numbering,
    tail: Option<u64>,
    since: Option<i64>,
    /// When the reading began: older lines are all in it.
    read_at: i64,
    batcher: Batcher,
    flush_at: Instant,
    ended: bool,
}

enum Next {
    Lines(Vec<LogRecord>),
    /// The batch has waited long enough.
    Due,
    End,
}

impl Backlog {
    /// Reads the last lines of every source.
    pub(super) fn tail(hub: &LogHub, tail: u64, since: Option<i64>) -> Self {
        Self::start(hub, LogStart { since_unix_nanos: since, tail: Some(tail), follow: false })
    }

    /// Reads what is not in `seen`.
    pub(super) fn after(hub: &LogHub, seen: &Positions) -> Self {
        let since_unix_nanos = seen.read_from();
        Self::start(hub, LogStart { since_unix_nanos, ..LogStart::default() })
    }

    fn start(hub: &LogHub, from: LogStart) -> Self {
        Self {
            source: Arc::clone(hub.source()),
            restarts: hub.restarts().clone(),
            read_at: now_unix_nanos(),
            chunks: hub.source().lines(from),
            records: Vec::new().into_iter(),
            numbering: Numbering::default(),
            tail: from.tail,
            since: from.since_unix_nanos,
            batcher: Batcher::default(),
            flush_at: Instant::now(),
            ended: false,
        }
    }

    /// The next batch of lines that pass, and none at the end; adds what it read to `seen`.
    pub(super) async fn next(
        &mut self,
        seen: &mut Positions,
        filter: Option<&LineFilter>,
    ) -> Result<Option<Bytes>, Failure> {
        while !self.ended && !self.batcher.is_full() {
            if let Some(first) = self.records.as_slice().first() {
                self.take_run(Key::of(first), seen, filter);
                continue;
            }
            match self.next_chunk().await? {
                Next::Lines(records) => self.records = in_pieces(records).into_iter(),
                Next::Due => break,
                Next::End => {
                    self.settle(seen).await?;
                    self.ended = true;
                }
            }
        }
        Ok((!self.batcher.is_empty()).then(|| self.batcher.finish(&cursor::encode(seen))))
    }

    async fn next_chunk(&mut self) -> Result<Next, Failure> {
        // A tail waits for its end, or a full batch: only then are its ordinals known.
        let records = if self.batcher.is_empty() || self.tail.is_some() {
            self.chunks.next().await
        } else {
            match timeout_at(self.flush_at, self.chunks.next()).await {
                Ok(records) => records,
                Err(_) => return Ok(Next::Due),
            }
        };
        records.map_or(Ok(Next::End), |records| records.map(Next::Lines))
    }

    /// Takes the lines of one key that come next, up to the batch's end: what they share is looked
    /// up once.
    fn take_run(&mut self, key: Key, seen: &mut Positions, filter: Option<&LineFilter>) {
        let restarts = Arc::clone(&self.restarts.borrow());
        let count = self.numbering.count_of(&key);
        let mut last = seen.marks.get(&key).copied();
        if self.batcher.is_empty() {
            self.flush_at = Instant::now() + BATCH_DELAY;
        }
        while !self.batcher.is_full()
            && self.records.as_slice().first().is_some_and(|record| key.is_of(record))
            && let Some(record) = self.records.next()
        {
            let mark = match self.tail {
                Some(_) => tail_mark(count, &record, self.since, &mut seen.horizon),
                None => Some(count.number(record.time_unix_nanos)).filter(|mark| {
                    mark.time >= seen.horizon && last.is_none_or(|last| last < *mark)
                }),
            };
            let Some(mark) = mark else { continue };
            last = last.max(Some(mark));
            let LogRecord { source, time_unix_nanos: time, marker, line, .. } = &record;
            if filter.is_none_or(|filter| filter.passes(source, *time, *marker, line)) {
                self.batcher.push(&record, restarts.in_place_at(*time));
            }
        }
        if let Some(last) = last {
            seen.advance(&key, last);
        }
    }

    /// All was read: says so in `seen`.
    async fn settle(&mut self, seen: &mut Positions) -> Result<(), Failure> {
        let Some(tail) = self.tail else {
            seen.settle(self.read_at);
            return Ok(());
        };
        seen.horizon = i64::MIN;
        seen.settle(self.read_at);
        let open = self.numbering.open_runs(tail, seen.horizon);
        close_runs(self.source.as_ref(), open, seen).await
    }
}

/// The mark of a line of a tail, if it is wanted. The oldest line so far is where somebody who
/// resumes now must begin; the mark of a deployment before it may be days older.
fn tail_mark(
    count: &mut Counted,
    record: &LogRecord,
    since: Option<i64>,
    horizon: &mut i64,
) -> Option<Mark> {
    if !record.marker {
        *horizon = (*horizon).min(record.time_unix_nanos);
    }
    let mark = count.number_tail(record);
    since.is_none_or(|since| record.time_unix_nanos >= since).then_some(mark)
}

/// A tail may begin in the midst of lines of one time. How many of them came before is found by
/// reading that time from its start, up to the line that was read last.
async fn close_runs(
    source: &dyn LogSource,
    open: HashMap<Key, OpenRun>,
    seen: &mut Positions,
) -> Result<(), Failure> {
    let Some(since) = open.values().map(|run| run.mark.time).min() else { return Ok(()) };
    let from = LogStart { since_unix_nanos: Some(since), ..LogStart::default() };
    let mut chunks = source.lines(from);
    let mut numbering = Numbering::default();
    while let Some(records) = chunks.next().await {
        for piece in in_pieces(records?) {
            let key = Key::of(&piece);
            let mark = numbering.number(&key, piece.time_unix_nanos);
            if open.get(&key).is_some_and(|run| run.ends_at(mark, fingerprint(&piece))) {
                seen.advance(&key, mark);
            }
        }
    }
    Ok(())
}
