//! The log hub keeps its promises: one upstream for all, nothing lost, nothing twice, bounded.
#![allow(missing_docs, clippy::unwrap_used)]

mod client;
mod failures;
mod fanout;
mod queries;
mod seam;
mod source;
