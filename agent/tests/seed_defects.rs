//! The faults of the scripts that are being replaced: each is a promise that is asked of ripcord and
//! of the old way, and that only ripcord keeps.
//!
//! The old way are the scripts in `seed_defects/old`, run by bash on a clone of their own; ripcord is
//! a real agent with real git. Both live through the same story, and one check looks at what can be
//! seen in the end. The numbers are those of the list of faults:
//!
//! | | |
//! |---|---|
//! | `watcher` | 2, 3, 4, 5, 6, 7, 8, 15, 23, 25: verdicts, and who waits for them |
//! | `deployment` | 1, 9, 10, 11, 16, 19: what a deployment and a way back leave behind |
//! | `application` | 12, 13, 20, 21: containers, shared clones, the confirmation |
//! | `production` | 14, 24: what is promoted, and the backup that is offered |
//!
//! 17, 18 and 22 (a webhook's address that anybody can read, texts that ping, repeats while down) are
//! promises of `tests/notify` and `tests/monitor`; the old way is not run beside them.
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

#[path = "seed_defects/application.rs"]
mod application;
#[path = "seed_defects/deployment.rs"]
mod deployment;
#[path = "seed_defects/old_way.rs"]
mod old_way;
#[path = "seed_defects/production.rs"]
mod production;
#[path = "seed_defects/ripcord.rs"]
mod ripcord;
#[path = "seed_defects/story.rs"]
mod story;
#[path = "seed_defects/watcher.rs"]
mod watcher;
