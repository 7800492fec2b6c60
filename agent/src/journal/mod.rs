//! The journal: an append-only log of events in SQLite, with the state that it folds to.
//!
//! Everything that people and programs see is a reading of it from a cursor. One connection lives
//! on a thread of its own; the rest of the agent holds a [`Journal`], a handle that asks it.

mod cursors;
#[cfg(feature = "failpoints")]
mod failpoint;
mod figures;
mod inspect;
mod retention;
mod schema;
mod store;

use std::{path::Path, sync::Arc};

use ripcord_core::{
    CommitSha, Deployment, DeploymentNumber, Entry, Environment, EnvironmentName, RequestId,
    Sequence, Timestamp,
    stats::{Statistics, Window},
};
use rusqlite::ErrorCode;
use tokio::sync::{mpsc, oneshot, watch};

pub use cursors::Cursor;
use figures::Figures;
pub use retention::{Horizon, Sweep, Swept};
use store::Store;

/// One row: an entry with its place and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the whole journal.
    pub sequence: Sequence,
    /// When it happened.
    pub at: Timestamp,
    /// Where.
    pub environment: EnvironmentName,
    /// What.
    pub entry: Entry,
}

/// A part of a deployment's story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// The deployment as it is now.
    pub deployment: Deployment,
    /// When retention removed the most of its story: what is left are the facts for statistics.
    pub removed: Option<Timestamp>,
    /// What happened, oldest first.
    pub records: Vec<Record>,
}

/// What is written in one transaction.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Where it happened.
    pub environment: EnvironmentName,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// The state after it; `None` when the entries do not change the state.
    pub state: Option<Environment>,
    /// The deployments that changed, as they are after it.
    pub changed: Vec<Deployment>,
}

/// Why the journal did not answer.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Nothing of what was to be written is there.
    #[error("the journal could not be written")]
    Unwritable(#[source] rusqlite::Error),
    /// SQLite said no.
    #[error("the journal could not be {doing}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// A row is not what this version writes.
    #[error("the journal holds a row that this version cannot read")]
    Row(#[source] serde_json::Error),
    /// The file is broken.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// The file was written by a newer version.
    #[error("the journal has schema {found}, this version knows {known}")]
    NewerSchema {
        /// What the file says.
        found: i64,
        /// What this version knows.
        known: i64,
    },
    /// The journal's thread ended.
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    fn of(doing: &'static str, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(source.to_string())
            }
            _ => Self::Sqlite { doing, source },
        }
    }

    /// What a person can do about a file that stays as it is until somebody does; `None` for what
    /// may pass by itself, such as a full disk.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::NewerSchema { .. } => {
                Some("install the newer agent again, or restore an older state_dir")
            }
            Self::Damaged(_) => Some(
                "restore state_dir from a backup, or move journal.sqlite away, with its -wal and \
                 -shm, to begin without a history",
            ),
            Self::Row(_) => Some(
                "install the version of the agent that wrote it, or restore state_dir from a backup",
            ),
            Self::Unwritable(_) | Self::Sqlite { .. } | Self::Closed => None,
        }
    }
}

/// Looks at the journal's file without changing it: whether it is sound, and of a schema that this
/// version knows.
///
/// # Errors
/// When it is not, or cannot be read.
pub fn inspect(path: &Path) -> Result<(), JournalError> {
    inspect::inspect(path, inspect::Depth::Whole)
}

/// A handle to the journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal {
    asks: mpsc::Sender<Ask>,
    newest: watch::Receiver<Sequence>,
    figures: Figures,
}

type Ask = Box<dyn FnOnce(&mut Store) + Send>;

/// How many questions may wait for the journal's thread before askers wait themselves.
const WAITING_ASKS: usize = 256;

