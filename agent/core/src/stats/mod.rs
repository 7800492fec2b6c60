//! What became of the deployments in a stretch of time, as figures. Reads what happened; neither
//! decides nor looks at a clock.
//!
//! A [`Tally`] is fed one fact after the other and keeps little of each, so that a long history
//! needs no large memory.

mod exposure;
mod outages;
mod phases;
mod spread;
mod tally;

use std::collections::BTreeMap;

use crate::{
    ids::Timestamp,
    lifecycle::{Outcome, Phase},
};

pub use self::exposure::Exposure;
pub use self::outages::Uptime;
pub use self::phases::phase_durations;
pub use self::spread::Spread;
pub use self::tally::Tally;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub from: Timestamp,
    /// Its last moment.
    pub to: Timestamp,
}

impl Window {
    /// How much of the time from `start` to `end` lies in it, in milliseconds; nothing when the
    /// clock went back meanwhile.
    #[must_use]
    pub fn overlap(&self, start: Timestamp, end: Timestamp) -> u64 {
        end.min(self.to).since(start.max(self.from))
    }

    /// Whether `at` lies in it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

/// The figures of one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// What they speak of: deployments that were admitted in it.
    pub window: Window,
    /// How many deployments of a commit there were, rollbacks not counted.
    pub deployments: u64,
    /// How those ended that have ended.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// What ripcord and people undid.
    pub rollbacks: Rollbacks,
    /// How long deployments stayed in each phase.
    pub phases: BTreeMap<Phase, Spread>,
    /// From the request to the first healthy answer.
    pub to_live: Spread,
    /// From there to CI's word, or a person's; before it, where a gate waits for it.
    pub to_verdict: Spread,
    /// From the decision to go back to the first healthy answer of the older commit.
    pub to_roll_back: Spread,
    /// Milliseconds for which a commit ran that had no good verdict yet.
    pub unvalidated_live_ms: u64,
    /// How much of the time the application was up; `None` when nobody watched it.
    pub uptime: Option<Uptime>,
}

/// What was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rollbacks {
    /// By people.
    pub manual: u64,
    /// By ripcord.
    pub automatic: u64,
    /// Automatic ones after which an older commit served again.
    pub succeeded: u64,
    /// Automatic ones after which a human was needed.
    pub failed: u64,
    /// Automatic ones whose commit turned out to be good: its CI turned green, it was validated when
    /// it was deployed again, or a person overruled its quarantine.
    pub false_alarms: u64,
}

impl Rollbacks {
    /// Which part of the automatic ones that have ended succeeded, from 0 to 1.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        let ended = self.succeeded + self.failed;
        #[allow(clippy::cast_precision_loss, reason = "nobody rolls back 2^53 times")]
        (ended > 0).then(|| self.succeeded as f64 / ended as f64)
    }
}
