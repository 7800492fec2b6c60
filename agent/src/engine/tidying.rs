//! Lets the repository be put in order while nothing is going on. A deployment never waits for it:
//! whatever begins ends it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::task::AbortOnDropHandle;

use crate::ports::SourceRepository;

/// The order of one environment's repository.
pub(super) struct Tidying {
    source: Arc<dyn SourceRepository>,
    state: Mutex<State>,
}

enum State {
    /// Something happened since it was put in order.
    Due,
    /// It is, or was, put in order since.
    Begun { _work: AbortOnDropHandle<()> },
}

impl Tidying {
    pub(super) fn new(source: Arc<dyn SourceRepository>) -> Self {
        Self { source, state: Mutex::new(State::Due) }
    }

    /// A step begins: what is being put in order stays as it is, and is looked at again later.
    pub(super) fn stop(&self) {
        *self.state() = State::Due;
    }

    /// All deployments have ended.
    pub(super) fn begin_if_due(&self) {
        let mut state = self.state();
        if matches!(*state, State::Due) {
            let work = tokio::spawn(tidy(self.source.clone()));
            *state = State::Begun { _work: AbortOnDropHandle::new(work) };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tidy(source: Arc<dyn SourceRepository>) {
    match source.tidy().await {
        Ok(Some(done)) => tracing::info!("{done}"),
        Ok(None) => {}
        Err(failure) => tracing::warn!(%failure, "the repository stays as it is"),
    }
}
