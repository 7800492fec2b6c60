//! The faults of the scripts that are being replaced: each is a promise that is asked of ripcord and
//! of the old way, and that only ripcord keeps.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "support/docker.rs"]
mod docker;
#[path = "support/git.rs"]
mod git;
#[path = "support/github/mod.rs"]
mod github;
#[path = "support/mtls.rs"]
mod mtls;
#[path = "support/pki.rs"]
mod pki;
#[path = "support/site.rs"]
mod site;

#[path = "seed_defects/deployment.rs"]
mod deployment;
#[path = "seed_defects/old_way.rs"]
mod old_way;
#[path = "seed_defects/ripcord.rs"]
mod ripcord;
#[path = "seed_defects/story.rs"]
mod story;
#[path = "seed_defects/watcher.rs"]
mod watcher;
