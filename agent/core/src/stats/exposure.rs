//! For how long a commit ran that had no good verdict yet: the price of deploying first.

use super::Window;
use crate::{
    event::{Entry, Event},
    ids::{DeploymentNumber, Timestamp},
};

/// Adds up, fact by fact, for how long unvalidated code was live within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    window: Window,
    running: Option<(DeploymentNumber, Timestamp)>,
    before_ms: u64,
}

impl Exposure {
    /// None so far.
    #[must_use]
    pub fn within(window: Window) -> Self {
        Self::begun(window, None)
    }

    /// None so far; this deployment's commit runs without a good verdict since then.
    #[must_use]
    pub fn begun(window: Window, running: Option<(DeploymentNumber, Timestamp)>) -> Self {
        Self { window, running, before_ms: 0 }
    }

    /// Takes note of a fact.
    pub fn note(&mut self, at: Timestamp, entry: &Entry) {
        let Some(number) = entry.deployment else { return };
        if matches!(entry.event, Event::WentLive { .. }) {
            self.close(at);
            self.running = Some((number, at));
        } else if matches!(entry.event, Event::Validated)
            && self.running.is_some_and(|(running, _)| running == number)
        {
            self.close(at);
        }
    }

    fn close(&mut self, at: Timestamp) {
        self.before_ms = self.total_ms(at);
        self.running = None;
    }

    /// Milliseconds up to `now`.
    #[must_use]
    pub fn total_ms(&self, now: Timestamp) -> u64 {
        let running = self.running.map_or(0, |(_, since)| self.window.overlap(since, now));
        self.before_ms.saturating_add(running)
    }
}
