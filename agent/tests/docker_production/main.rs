//! Production as people have it: confirmed, backed up, promoted, recreated, probed, and undone when it
//! fails. Real Docker, git and agents; skipped with a line that says so where no engine answers.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod crashes;
mod faults;
mod shop;
mod story;

#[path = "../support"]
mod support {
    pub mod disk;
    pub mod docker;
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}
