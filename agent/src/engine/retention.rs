//! Lets the journal forget old stories, once a day and piece by piece, never beside a deployment.

use std::{num::NonZeroU16, sync::Arc, time::Duration};

use ripcord_core::{Environment, Timestamp};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Clock, Engine};
use crate::{
    causes::with_causes,
    journal::{Horizon, Journal, JournalError, Swept},
};

/// The first minutes after a start belong to what the last agent left open.
const FIRST: Duration = Duration::from_secs(5 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two pieces whoever else needs the journal's thread or the disk has them to itself.
const BREATH: Duration = Duration::from_millis(20);
/// A sink that is down for a month is no sink; what it would tell is older than `keep_days` by then.
const PATIENCE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Who removes what is not asked for any more.
pub struct Retention {
    journal: Journal,
    clock: Clock,
    keep: Duration,
    states: Vec<watch::Receiver<Arc<Environment>>>,
}

impl Retention {
    /// Keeps stories for so many days; nobody is needed where they are kept for ever.
    #[must_use]
    pub fn new(journal: Journal, engine: &Engine, clock: Clock, keep_days: u16) -> Option<Self> {
        let days = NonZeroU16::new(keep_days)?;
        let states = engine.driven().map(|environment| environment.state.clone()).collect();
        Some(Self { journal, clock, keep: DAY * u32::from(days.get()), states })
    }

    /// Sweeps until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let again_and_again = async {
            sleep(FIRST).await;
            loop {
                match self.sweep().await {
                    Ok(Swept { stories: 0, events: 0 }) => {}
                    Ok(Swept { stories, events }) => {
                        tracing::info!(
                            stories,
                            events,
                            "old stories were removed from the journal"
                        );
                    }
                    Err(error) => {
                        let why = with_causes(&error);
                        tracing::error!(why, "old stories stay; they are tried again tomorrow");
                    }
                }
                sleep(DAY).await;
            }
        };
        tokio::select! {
            () = again_and_again => {}
            () = shutdown.cancelled() => {}
        }
    }

    /// Removes what may go by now, and answers how much that was.
    ///
    /// # Errors
    /// When the journal cannot be read or written; what was removed before that is gone.
    pub async fn sweep(&mut self) -> Result<Swept, JournalError> {
        let mut sweep = self.journal.begin_sweep(self.horizon()).await?;
        loop {
            self.calm().await;
            let (now, more) = self.journal.sweep(sweep).await?;
            if !more {
                return Ok(now.swept());
            }
            sweep = now;
            sleep(BREATH).await;
        }
    }

    fn horizon(&self) -> Horizon {
        let now = self.clock.now();
        let ago = |time: Duration| Timestamp(now.0.saturating_sub(millis(time)));
        Horizon { now, ended: ago(self.keep), untold: ago(self.keep + PATIENCE) }
    }

    /// Waits until nothing is being deployed anywhere.
    async fn calm(&mut self) {
        for state in &mut self.states {
            // A driver that is gone deploys nothing.
            let _ = state.wait_for(|state| !state.is_mutating()).await;
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
