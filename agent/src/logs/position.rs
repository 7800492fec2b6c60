//! Which lines were seen: a time and an ordinal per source, independent of any memory of ours.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::limits::SETTLED_NANOS;
use crate::ports::{LOG_LINE_BYTES, LogRecord};

/// Whose lines are counted together. Markers are ours and may be missing when a log is read again,
/// so that they must not shift the count of the application's lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) source: Arc<str>,
    pub(super) marker: bool,
}

impl Key {
    pub(super) fn of(record: &LogRecord) -> Self {
        Self { source: Arc::clone(&record.source), marker: record.marker }
    }

    pub(super) fn is_of(&self, record: &LogRecord) -> bool {
        let is_same = Arc::ptr_eq(&self.source, &record.source) || self.source == record.source;
        is_same && self.marker == record.marker
    }
}

/// The place of a line among those of its key: its time, and its ordinal among the lines of that
/// time, counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) time: i64,
    pub(super) nth: u32,
}

/// A set of seen lines: all before the horizon, and per key all up to its mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Positions {
    pub(super) horizon: i64,
    pub(super) marks: HashMap<Key, Mark>,
}

impl Positions {
    pub(super) fn since(horizon: i64) -> Self {
        Self { horizon, marks: HashMap::new() }
    }

    pub(super) fn covers(&self, key: &Key, mark: Mark) -> bool {
        mark.time < self.horizon || self.marks.get(key).is_some_and(|seen| *seen >= mark)
    }

    /// Adds a line and all before it.
    pub(super) fn advance(&mut self, key: &Key, mark: Mark) {
        match self.marks.get_mut(key) {
            Some(seen) => *seen = mark.max(*seen),
            None => {
                self.marks.insert(key.clone(), mark);
            }
        }
    }

    /// Whether `other` covers every mark of these.
    pub(super) fn within(&self, other: &Self) -> bool {
        self.marks.iter().all(|(key, mark)| other.covers(key, *mark))
    }

    /// The newest time among the application's lines.
    pub(super) fn newest(&self) -> Option<i64> {
        self.marks.iter().filter(|(key, _)| !key.marker).map(|(_, mark)| mark.time).max()
    }

    /// Moves the horizon up to where everything is settled, given that the log was read completely
    /// at the instant `read_at`.
    pub(super) fn settle(&mut self, read_at: i64) {
        if let Some(newest) = self.newest() {
            let settled = newest.min(read_at).saturating_sub(SETTLED_NANOS);
            self.horizon = self.horizon.max(settled);
        }
    }

    /// Forgets the marks that the horizon covers.
    pub(super) fn prune(&mut self) {
        let horizon = self.horizon;
        self.marks.retain(|_, mark| mark.time >= horizon);
    }

    /// Where a source must be read from to get everything that is not covered.
    pub(super) fn read_from(&self) -> Option<i64> {
        (self.horizon > i64::MIN).then_some(self.horizon)
    }
}

/// Counts the lines of one reading of a source.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    keys: HashMap<Key, Counted>,
}

/// The count of one key.
#[derive(Debug, Default)]
pub(super) struct Counted {
    mark: Mark,
    first_time: i64,
    total: u64,
    last_line: u64,
}

impl Counted {
    /// The mark of the next line; see [`Numbering::number`].
    pub(super) fn number(&mut self, time: i64) -> Mark {
        if self.total == 0 {
            self.first_time = time;
        }
        self.mark = if self.total == 0 || time > self.mark.time {
            Mark { time, nth: 1 }
        } else {
            Mark { nth: self.mark.nth.saturating_add(1), ..self.mark }
        };
        self.total += 1;
        self.mark
    }

    /// Like `number`, for a reading with `tail`, whose first ordinals are a guess.
    pub(super) fn number_tail(&mut self, record: &LogRecord) -> Mark {
        self.last_line = fingerprint(record);
        self.number(record.time_unix_nanos)
    }
}

/// The last line of a key whose first lines of that time were not read.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenRun {
    pub(super) mark: Mark,
    pub(super) last_line: u64,
}

impl OpenRun {
    /// Whether this line, counted from the first of its time, can be the last one of the run.
    pub(super) fn ends_at(&self, mark: Mark, line: u64) -> bool {
        mark.time == self.mark.time && mark.nth >= self.mark.nth && line == self.last_line
    }
}

impl Numbering {
    /// The mark of the next line of `key`. A time that goes back counts as the time before it:
    /// the line keeps its place behind the others and is not lost.
    pub(super) fn number(&mut self, key: &Key, time: i64) -> Mark {
        self.count_of(key).number(time)
    }

    /// The count of `key`, for many lines of it in a row.
    pub(super) fn count_of(&mut self, key: &Key) -> &mut Counted {
        self.keys.entry(key.clone()).or_default()
    }

    /// The keys at or after `horizon` whose ordinals are a guess, since the last `tail` lines
    /// of theirs all have one time.
    pub(super) fn open_runs(&self, tail: u64, horizon: i64) -> HashMap<Key, OpenRun> {
        let open = |counted: &Counted| {
            counted.total >= tail
                && counted.mark.time == counted.first_time
                && counted.mark.time >= horizon
        };
        let run = |counted: &Counted| OpenRun { mark: counted.mark, last_line: counted.last_line };
        let keys = self.keys.iter().filter(|(_, counted)| open(counted));
        keys.map(|(key, counted)| (key.clone(), run(counted))).collect()
    }
}

/// Tells lines of one time apart.
pub(super) fn fingerprint(record: &LogRecord) -> u64 {
    let mut hasher = DefaultHasher::new();
    (record.stderr, &record.line).hash(&mut hasher);
    hasher.finish()
}

/// The records, each with at most [`LOG_LINE_BYTES`]: a stream's chunk, ready to be numbered.
pub(super) fn in_pieces(records: Vec<LogRecord>) -> Vec<LogRecord> {
    if records.iter().all(|record| record.line.len() <= LOG_LINE_BYTES) {
        return records;
    }
    records.into_iter().flat_map(Pieces::of).collect()
}

/// A record in pieces of at most [`LOG_LINE_BYTES`]. Sources split long lines themselves; one that
/// forgets must not make batches that no reader accepts.
#[derive(Debug)]
struct Pieces(Option<(LogRecord, usize)>);

impl Pieces {
    fn of(record: LogRecord) -> Self {
        Self(Some((record, 0)))
    }
}

impl Iterator for Pieces {
    type Item = LogRecord;

    fn next(&mut self) -> Option<LogRecord> {
        let (record, start) = self.0.take()?;
        if start == 0 && record.line.len() <= LOG_LINE_BYTES {
            return Some(record);
        }
        let end = cut_before(&record.line, start + LOG_LINE_BYTES);
        let line = record.line[start..end].to_owned();
        let piece = LogRecord { line, source: Arc::clone(&record.source), ..record };
        self.0 = (end < record.line.len()).then_some((record, end));
        Some(piece)
    }
}

/// The last character boundary at or before `index`.
fn cut_before(line: &str, index: usize) -> usize {
    if index >= line.len() {
        return line.len();
    }
    (0..=index).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0)
}
