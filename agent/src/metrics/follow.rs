//! Reads the journal as it grows, and counts what happens. Only reads: nothing waits for it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ripcord_core::{EnvironmentName, Sequence, Timestamp};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use super::counters::{Before, Counters};
use crate::{
    causes::with_causes,
    engine::{Engine, EnvironmentHandle},
    journal::{Journal, JournalError, Record},
};

/// How many records are read at once.
const BATCH: usize = 256;
/// How long until a journal that could not be read is read again.
const RETRY: Duration = Duration::from_secs(30);

/// The counts of all environments, shared by who counts and who scrapes.
#[derive(Clone)]
pub struct Counts {
    pub(super) environments: Arc<Mutex<BTreeMap<EnvironmentName, Counters>>>,
    /// The number of the journal's newest event.
    pub(super) events: watch::Receiver<Sequence>,
}

impl Counts {
    /// Where there is no journal, there is nothing to count.
    #[must_use]
    pub fn none() -> Self {
        let (_, events) = watch::channel(Sequence::default());
        Self { environments: Arc::default(), events }
    }
}

/// Follows the journal.
pub struct Follower {
    journal: Journal,
    done: Sequence,
    counts: Counts,
}

impl Follower {
    /// Takes up its place at the journal's end, and notes how things stand. Do this before anything
    /// is appended that is to be counted.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn open(
        journal: Journal,
        engine: &Engine,
        now: Timestamp,
    ) -> Result<Self, JournalError> {
        let events = journal.appended();
        let done = *events.borrow();
        let mut counters = BTreeMap::new();
        for environment in engine.driven() {
            let before = before(environment).await?;
            let state = environment.state.borrow();
            let begun = Counters::new(now, &before, state.open.values());
            counters.insert(environment.name.clone(), begun);
        }
        let counts = Counts { environments: Arc::new(Mutex::new(counters)), events };
        Ok(Self { journal, done, counts })
    }

    /// What it counts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// Counts until the agent stops.
    pub async fn run(mut self, shutdown: CancellationToken) {
        tokio::select! {
            () = self.count_all() => {}
            () = shutdown.cancelled() => {}
        }
    }

    async fn count_all(&mut self) {
        let mut newest = self.counts.events.clone();
        loop {
            newest.mark_unchanged();
            match self.journal.after(self.done, BATCH).await {
                Ok(records) if records.is_empty() => {
                    if newest.changed().await.is_err() {
                        return;
                    }
                }
                Ok(records) => self.count(&records),
                Err(error) => {
                    tracing::error!(why = with_causes(&error), "metrics do not count any more");
                    sleep(RETRY).await;
                }
            }
        }
    }

    fn count(&mut self, records: &[Record]) {
        let environments = &self.counts.environments;
        let mut counters = environments.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            if let Some(counters) = counters.get_mut(&record.environment) {
                counters.note(record.at, &record.entry);
            }
            self.done = record.sequence;
        }
    }
}

async fn before(environment: &EnvironmentHandle) -> Result<Before, JournalError> {
    let journal = environment.journal();
    let last = async |name: &'static str| journal.last(&environment.name, name).await;
    let (rose, fell) = (last("came_back").await?, last("went_down").await?);
    let live_since = last("went_live").await?;
    let validated_at = last("validated").await?;
    let state = environment.state.borrow();
    let is_validated = |live| state.validated.iter().any(|earned| earned.placement == live);
    let unvalidated = state.live.filter(|live| !is_validated(*live));
    let up = live_since.max(rose).map(|good| fell.is_none_or(|fell| fell <= good));
    Ok(Before {
        live_since,
        validated_at,
        up,
        unvalidated: unvalidated.and_then(|live| live.deployment),
    })
}
