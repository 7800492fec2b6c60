//! The promises of backups, with real files on a real disk.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod crash;
mod damage;
#[path = "../support/disk.rs"]
mod disk;
mod files;
mod ground;
mod keep;
mod large;
mod random;
mod restore;
mod support;
