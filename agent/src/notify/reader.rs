//! Drives one sink: reads the journal behind its cursor, hands over record by record, and moves the
//! cursor after each. Only reads the journal, so that nothing ever waits for it.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use ripcord_core::Timestamp;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Pace, Sink, SinkHealth, SinkState, Undelivered};
use crate::{
    causes::with_causes,
    journal::{Cursor, Journal, JournalError, Record},
};

/// How many records are read at once.
const BATCH: usize = 256;
/// A delivery that takes longer counts as failed: a sink makes a few requests for a record, and a
/// server that drips one byte after the other is no better than a dead one.
const DELIVERY: Duration = Duration::from_secs(2 * 60);
/// How long a delivery may go on when the agent stops; what it has not told then is told by the
/// next start.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long until a journal that could not be read is read again.
const JOURNAL_RETRY: Duration = Duration::from_secs(30);

/// A reader of the journal with its sink.
pub struct Reader {
    journal: Journal,
    sink: Arc<dyn Sink>,
    cursor: Cursor,
    /// What of `cursor` is written down.
    saved: Cursor,
    health: watch::Sender<SinkHealth>,
}

impl Reader {
    /// Takes up the sink's place in the journal. Do this before anything is appended that a new
    /// sink is to tell.
    ///
    /// # Errors
    /// When the journal cannot say where the sink stands.
    pub async fn open(journal: Journal, sink: impl Sink + 'static) -> Result<Self, JournalError> {
        let cursor = journal.cursor(sink.name()).await?;
        let (name, about) = (sink.name().to_owned(), sink.about());
        let health = SinkHealth { name, about, delivered: 0, state: SinkState::Working };
        let (sink, saved) = (Arc::new(sink), cursor.clone());
        Ok(Self { journal, sink, cursor, saved, health: watch::Sender::new(health) })
    }

    /// How the sink fares.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<SinkHealth> {
        self.health.subscribe()
    }

    /// The sink, for whoever wants to try it while it is being told.
    pub(super) fn sink(&self) -> Arc<dyn Sink> {
        self.sink.clone()
    }

    /// Delivers until the agent stops.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let stop = shutdown.clone();
        let late = async {
            shutdown.cancelled().await;
            sleep(FAREWELL).await;
        };
        tokio::select! {
            () = self.deliver_all(&stop) => {}
            () = late => {}
        }
    }

    async fn deliver_all(&mut self, stop: &CancellationToken) {
        let mut appended = self.journal.appended();
        while !stop.is_cancelled() {
            appended.mark_unchanged();
            let read = self.journal.after(self.cursor.sequence, BATCH).await;
            match read {
                Ok(records) if records.is_empty() => {
                    tokio::select! {
                        changed = appended.changed() => if changed.is_err() { return },
                        () = stop.cancelled() => return,
                    }
                }
                Ok(records) => {
                    self.note_what_is_gone(&records);
                    self.deliver_batch(&records, stop).await;
                }
                Err(JournalError::Closed) => return,
                Err(error) => {
                    let (sink, why) = (self.sink.name(), with_causes(&error));
                    tracing::error!(sink, why, "a sink cannot read the journal; it tries again");
                    pause(JOURNAL_RETRY, stop).await;
                }
            }
        }
    }

    /// Nothing is removed before a sink was told, unless it was down for longer than retention waits.
    fn note_what_is_gone(&self, records: &[Record]) {
        let next = self.cursor.sequence.0 + 1;
        let gone = records.first().map_or(0, |first| first.sequence.0.saturating_sub(next));
        if gone > 0 {
            let sink = self.sink.name();
            tracing::warn!(
                sink,
                gone,
                "events were removed by age before the sink could tell them"
            );
        }
    }

    async fn deliver_batch(&mut self, records: &[Record], stop: &CancellationToken) {
        for record in records {
            let concerned = self.sink.concerns(record);
            if concerned && !self.deliver(record, stop).await {
                return;
            }
            self.cursor.sequence = record.sequence;
            if concerned {
                self.save().await;
            }
        }
        self.save().await;
    }

    /// Tries until the record is delivered, or can never be; `false` when the agent stops before.
    async fn deliver(&mut self, record: &Record, stop: &CancellationToken) -> bool {
        let mut pace = Pace::default();
        loop {
            let delivery = self.sink.deliver(record, &mut self.cursor.memo);
            let result = timeout(DELIVERY, delivery).await.unwrap_or_else(|_| {
                let why = format!("no answer within {} s", DELIVERY.as_secs());
                Err(Undelivered::Later { after: None, why })
            });
            let Err(failure) = result else {
                self.delivered();
                return true;
            };
            self.save().await;
            self.failed(&failure, record.at);
            let Some(wait) = pace.after(&failure, chance()) else { return true };
            if !pause(wait, stop).await {
                return false;
            }
        }
    }

    fn delivered(&self) {
        self.health.send_modify(|health| {
            if health.state != SinkState::Working {
                tracing::info!(sink = %health.name, "the sink works again");
            }
            health.delivered += 1;
            health.state = SinkState::Working;
        });
    }

    /// Publishes a failure; the log gets it when it is news, not at each try.
    fn failed(&self, failure: &Undelivered, since: Timestamp) {
        let sink = self.sink.name();
        let before = self.health.borrow().state.clone();
        let state = match failure {
            Undelivered::Later { why, .. } => {
                if before == SinkState::Working {
                    tracing::warn!(sink, why, "not told yet; it is tried again");
                }
                SinkState::Waiting { since, why: why.clone() }
            }
            Undelivered::Stopped { why } => {
                let stopped = SinkState::Stopped { since, why: why.clone() };
                if before != stopped {
                    tracing::error!(sink, why, "the sink is stopped; it is tried again rarely");
                }
                stopped
            }
            Undelivered::Skip { why } => {
                tracing::warn!(sink, why, "not told, and never will be");
                SinkState::Working
            }
        };
        self.health.send_modify(|health| health.state = state);
    }

    /// Writes down where the sink stands, and what it has to know again. Going on when that fails
    /// costs repetition, never a loss.
    async fn save(&mut self) {
        if self.cursor == self.saved {
            return;
        }
        match self.journal.advance(self.sink.name(), self.cursor.clone()).await {
            Ok(()) => self.saved = self.cursor.clone(),
            Err(error) => {
                let (sink, why) = (self.sink.name(), with_causes(&error));
                tracing::error!(sink, why, "a sink's place is not written down");
            }
        }
    }
}

/// Waits; `false` when the agent stops meanwhile.
async fn pause(wait: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = sleep(wait) => true,
        () = stop.cancelled() => false,
    }
}

/// A number from 0 to 1; not for secrets.
fn chance() -> f64 {
    let random = RandomState::new().hash_one(());
    f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
