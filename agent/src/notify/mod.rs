//! Telling the outside what happened: readers of the journal, each with a durable cursor, that
//! hand what they read to a sink.
//!
//! Nothing here is on a deployment's way: a sink that is slow, dead or lies makes its own reader
//! wait, and nobody else. Each event is delivered at least once, in the journal's order.

mod answers;
pub mod discord;
mod fingerprint;
pub mod github;
mod newsroom;
mod outlets;
mod pace;
mod policy;
mod reader;
mod sink;
pub mod webhook;

pub use fingerprint::fingerprint;
pub use newsroom::{Home, Item, Newsroom};
pub use outlets::{Outlet, Outlets};
pub use pace::{Pace, STOPPED_RETRY};
pub use policy::Policy;
pub use reader::Reader;
pub use sink::{Sink, SinkHealth, SinkState, Tested, Undelivered};

use ripcord_core::Timestamp;

/// The wall clock: how late news is, and when a signature was made.
fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
