//! The application's log with a mark where each deployment restarted the application. The marks
//! come from the journal: every runtime has them, and a log that is read again has the same ones.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use ripcord_core::Failure;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::restarts::Restarts;
use crate::ports::{LogChunks, LogRecord, LogSource, LogStart};

/// A follower's marks wait so long for lines from before them: sources take their time.
const WAIT: Duration = Duration::from_millis(250);

/// A source, and the restarts to mark in it.
pub(super) struct Marked {
    pub(super) source: Arc<dyn LogSource>,
    pub(super) restarts: watch::Receiver<Arc<Restarts>>,
}

impl LogSource for Marked {
    fn lines(&self, from: LogStart) -> LogChunks {
        let mut restarts = self.restarts.clone();
        let since = from.since_unix_nanos.unwrap_or(i64::MIN);
        let marks: VecDeque<_> = restarts.borrow_and_update().marks_from(since).collect();
        let reading = Reading {
            records: self.source.lines(from),
            after: marks.back().map_or(since, |newest| newest.time_unix_nanos.saturating_add(1)),
            marks,
            restarts: from.follow.then_some(restarts),
            follows: from.follow,
            tail: from.tail,
            held: None,
            is_over: false,
            waits_until: from.follow.then(|| Instant::now() + WAIT),
        };
        stream::unfold(reading, async |mut reading| {
            reading.next().await.map(|chunk| (chunk, reading))
        })
        .boxed()
    }
}

struct Reading {
    records: LogChunks,
    /// Marks that were not given yet.
    marks: VecDeque<LogRecord>,
    /// New marks are at or after this time.
    after: i64,
    /// Where new marks come from, for a follower.
    restarts: Option<watch::Receiver<Arc<Restarts>>>,
    follows: bool,
    /// Set until the tail has begun: older marks are not part of it.
    tail: Option<u64>,
    /// Lines that were read and not given yet.
    held: Option<Result<Vec<LogRecord>, Failure>>,
    is_over: bool,
    /// Set while marks wait for older lines, which a follower's source may still send.
    waits_until: Option<Instant>,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Vec<LogRecord>, Failure>> {
        loop {
            if self.may_pass()
                && let Some(mark) = self.marks.pop_front()
            {
                return Some(Ok(vec![mark]));
            }
            if let Some(held) = self.held_before_mark() {
                return Some(held);
            }
            if self.is_over {
                return None;
            }
            tokio::select! {
                biased;
                is_open = changed(&mut self.restarts) => self.take_marks(is_open),
                records = self.records.next() => self.hold(records),
                () = at(self.waits_until) => self.waits_until = None,
            }
        }
    }

    /// Whether the next mark comes before everything else.
    fn may_pass(&self) -> bool {
        let Some(mark) = self.marks.front() else { return false };
        match &self.held {
            Some(Ok(records)) => records.first().is_some_and(|first| is_before(mark, first)),
            Some(Err(_)) => false,
            None => self.is_over || (self.follows && self.waits_until.is_none()),
        }
    }

    /// What is held, as far as the next mark, which does not come before its first line.
    fn held_before_mark(&mut self) -> Option<Result<Vec<LogRecord>, Failure>> {
        let mut held = self.held.take()?;
        if let (Ok(records), Some(mark)) = (&mut held, self.marks.front())
            && let Some(at) = records.iter().position(|record| is_before(mark, record))
        {
            self.held = Some(Ok(records.split_off(at)));
        }
        Some(held)
    }

    fn take_marks(&mut self, is_open: bool) {
        let Some(restarts) = self.restarts.as_mut().filter(|_| is_open) else {
            self.restarts = None;
            return;
        };
        self.marks.extend(restarts.borrow_and_update().marks_from(self.after));
        self.after = self.marks.back().map_or(self.after, |newest| newest.time_unix_nanos + 1);
        self.waits_until = Some(Instant::now() + WAIT);
    }

    fn hold(&mut self, records: Option<Result<Vec<LogRecord>, Failure>>) {
        match (&records, self.tail.take()) {
            (Some(Ok(records)), Some(_)) => self.forget_before(records),
            (None, Some(tail)) => self.keep_last(tail),
            (Some(Ok(_) | Err(_)) | None, _) => {}
        }
        self.is_over = records.is_none();
        self.held = records;
    }

    /// The mark before the first line of a tail stays: it says whose line that is.
    fn forget_before(&mut self, records: &[LogRecord]) {
        let Some(first) = records.first() else { return };
        let older = self.marks.iter().filter(|mark| is_before(mark, first)).count();
        self.marks.drain(..older.saturating_sub(1));
    }

    fn keep_last(&mut self, count: u64) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.marks.drain(..self.marks.len().saturating_sub(count));
    }
}

/// Whether this mark comes before that line.
fn is_before(mark: &LogRecord, record: &LogRecord) -> bool {
    mark.time_unix_nanos <= record.time_unix_nanos
}

/// Whether there are other restarts now, and not the end of all news; never, for whoever does not ask.
async fn changed(restarts: &mut Option<watch::Receiver<Arc<Restarts>>>) -> bool {
    match restarts {
        Some(restarts) => restarts.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
