//! Looks at the agent's own certificates again and again, and journals when one is about to end.

use std::time::Duration;

use ripcord_core::{Ends, EnvironmentName, Input, Policy, notice};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Clock;
use crate::journal::{Batch, Journal, JournalError};

/// People are told by the day: an hour is early enough, also for files that were replaced.
const LOOK_AGAIN: Duration = Duration::from_secs(60 * 60);

/// Who tells of the agent's certificates.
pub struct Certificates {
    /// Where it is told.
    pub journal: Journal,
    /// What time it is.
    pub clock: Clock,
    /// What ends, as the files are now.
    pub ends: Box<dyn Fn() -> Vec<Ends> + Send + Sync>,
}

impl Certificates {
    /// Looks now, and again until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut turns = interval(LOOK_AGAIN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = turns.tick() => {}
            }
            if let Err(error) = self.look().await {
                tracing::error!(%error, "whether a certificate ends soon is not journaled");
            }
        }
    }

    /// Looks once, and journals what is due.
    ///
    /// # Errors
    /// When the journal cannot be read or written; the next look tells it then.
    pub async fn look(&self) -> Result<(), JournalError> {
        let environment = EnvironmentName::agent();
        let mut state = self.journal.state(&environment).await?.unwrap_or_default();
        for ends in (self.ends)() {
            let at = self.clock.now();
            let seen = Input::CertificateSeen(ends);
            let Ok(decision) = state.on(seen, &Policy::default(), at) else { continue };
            if decision.entries.is_empty() {
                continue;
            }
            decision.entries.iter().for_each(|it| tracing::warn!("{}", notice::sentence(it)));
            state = decision.environment;
            self.journal
                .append(Batch {
                    environment: environment.clone(),
                    at,
                    entries: decision.entries,
                    state: Some(state.clone()),
                    changed: Vec::new(),
                })
                .await?;
        }
        Ok(())
    }
}
