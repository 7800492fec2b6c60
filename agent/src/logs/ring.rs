//! The last batches of the live log. Readers keep their place themselves and ask for what is there.

use std::{collections::VecDeque, sync::Arc};

use super::{batch::Batch, cursor, limits::RING_BYTES, position::Positions};

/// The last batches, bounded by bytes.
#[derive(Debug)]
pub(super) struct Ring {
    batches: VecDeque<Arc<Batch>>,
    /// The number of the oldest batch that is kept.
    first: u64,
    bytes: usize,
    /// How many lines there ever were.
    lines: u64,
    /// What was seen before the oldest batch.
    start: Arc<Positions>,
}

/// What is at a reader's place.
pub(super) enum Slot {
    /// The batch.
    Ready(Arc<Batch>),
    /// Nothing yet.
    Empty,
    /// It is gone, and others with it.
    Gone(Gone),
}

/// A gap in what a reader gets.
pub(super) struct Gone {
    /// How many lines of the live log came before those that are still there.
    pub(super) lines_before: u64,
    /// The place of the oldest batch that is still there.
    pub(super) next: u64,
    /// Goes on behind the gap.
    pub(super) cursor: String,
}

impl Ring {
    pub(super) fn starting_at(start: Positions) -> Self {
        Self { batches: VecDeque::new(), first: 0, bytes: 0, lines: 0, start: Arc::new(start) }
    }

    /// The place of the next batch.
    pub(super) fn head(&self) -> u64 {
        self.first + self.batches.len() as u64
    }

    /// How many lines there ever were.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Goes on behind all of it.
    pub(super) fn cursor(&self) -> String {
        let last = self.batches.back().map(|batch| batch.cursor.clone());
        last.unwrap_or_else(|| cursor::encode(&self.start))
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, batch: Batch) {
        self.bytes += batch.weight();
        self.lines += batch.lines.len() as u64;
        self.batches.push_back(Arc::new(batch));
        while self.bytes > RING_BYTES && self.batches.len() > 1 {
            self.evict();
        }
    }

    fn evict(&mut self) {
        if let Some(oldest) = self.batches.pop_front() {
            self.bytes -= oldest.weight();
            self.first += 1;
            self.start = Arc::clone(&oldest.end);
        }
    }

    pub(super) fn at(&self, place: u64) -> Slot {
        let Some(index) = place.checked_sub(self.first) else {
            return Slot::Gone(self.gone());
        };
        let batch = usize::try_from(index).ok().and_then(|index| self.batches.get(index));
        batch.map_or(Slot::Empty, |batch| Slot::Ready(Arc::clone(batch)))
    }

    fn gone(&self) -> Gone {
        let lines_before = self.batches.front().map_or(self.lines, |batch| batch.lines_before);
        Gone { lines_before, next: self.first, cursor: cursor::encode(&self.start) }
    }

    /// The place from which somebody who has seen exactly `seen` finds everything else here.
    pub(super) fn place_after(&self, seen: &Positions) -> Option<u64> {
        let reaches = self.start.horizon <= seen.horizon && self.start.within(seen);
        reaches.then_some(self.first)
    }

    /// How many lines came before the batch at `place`, which is still to come or still there.
    pub(super) fn lines_before(&self, place: u64) -> u64 {
        match self.at(place) {
            Slot::Ready(batch) => batch.lines_before,
            Slot::Empty | Slot::Gone(_) => self.lines,
        }
    }
}
