//! Telling the outside what happened: readers of the journal, each with a durable cursor, that
//! hand what they read to a sink.
//!
//! Nothing here is on a deployment's way: a sink that is slow, dead or lies makes its own reader
//! wait, and nobody else. Each event is delivered at least once, in the journal's order.

pub mod github;
mod pace;
mod reader;
mod sink;

pub use pace::{Pace, STOPPED_RETRY};
pub use reader::Reader;
pub use sink::{Sink, SinkHealth, SinkState, Undelivered};
