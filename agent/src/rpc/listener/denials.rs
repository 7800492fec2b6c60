//! Logs who was turned away, and stays quiet under a flood: then it says how many were not logged.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::rpc::limits::{DENIAL_WINDOW, DENIALS_LOGGED};

/// A log that cannot be flooded.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    told: u32,
    silent: u64,
}

impl Denials {
    /// Logs `what`, unless too much was logged just now.
    pub(super) fn tell(&self, what: fmt::Arguments<'_>) {
        let Some(silent) = self.turn() else { return };
        if silent > 0 {
            tracing::warn!(silent, "denials that were not logged, to keep the log readable");
        }
        tracing::warn!("{what}");
    }

    /// How many were kept silent before this one, if it may be told.
    fn turn(&self) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.is_none_or(|since| since.elapsed() >= DENIAL_WINDOW) {
            window.since = Some(Instant::now());
            window.told = 0;
        }
        if window.told < DENIALS_LOGGED {
            window.told += 1;
            return Some(std::mem::take(&mut window.silent));
        }
        window.silent += 1;
        None
    }
}
