//! The promises of the git adapter, against repositories that git itself makes and judges.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod clones;
mod crash;
#[path = "../support/disk.rs"]
mod disk;
mod fetch;
mod histories;
mod http;
mod keep;
mod large;
mod lend;
mod look;
mod meanwhile;
mod refuse;
mod reset;
mod ssh;
mod support;
mod tidy;
