//! The engine's clock: wall time at the start, monotonic from there on.
//!
//! A wall clock that jumps by an hour neither ends a deadline early nor keeps a watch for ever.

use ripcord_core::Timestamp;
use tokio::time::{Duration, Instant};

/// Tells the time. Cheap to copy; all copies agree.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started_at: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that starts at the system's time.
    #[must_use]
    pub fn system() -> Self {
        Self::starting_at(Timestamp(jiff::Timestamp::now().as_millisecond()))
    }

    /// A clock that starts at this time.
    #[must_use]
    pub fn starting_at(started_at: Timestamp) -> Self {
        Self { started_at, started: Instant::now() }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_millis();
        self.started_at.plus(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    /// When it will be `at`; now, when that is past.
    #[must_use]
    pub fn instant_of(&self, at: Timestamp) -> Instant {
        // One more millisecond: `now` rounds down, and a tick must not come too early.
        Instant::now() + Duration::from_millis(at.since(self.now()) + 1)
    }
}
