//! All sinks side by side, for whoever shows how they fare, or tries them.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Reader, Sink, SinkHealth, SinkState, Tested, Undelivered};

/// One sink.
pub struct Outlet {
    health: watch::Receiver<SinkHealth>,
    sink: Arc<dyn Sink>,
}

impl Outlet {
    /// The outlet of a reader.
    #[must_use]
    pub fn of(reader: &Reader) -> Self {
        Self { health: reader.health(), sink: reader.sink() }
    }

    /// How it fares.
    #[must_use]
    pub fn health(&self) -> SinkHealth {
        self.health.borrow().clone()
    }

    /// Tries it; see [`Sink::test`].
    ///
    /// # Errors
    /// When nothing would be taken.
    pub async fn test(&self, send: bool) -> Result<Tested, Undelivered> {
        self.sink.test(send).await
    }
}

/// All of them, in the order of the configuration.
#[derive(Default)]
pub struct Outlets(pub Vec<Outlet>);

impl Outlets {
    /// Those that lag or are stopped.
    #[must_use]
    pub fn in_trouble(&self) -> Vec<SinkHealth> {
        let all = self.0.iter().map(Outlet::health);
        all.filter(|health| health.state != SinkState::Working).collect()
    }
}
