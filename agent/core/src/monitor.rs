//! What the monitor knows of an environment: for how long it has been watched, and whether it is down.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// An environment that is looked at although nothing happens there.
///
/// Time in which no agent ran counts neither as up nor as down, because nobody looked: both instants
/// are moved forward by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monitored {
    /// Since when: now less this is how long it was watched.
    pub since: Timestamp,
    /// Since when it is down; `None` while it is up. Now less this is how long it was seen down.
    pub down_since: Option<Timestamp>,
}

impl Monitored {
    /// Watched from `at` on, and up as far as anybody knows.
    pub(crate) fn from(at: Timestamp) -> Self {
        Self { since: at, down_since: None }
    }

    /// The same, after `unwatched_ms` in which nobody looked.
    pub(crate) fn after_a_pause(self, unwatched_ms: u64) -> Self {
        let moved = |instant: Timestamp| instant.plus(unwatched_ms);
        Self { since: moved(self.since), down_since: self.down_since.map(moved) }
    }
}

/// What the monitor found, and found again: a failure is believed already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Whether the application is as it should be.
    pub ok: bool,
    /// HTTP status of the last answer, when there was one.
    pub status: Option<u16>,
    /// It answers, with something else than it should.
    pub wrong_content: bool,
    /// What was wrong; empty when `ok`.
    pub detail: String,
}
