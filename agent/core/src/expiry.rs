//! When people are told that a certificate ends: at 30, 7 and 1 days, and when it has ended.

use serde::{Deserialize, Serialize};

use crate::{ids::Timestamp, limits};

/// Something with an end: a certificate, or a revocation list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// What it is, such as `agent certificate`.
    pub whose: String,
    /// From when it counts.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Ends {
    /// Days left, the last one begun counts; 0 or less: it has ended.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> i64 {
        let left_ms = self.until.0.saturating_sub(now.0);
        left_ms.div_euclid(DAY_MS) + i64::from(left_ms.rem_euclid(DAY_MS) > 0)
    }

    /// Whether it is near enough to its end that somebody should renew it.
    #[must_use]
    pub fn is_near(&self, now: Timestamp) -> bool {
        self.step(self.days_left(now)).is_some()
    }

    /// Days left, when that is to be told; `told` is what was told last under the same name, be it of
    /// this one or of the one that it replaced.
    #[must_use]
    pub fn due(&self, now: Timestamp, told: Option<i64>) -> Option<i64> {
        let days = self.days_left(now);
        let step = self.step(days)?;
        // A clock that is set back a little makes no new certificate.
        let told = told.filter(|told| days <= told.saturating_add(1));
        let told_step = told.and_then(|told| self.step(told));
        told_step.is_none_or(|told| step < told).then_some(days)
    }

    /// The last step that `days` have passed. Steps in the first half of its life mean nothing: one
    /// that lives for a day would be about to end all its life.
    fn step(&self, days: i64) -> Option<i64> {
        let half_life_days = self.until.since(self.from).cast_signed() / DAY_MS / 2;
        let counts = |step: &i64| days <= *step && (*step == 0 || *step <= half_life_days);
        limits::EXPIRY_STEPS_DAYS.into_iter().filter(counts).min()
    }
}
