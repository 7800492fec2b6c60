//! What a reader hands its records to, and how that may fail.

use std::time::Duration;

use async_trait::async_trait;
use ripcord_core::Timestamp;

use crate::journal::Record;

/// Somewhere outside that is told what happened.
#[async_trait]
pub trait Sink: Send + Sync {
    /// The name of its place in the journal; never changed, or the place is lost.
    fn name(&self) -> &str;

    /// What people know it by besides, such as a file of the configuration; never a secret.
    fn about(&self) -> String;

    /// Whether it may have to tell something of this record. The others do not reach it.
    fn concerns(&self, record: &Record) -> bool;

    /// Tells of one record. `memo` is what the sink has to know again after a crash; what it
    /// writes there is kept also when it fails.
    ///
    /// # Errors
    /// When somebody who should know does not, and what to do about that.
    async fn deliver(&self, record: &Record, memo: &mut Option<String>) -> Result<(), Undelivered>;

    /// Asks the other side whether it would take something, without telling people anything. With
    /// `send`, what is read by programs is told something, marked as a test.
    ///
    /// # Errors
    /// When nothing would be taken, and what to do about that.
    async fn test(&self, send: bool) -> Result<Tested, Undelivered>;
}

/// Why a record was not delivered, which decides what the reader does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It may work later; whatever comes behind it waits.
    #[error("{why}")]
    Later {
        /// When the other side said to come back.
        after: Option<Duration>,
        /// What failed.
        why: String,
    },
    /// It will not work until a person does something.
    #[error("{why}")]
    Stopped {
        /// What failed, and what to do.
        why: String,
    },
    /// It can never be delivered; the next one may.
    #[error("{why}")]
    Skip {
        /// What failed.
        why: String,
    },
}

/// What a test found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tested {
    /// It takes what it is told; what the other side says that it is.
    Works(String),
    /// Nothing was tried, and why not.
    NotTried(&'static str),
}

/// How a sink fares, for whoever shows it to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkHealth {
    /// Its name.
    pub name: String,
    /// What people know it by besides.
    pub about: String,
    /// How many records were delivered since the agent started.
    pub delivered: u64,
    /// Whether it is up to date.
    pub state: SinkState,
}

/// Whether a sink is up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkState {
    /// As far as anybody knows, everything is told.
    Working,
    /// What happened since then is not told yet; it is tried again.
    Waiting {
        /// When the first untold thing happened.
        since: Timestamp,
        /// What failed.
        why: String,
    },
    /// What happened since then is not told; a person has to do something.
    Stopped {
        /// When the first untold thing happened.
        since: Timestamp,
        /// What failed, and what to do.
        why: String,
    },
}
