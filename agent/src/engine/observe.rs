//! How an environment looks from outside, for whoever asks now. Decides nothing, changes nothing.

use std::{sync::Arc, time::Duration};

use ripcord_core::{CommitSha, Failure};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::probing;
use crate::ports::{Advice, Probe, Runtime, Sample, SourceRepository, TreeState};

/// Many callers at once cost one look.
const FRESH: Duration = Duration::from_millis(500);
/// `ripcord status` rather says "not known" than keeps an operator waiting.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at an environment.
pub struct Observer {
    source: Arc<dyn SourceRepository>,
    runtime: Arc<dyn Runtime>,
    probe: Option<Arc<dyn Probe>>,
    last: Mutex<Option<(Instant, CommitSha, Observation)>>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Whether the application answers as it should; `None` when that took too long to find out.
    pub health: Option<Sample>,
    /// Whether the files are those of the commit; `None` when that could not be found out.
    pub tree: Option<TreeState>,
}

impl Observer {
    /// An observer of these parts.
    #[must_use]
    pub fn new(parts: &super::Parts) -> Self {
        Self {
            source: parts.source.clone(),
            runtime: parts.runtime.clone(),
            probe: parts.probe.clone(),
            last: Mutex::new(None),
        }
    }

    /// Whether whatever runs the application answers now.
    ///
    /// # Errors
    /// When it does not, with what to do about it.
    pub async fn reachable(&self) -> Result<(), Failure> {
        self.runtime.reachable().await
    }

    /// Whether a restart could be done now.
    ///
    /// # Errors
    /// When it could not, with what to do about it.
    pub async fn restartable(&self) -> Result<(), Failure> {
        self.runtime.preflight().await
    }

    /// What would make restarts better; nothing where that takes too long to find out.
    pub async fn advice(&self) -> Vec<Advice> {
        timeout(PATIENCE, self.runtime.advice()).await.unwrap_or_default()
    }

    /// Looks now, or answers what was seen a moment ago.
    pub async fn look(&self, live: CommitSha) -> Observation {
        let mut last = self.last.lock().await;
        if let Some((seen, sha, observation)) = &*last
            && *sha == live
            && seen.elapsed() < FRESH
        {
            return observation.clone();
        }
        let (health, tree) = tokio::join!(
            timeout(PATIENCE, self.health()),
            timeout(PATIENCE, self.source.inspect(live))
        );
        let observation = Observation { health: health.ok(), tree: tree.ok().and_then(Result::ok) };
        *last = Some((Instant::now(), live, observation.clone()));
        observation
    }

    /// One look at the application, as a deployment takes it.
    pub(super) async fn health(&self) -> Sample {
        probing::look(self.runtime.as_ref(), self.probe.as_deref()).await.sample
    }
}
