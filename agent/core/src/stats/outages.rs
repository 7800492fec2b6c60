//! How much of the time the application was up, as the monitor saw it.

use super::Window;
use crate::{event::Event, ids::Timestamp};

/// How much of the time the application was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    /// Milliseconds for which it was watched.
    pub monitored_ms: u64,
    /// Milliseconds of them for which it was down.
    pub down_ms: u64,
    /// How often it was down.
    pub outages: u64,
}

impl Uptime {
    /// Which part of the time it was up, from 0 to 1; `None` when no time has passed.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let up = self.monitored_ms.saturating_sub(self.down_ms);
        #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
        (self.monitored_ms > 0).then(|| up as f64 / self.monitored_ms as f64)
    }
}

/// Adds up outages within the time that is watched.
#[derive(Debug)]
pub(super) struct Outages {
    watched: Window,
    down_since: Option<Timestamp>,
    down_ms: u64,
    outages: u64,
}

impl Outages {
    pub(super) fn within(watched: Window) -> Self {
        Self { watched, down_since: None, down_ms: 0, outages: 0 }
    }

    pub(super) fn note(&mut self, at: Timestamp, event: &Event) {
        if matches!(event, Event::WentDown { .. }) {
            // Told twice, it still is one outage.
            self.down_since.get_or_insert(at);
        } else if matches!(event, Event::CameBack { .. }) {
            self.close(at);
        }
    }

    fn close(&mut self, at: Timestamp) {
        if let Some(since) = self.down_since.take() {
            let is_later = since < self.watched.to && at > self.watched.from;
            self.outages += u64::from(is_later);
            self.down_ms = self.down_ms.saturating_add(self.watched.overlap(since, at));
        }
    }

    pub(super) fn finish(mut self) -> Uptime {
        self.close(self.watched.to);
        let monitored_ms = self.watched.to.since(self.watched.from);
        // A clock that went back may have counted a stretch twice.
        let down_ms = self.down_ms.min(monitored_ms);
        Uptime { monitored_ms, down_ms, outages: self.outages }
    }
}
