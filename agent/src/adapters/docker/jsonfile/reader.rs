//! Reads the files of one log from the oldest to the newest, in chunks of records. Blocks.

use std::{collections::VecDeque, io};

use memchr::{memchr, memchr_iter, memrchr};

use super::{entry, parts::Part, tail};
use crate::{
    adapters::docker::tracker::Tracker,
    ports::{LogRecord, LogStart},
};

/// How much is read at once: what a reader that stalls holds, twice over.
const READ_BYTES: u64 = 128 * 1024;

/// So many records there usually are in that.
const CHUNK_RECORDS: usize = 1024;

/// Longest line of a file: 16 KiB that are all escaped, and any labels. What is longer is damage,
/// such as the zeros that a crash leaves.
const LINE_BYTES: usize = 1024 * 1024;

/// A place in a log's files that moves forward.
#[derive(Debug)]
pub(in crate::adapters::docker) struct Reader {
    /// The files that are not read to their end, oldest first.
    parts: VecDeque<Part>,
    tracker: Tracker,
    from: LogStart,
    has_begun: bool,
    /// Read, and not complete.
    pending: Vec<u8>,
    /// Within a line that is too long.
    skips: bool,
    text: Vec<u8>,
    damage: Damage,
}

/// Tells of damage once.
#[derive(Debug, Default)]
struct Damage {
    is_told: bool,
}

impl Reader {
    /// A reader of what is wanted of these files; the tracker has read nothing.
    pub(super) fn new(parts: Vec<Part>, tracker: Tracker, from: LogStart) -> Self {
        Self {
            parts: parts.into(),
            tracker,
            from,
            has_begun: false,
            pending: Vec::new(),
            skips: false,
            text: Vec::new(),
            damage: Damage::default(),
        }
    }

    /// Where the reading stands.
    pub(in crate::adapters::docker) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    pub(super) fn into_tracker(self) -> Tracker {
        self.tracker
    }

    /// The next records; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<LogRecord>>> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.begin()?;
        }
        let mut records = Vec::with_capacity(CHUNK_RECORDS);
        while let Some(part) = self.parts.front_mut() {
            let is_newest = part.is_newest;
            let is_over = match part.read(READ_BYTES, &mut self.pending) {
                Ok(is_more) => !is_more,
                Err(error) if part.may_be_damaged() => {
                    self.damage.tell(&error.to_string());
                    true
                }
                Err(error) => return Err(error),
            };
            self.take_complete(&mut records);
            if is_over {
                self.end_part(is_newest, &mut records)?;
            }
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    fn begin(&mut self) -> io::Result<()> {
        match (self.from.tail, self.from.since_unix_nanos) {
            (Some(wanted), _) => tail::keep_last(&mut self.parts, wanted),
            (None, Some(since)) => tail::skip_before(&mut self.parts, since),
            (None, None) => Ok(()),
        }
    }

    /// What has no line end at a file's end is being written just now, or was torn by a crash.
    fn end_part(&mut self, is_newest: bool, records: &mut Vec<LogRecord>) -> io::Result<()> {
        let Some(mut part) = self.parts.pop_front() else { return Ok(()) };
        if self.pending.is_empty() || std::mem::take(&mut self.skips) {
            self.pending.clear();
            return Ok(());
        }
        if let Some(plain) = part.as_plain().filter(|_| is_newest) {
            plain.read(READ_BYTES, &mut self.pending)?;
        }
        let pending = std::mem::take(&mut self.pending);
        let end = memchr(b'\n', &pending).unwrap_or(pending.len());
        let is_known = self.take(&pending[..end], records);
        if !is_known && !is_newest {
            self.damage.tell("a line at a file's end is torn");
        }
        Ok(())
    }

    fn take_complete(&mut self, records: &mut Vec<LogRecord>) {
        let mut pending = std::mem::take(&mut self.pending);
        let complete = memrchr(b'\n', &pending).map_or(0, |at| at + 1);
        let mut start = 0;
        for end in memchr_iter(b'\n', &pending[..complete]) {
            let is_rest = std::mem::take(&mut self.skips);
            if !is_rest && !self.take(&pending[start..end], records) {
                self.damage.tell("a line is not what docker writes");
            }
            start = end + 1;
        }
        pending.drain(..complete);
        if pending.len() > LINE_BYTES {
            self.damage.tell("a line has no end");
            self.skips = true;
        }
        if self.skips {
            pending.clear();
        }
        self.pending = pending;
    }

    /// Whether the line could be read.
    fn take(&mut self, line: &[u8], records: &mut Vec<LogRecord>) -> bool {
        let Some(entry) = entry::decode(line, &mut self.text) else { return false };
        self.tracker.take_entry(entry.stderr, entry.time, &self.text, records);
        true
    }
}

impl Damage {
    fn tell(&mut self, what: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!("a container's log is damaged, and read without what is broken: {what}");
        }
    }
}