impl Journal {
    /// Opens, or makes, the journal in this file.
    ///
    /// # Errors
    /// When the file cannot be opened, is corrupt, or has a newer schema.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let (announce, newest) = watch::channel(Sequence::default());
        let mut store = Store::open(path, announce)?;
        let (asks, mut asked) = mpsc::channel::<Ask>(WAITING_ASKS);
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                while let Some(ask) = asked.blocking_recv() {
                    ask(&mut store);
                }
            })
            .map_err(|_| JournalError::Closed)?;
        Ok(Self { asks, newest, figures: Figures::of(path) })
    }

    /// Writes `batch`; it is durable when this returns.
    ///
    /// # Errors
    /// When it could not be written; nothing of it is there then.
    pub async fn append(&self, batch: Batch) -> Result<(), JournalError> {
        self.ask(move |store| store.append(&batch)).await
    }

    /// The story of a deployment after `after`, oldest first, at most `limit` events, with the
    /// deployment as it is at the end of the whole story. What undoes it is part of its story.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn chapter(
        &self,
        environment: &EnvironmentName,
        number: DeploymentNumber,
        after: Sequence,
        limit: usize,
    ) -> Result<Option<Chapter>, JournalError> {
        let environment = environment.clone();
        self.ask(move |store| store.chapter(&environment, number, after, limit)).await
    }

    /// The state of an environment; `None` when nothing ever happened there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn state(
        &self,
        environment: &EnvironmentName,
    ) -> Result<Option<Environment>, JournalError> {
        let environment = environment.clone();
        self.ask(move |store| store.state(&environment)).await
    }

    /// One deployment.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn deployment(
        &self,
        environment: &EnvironmentName,
        number: DeploymentNumber,
    ) -> Result<Option<Deployment>, JournalError> {
        let environment = environment.clone();
        self.ask(move |store| store.deployment(&environment, number)).await
    }

    /// The newest deployments, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn history(
        &self,
        environment: &EnvironmentName,
        limit: usize,
    ) -> Result<Vec<Deployment>, JournalError> {
        let environment = environment.clone();
        self.ask(move |store| store.history(&environment, limit)).await
    }

    /// The deployment that this request made.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn requested(
        &self,
        environment: &EnvironmentName,
        request: &RequestId,
    ) -> Result<Option<Deployment>, JournalError> {
        let (environment, request) = (environment.clone(), request.clone());
        self.ask(move |store| store.requested(&environment, &request)).await
    }

    /// The newest deployment of this commit that went live, or else the newest one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn newest_of(
        &self,
        environment: &EnvironmentName,
        sha: CommitSha,
    ) -> Result<Option<Deployment>, JournalError> {
        let environment = environment.clone();
        self.ask(move |store| store.newest_of(&environment, sha)).await
    }

    /// Notes that an environment's driver is alive at `at`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn beat(
        &self,
        environment: &EnvironmentName,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let environment = environment.clone();
        self.ask(move |store| store.beat(&environment, at)).await
    }

    /// When an environment's driver last was alive, as far as it was noted.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn alive_until(
        &self,
        environment: &EnvironmentName,
    ) -> Result<Option<Timestamp>, JournalError> {
        let environment = environment.clone();
        self.ask(move |store| store.alive_until(&environment)).await
    }

    /// What became of the deployments of an environment in a stretch of time. Keeps nobody waiting:
    /// it reads beside those who write.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn figures(
        &self,
        environment: &EnvironmentName,
        window: Window,
    ) -> Result<Statistics, JournalError> {
        self.figures.within(environment.clone(), window).await
    }

    /// When an event that figures are made of ([`ripcord_core::stats::Tally::EVENTS`]) happened last.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn last(
        &self,
        environment: &EnvironmentName,
        event: &'static str,
    ) -> Result<Option<Timestamp>, JournalError> {
        self.figures.last(environment.clone(), event).await
    }

    /// What happened after `after` in all environments, oldest first, at most `limit` records.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn after(&self, after: Sequence, limit: usize) -> Result<Vec<Record>, JournalError> {
        self.ask(move |store| store.after(after, limit)).await
    }

    /// Where this reader stands. One that was never seen begins at the journal's end, and is known
    /// from now on: it does not tell old history, and misses nothing of what comes.
    ///
    /// # Errors
    /// When it can neither be read nor written down.
    pub async fn cursor(&self, reader: &str) -> Result<Cursor, JournalError> {
        let reader = reader.to_owned();
        self.ask(move |store| store.cursor(&reader)).await
    }

    /// Moves this reader, and replaces its memo, both or neither. It survives the death of the
    /// agent; a power cut may undo the last moves, because nobody waits for the disk here: a reader
    /// repeats what it did after the place where it finds itself.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn advance(&self, reader: &str, to: Cursor) -> Result<(), JournalError> {
        let reader = reader.to_owned();
        self.ask(move |store| store.advance(&reader, &to)).await
    }

    /// Looks which stories may go; [`Self::sweep`] removes them.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn begin_sweep(&self, horizon: Horizon) -> Result<Sweep, JournalError> {
        self.ask(move |store| store.begin_sweep(horizon)).await
    }

    /// Removes a piece of what may go, so small that whoever wants to write meanwhile does not wait
    /// for long; answers whether there is more.
    ///
    /// # Errors
    /// When it cannot be read or written; nothing of this piece is gone then.
    pub async fn sweep(&self, mut sweep: Sweep) -> Result<(Sweep, bool), JournalError> {
        self.ask(move |store| store.sweep(&mut sweep).map(|more| (sweep, more))).await
    }

    /// Wakes whenever something was appended.
    #[must_use]
    pub fn appended(&self) -> watch::Receiver<Sequence> {
        self.newest.clone()
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (reply, answer) = oneshot::channel();
        let ask = Box::new(move |store: &mut Store| {
            let _ = reply.send(question(store));
        });
        self.asks.send(ask).await.map_err(|_| JournalError::Closed)?;
        answer.await.map_err(|_| JournalError::Closed)?
    }
}

/// The journal's file in a state folder.
#[must_use]
pub fn file_in(state_dir: &Path) -> Arc<Path> {
    state_dir.join("journal.sqlite").into()
}
