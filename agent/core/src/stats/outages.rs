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

/// Adds up what was watched, and the outages in it. Time in which nobody looked is neither.
#[derive(Debug)]
pub(super) struct Outages {
    window: Window,
    watched_since: Option<Timestamp>,
    down_since: Option<Timestamp>,
    monitored_ms: u64,
    down_ms: u64,
    outages: u64,
}

impl Outages {
    pub(super) fn within(window: Window) -> Self {
        let (watched_since, down_since, monitored_ms, down_ms, outages) = (None, None, 0, 0, 0);
        Self { window, watched_since, down_since, monitored_ms, down_ms, outages }
    }

    pub(super) fn note(&mut self, at: Timestamp, event: &Event) {
        if let Event::MonitorBegan { unwatched_ms } = event {
            let gap = i64::try_from(*unwatched_ms).unwrap_or(i64::MAX);
            let is_down = self.down_since.is_some();
            self.pause(Timestamp(at.0.saturating_sub(gap)));
            self.watched_since = Some(at);
            // Nobody saw it come back.
            self.down_since = is_down.then_some(at);
        } else if matches!(event, Event::MonitorEnded) {
            self.end_outage(at);
            self.pause(at);
        } else if matches!(event, Event::WentDown { .. }) {
            // Told twice, it still is one outage.
            self.down_since.get_or_insert(at);
        } else if matches!(event, Event::CameBack { .. }) {
            self.end_outage(at);
        }
    }

    /// Nobody looks from `at` on.
    fn pause(&mut self, at: Timestamp) {
        if let Some(since) = self.watched_since.take() {
            self.monitored_ms = self.monitored_ms.saturating_add(self.window.overlap(since, at));
        }
        if let Some(since) = self.down_since.take() {
            self.down_ms = self.down_ms.saturating_add(self.window.overlap(since, at));
        }
    }

    fn end_outage(&mut self, at: Timestamp) {
        if let Some(since) = self.down_since.take() {
            let is_in_window = since < self.window.to && at > self.window.from;
            self.outages += u64::from(is_in_window);
            self.down_ms = self.down_ms.saturating_add(self.window.overlap(since, at));
        }
    }

    /// `None` when nobody looked in all that time.
    pub(super) fn finish(mut self) -> Option<Uptime> {
        self.end_outage(self.window.to);
        self.pause(self.window.to);
        // A clock that went back may have counted a stretch twice.
        let monitored_ms = self.monitored_ms.min(self.window.to.since(self.window.from));
        let down_ms = self.down_ms.min(monitored_ms);
        (monitored_ms > 0).then_some(Uptime { monitored_ms, down_ms, outages: self.outages })
    }
}
