//! What the agent says to systemd, when it runs under it: ready, alive, stopping.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

fn say(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell, and that is fine.
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// The agent serves, and what its predecessor left open is finished.
pub fn ready() {
    say(&[NotifyState::Ready]);
}

/// Start-up takes longer than usual: a deployment that was interrupted is being finished.
pub fn still_starting(more: Duration) {
    let micros = u32::try_from(more.as_micros()).unwrap_or(u32::MAX);
    say(&[NotifyState::ExtendTimeoutUsec(micros)]);
}

/// The agent is about to end.
pub fn stopping() {
    say(&[NotifyState::Stopping]);
}

/// Tells systemd's watchdog, twice per period, that the runtime still turns; until `shutdown`.
pub async fn feed_watchdog(shutdown: CancellationToken) {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    let mut beat = interval(period / 2);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => say(&[NotifyState::Watchdog]),
            () = shutdown.cancelled() => return,
        }
    }
}
