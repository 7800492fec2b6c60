//! One reading of what a source has kept: streamed through, with a mark for every line.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use ripcord_core::Failure;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    LineFilter, LogHub,
    batch::{Batcher, wire_line},
    cursor,
    hub::now_unix_nanos,
    limits::BATCH_DELAY,
    position::{Key, Mark, Numbering, OpenRun, Pieces, Positions, fingerprint},
    restarts::Restarts,
};
use crate::ports::{LogRecord, LogSource, LogStart};

pub(super) struct Backlog {
    source: Arc<dyn LogSource>,
    restarts: watch::Receiver<Arc<Restarts>>,
    records: BoxStream<'static, Result<LogRecord, Failure>>,
    /// What is left of a record that is longer than a line may be.
    pieces: Pieces,
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
    Line(LogRecord),
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
            records: hub.source().lines(from),
            pieces: Pieces::default(),
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
            match self.next_line().await? {
                Next::Line(record) => self.take(record, seen, filter),
                Next::Due => break,
                Next::End => {
                    self.settle(seen).await?;
                    self.ended = true;
                }
            }
        }
        Ok((!self.batcher.is_empty()).then(|| self.batcher.finish(&cursor::encode(seen))))
    }

    async fn next_line(&mut self) -> Result<Next, Failure> {
        if let Some(piece) = self.pieces.next() {
            return Ok(Next::Line(piece));
        }
        // A tail waits for its end, or a full batch: only then are its ordinals known.
        let record = if self.batcher.is_empty() || self.tail.is_some() {
            self.records.next().await
        } else {
            match timeout_at(self.flush_at, self.records.next()).await {
                Ok(record) => record,
                Err(_) => return Ok(Next::Due),
            }
        };
        let Some(record) = record else { return Ok(Next::End) };
        self.pieces = Pieces::of(record?);
        Ok(self.pieces.next().map_or(Next::Due, Next::Line))
    }

    fn take(&mut self, record: LogRecord, seen: &mut Positions, filter: Option<&LineFilter>) {
        let key = Key::of(&record);
        let Some(mark) = self.admit(&key, &record, seen) else { return };
        seen.advance(&key, mark);
        let LogRecord { source, time_unix_nanos, marker, line, .. } = &record;
        if filter.is_none_or(|filter| filter.passes(source, *time_unix_nanos, *marker, line)) {
            if self.batcher.is_empty() {
                self.flush_at = Instant::now() + BATCH_DELAY;
            }
            let deployment = self.restarts.borrow().in_place_at(record.time_unix_nanos);
            self.batcher.push(&wire_line(record, deployment));
        }
    }

    /// The mark of a line that the reader has not seen.
    fn admit(&mut self, key: &Key, record: &LogRecord, seen: &mut Positions) -> Option<Mark> {
        if self.tail.is_some() {
            // The oldest line so far is where somebody who resumes now must begin. The mark
            // before it may be days older.
            if !record.marker {
                seen.horizon = seen.horizon.min(record.time_unix_nanos);
            }
            let mark = self.numbering.number_tail(key, record);
            return self.since.is_none_or(|since| record.time_unix_nanos >= since).then_some(mark);
        }
        let mark = self.numbering.number(key, record.time_unix_nanos);
        (!seen.covers(key, mark)).then_some(mark)
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

/// A tail may begin in the midst of lines of one time. How many of them came before is found by
/// reading that time from its start, up to the line that was read last.
async fn close_runs(
    source: &dyn LogSource,
    open: HashMap<Key, OpenRun>,
    seen: &mut Positions,
) -> Result<(), Failure> {
    let Some(since) = open.values().map(|run| run.mark.time).min() else { return Ok(()) };
    let from = LogStart { since_unix_nanos: Some(since), ..LogStart::default() };
    let mut records = source.lines(from);
    let mut numbering = Numbering::default();
    while let Some(record) = records.next().await {
        for piece in Pieces::of(record?) {
            let key = Key::of(&piece);
            let mark = numbering.number(&key, piece.time_unix_nanos);
            if open.get(&key).is_some_and(|run| run.ends_at(mark, fingerprint(&piece))) {
                seen.advance(&key, mark);
            }
        }
    }
    Ok(())
}
