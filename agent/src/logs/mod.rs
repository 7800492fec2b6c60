//! The application's log for any number of readers: one upstream, encoded once, bounded by design.
//!
//! ```text
//!  LogSource ──► marked ──► feed (one task) ──► ring of encoded batches ◄── readers, each a place in the ring
//!                 └──────────────── backlog, one read per reader ────────────────┘
//! ```
//!
//! Invariant: a line is known by its source, its time and its ordinal among the lines of that time
//! (`position`). Live lines, backlog, reconnections and the agent's own restarts all speak of
//! lines in these terms, so nothing is lost or told twice where they meet.
//! Invariant: a reader owns no queue. One that falls out of the ring is told how much it missed.

mod backlog;
pub mod batch;
mod cursor;
mod feed;
pub mod filter;
mod hub;
pub mod limits;
mod marked;
mod position;
mod query;
mod reader;
pub mod restarts;
mod ring;
pub mod story;
mod upstream;

pub use self::{
    batch::Batcher,
    cursor::{Cursor, InvalidCursor},
    filter::LineFilter,
    hub::LogHub,
    query::{InvalidQuery, LogQuery},
    restarts::{Restart, Restarts},
};

use ripcord_core::Failure;

/// Why a log stream ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The log could not be read where it is kept.
    #[error("the log cannot be read: {0}")]
    Source(Failure),
}
