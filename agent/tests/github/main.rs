//! GitHub as the source of verdicts, against a local server that speaks its real format.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../support/github/mod.rs"]
mod fake;
#[path = "../support/git.rs"]
mod git;
#[path = "../support/mtls.rs"]
mod mtls;
#[path = "../support/pki.rs"]
mod pki;
#[path = "../support/site.rs"]
mod site;

mod client;
mod deploy;
mod faults;
mod outage;
mod pacing;
mod secrets;
mod sharing;
mod verdicts;
mod watcher;
