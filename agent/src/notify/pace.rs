//! How long a reader waits before it tries again. Pure: chance is an argument.

use std::time::Duration;

use super::Undelivered;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause that a reader chooses itself: news is at most this much late once a service
/// is back.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// The longest pause that the other side may ask for; GitHub's limits are counted by the hour.
const LONGEST_TOLD: Duration = Duration::from_secs(60 * 60);
/// A stopped sink is tried this often: a token may have been renewed.
pub const STOPPED_RETRY: Duration = Duration::from_secs(15 * 60);

/// Counts failures of one record, and says how long to wait after each.
#[derive(Debug, Default)]
pub struct Pace {
    failures: u32,
}

impl Pace {
    /// How long to wait after this failure; `None` when waiting is of no use. `chance` is between
    /// 0 and 1: agents that failed together do not come back together.
    pub fn after(&mut self, failure: &Undelivered, chance: f64) -> Option<Duration> {
        match failure {
            Undelivered::Later { after: Some(told), .. } => {
                Some((*told).clamp(FIRST, LONGEST_TOLD))
            }
            Undelivered::Later { after: None, .. } => {
                let pause = FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST);
                self.failures = self.failures.saturating_add(1);
                Some(pause.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0))
            }
            Undelivered::Stopped { .. } => Some(STOPPED_RETRY),
            Undelivered::Skip { .. } => None,
        }
    }
}
