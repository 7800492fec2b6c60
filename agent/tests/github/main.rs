//! GitHub as the source of verdicts, against a local server that speaks its real format.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support/github/mod.rs"]
mod fake;

mod client;
mod faults;
mod outage;
mod pacing;
mod sharing;
mod verdicts;
mod watcher;
