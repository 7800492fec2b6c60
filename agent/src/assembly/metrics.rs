//! From `metrics` in the configuration to a page that Prometheus reads.

use std::net::SocketAddr;

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    engine::{Clock, Engine},
    journal::{Journal, JournalError},
    metrics::{Counts, Door, Follower, Metrics},
    notify::SinkHealth,
};

/// What is served to Prometheus, and who counts for it.
pub(super) struct Scraped {
    metrics: Metrics,
    follower: Option<Follower>,
    door: Door,
}

impl Scraped {
    /// Begins to count. `None` when the address cannot be used: deployments go on without.
    pub(super) async fn open(
        address: SocketAddr,
        journal: Option<&Journal>,
        engine: &Engine,
        sinks: Vec<watch::Receiver<SinkHealth>>,
        clock: Clock,
    ) -> Result<Option<Self>, JournalError> {
        let door = match Door::open(address).await {
            Ok(door) => door,
            Err(error) => {
                tracing::error!(metrics = %address, %error, "metrics are not served: choose another address");
                return Ok(None);
            }
        };
        let follower = match journal {
            Some(journal) => Some(Follower::open(journal.clone(), engine, clock.now()).await?),
            None => None,
        };
        let counts = follower.as_ref().map_or_else(Counts::none, Follower::counts);
        let metrics = Metrics::new(engine.clone(), counts, sinks, clock);
        Ok(Some(Self { metrics, follower, door }))
    }

    /// Where it is served.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.door.address().ok()
    }

    /// Starts to count and to answer, until `shutdown`.
    pub(super) fn spawn(self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let Self { metrics, follower, door } = self;
        follower.map(|follower| tasks.spawn(follower.run(shutdown.clone())));
        tasks.spawn(door.answer(metrics, shutdown.clone()));
    }
}
