//! What one reader of the chatter's log has got: every line is compared, and its delay is kept.

use std::time::Duration;

use crate::chatter::{FILL, now};

/// The longest delay that is told apart from others, in milliseconds.
const LONGEST: usize = 60_000;

/// A reader's memory.
pub(crate) struct Listener {
    lines: usize,
    next: usize,
    first_written: u128,
    last_written: u128,
    /// Lines that it never got.
    pub(crate) missed: usize,
    /// How many lines were so many milliseconds old.
    pub(crate) delays: Vec<u32>,
}

impl Listener {
    pub(crate) fn new(lines: usize) -> Self {
        let delays = vec![0; LONGEST + 1];
        Self { lines, next: 0, first_written: 0, last_written: 0, missed: 0, delays }
    }

    /// Takes a line without its end.
    pub(crate) fn take(&mut self, line: &str) {
        let (number, rest) = line.split_once(' ').unwrap();
        let (written, fill) = rest.split_once(' ').unwrap();
        assert_eq!(fill, FILL, "a line came changed");
        let number: usize = number.parse().unwrap();
        assert!(number >= self.next, "line {number} came again behind line {}", self.next);
        self.missed += number - self.next;
        self.next = number + 1;
        let written: u128 = written.parse().unwrap();
        if number == 0 {
            self.first_written = written;
        }
        self.last_written = written;
        let delay = now().saturating_sub(written) / 1_000_000;
        self.delays[usize::try_from(delay).unwrap_or(LONGEST).min(LONGEST)] += 1;
    }

    pub(crate) fn is_done(&self) -> bool {
        self.next >= self.lines
    }

    /// Lines a second that the application could write.
    pub(crate) fn rate(&self) -> f64 {
        let took = (self.last_written - self.first_written) as f64 / 1e9;
        (self.lines - 1) as f64 / took
    }
}

/// Of 100 lines 99 were not older than this when any of these got them.
pub(crate) fn p99_delay(listeners: &[Listener]) -> Duration {
    let count =
        |at: usize| listeners.iter().map(|listener| u64::from(listener.delays[at])).sum::<u64>();
    let all: u64 = (0..=LONGEST).map(count).sum();
    let mut left = all - all * 99 / 100;
    let at = (0..=LONGEST).rev().find(|at| {
        left = left.saturating_sub(count(*at));
        left == 0
    });
    Duration::from_millis(at.unwrap_or(0) as u64)
}
