//! The crash sweep: a real agent with a real repository is killed at every write of its journal, and
//! at random moments; whatever it leaves must hold up to the rules in `check.rs`.
//!
//! `scenario` drives an agent through everything that it does and starts it again when it dies,
//! `evidence` reads what is left, `check` judges it, `sweep` finds the places to die at, and
//! `doctored` shows that the rules see what they are for.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod check;
mod doctored;
mod evidence;
mod life;
mod scenario;
mod sweep;
mod world;

#[path = "../support"]
mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use sweep::{Sweep, from_environment};

/// How many agents are driven at a time: they mostly wait, for git and for each other.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn an_agent_that_dies_at_any_write_of_its_journal_leaves_nothing_wrong() {
    let mut sweep = Sweep::new(AT_ONCE);
    sweep.kill_at_every_point(1).await;
    sweep.conclude();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
#[ignore = "takes minutes: `cargo test --workspace --features ripcord-agent/failpoints --test crash_sweep -- --ignored --nocapture`"]
async fn an_agent_that_dies_at_every_occurrence_and_at_random_moments_leaves_nothing_wrong() {
    let kills = from_environment("RIPCORD_KILLS", || 100);
    let seed = from_environment("RIPCORD_SEED", || u64::from(std::process::id()));
    let mut sweep = Sweep::new(AT_ONCE);
    sweep.kill_at_every_point(u64::MAX).await;
    sweep.kill_at_random(seed, kills).await;
    sweep.conclude();
}
