//! Points around every write of the journal at which a test lets the agent die, or counts it.
//!
//! Compiled only with the feature `failpoints`. `RIPCORD_DIE_AT=NAME#N` ends the process with SIGKILL
//! when the point is reached for the Nth time in its life; `RIPCORD_FAILPOINTS=FILE` is a file that
//! gets a line for every point that is reached.

use std::{
    collections::BTreeMap,
    env,
    fs::OpenOptions,
    io::Write as _,
    sync::{Mutex, PoisonError},
};

use ripcord_core::{Entry, Event, Kind};
use rustix::process::{Signal, getpid, kill_process};

use super::Batch;

static REACHED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// The agent is at this point of its life, and dies here when it was told to.
pub(super) fn reach(when: &str, what: &str) {
    let name = format!("{when}:{what}");
    record(&name);
    let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let count = reached.entry(name.clone()).or_default();
    *count += 1;
    if env::var("RIPCORD_DIE_AT").is_ok_and(|at| at == format!("{name}#{count}")) {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

fn record(name: &str) {
    let Some(file) = env::var_os("RIPCORD_FAILPOINTS") else { return };
    let opened = OpenOptions::new().create(true).append(true).open(file);
    let written = opened.and_then(|mut file| file.write_all(format!("{name}\n").as_bytes()));
    if let Err(error) = written {
        tracing::error!(%error, "a fail point could not be recorded");
    }
}

/// What a batch holds, such as `tree_reset+phase_entered/restarting`, and whose it is when it is a
/// rollback's. How much of a story comes together is chance, so all of that has one name.
pub(super) fn name_of(batch: &Batch) -> String {
    if batch.entries.iter().all(|entry| entry.event.is_story_only()) {
        return "story".to_owned();
    }
    let names: Vec<String> = batch.entries.iter().map(entry_name).collect();
    let of_rollback = batch.changed.iter().any(|it| matches!(it.kind, Kind::Rollback { .. }));
    format!("{}{}", names.join("+"), if of_rollback { "@rollback" } else { "" })
}

fn entry_name(entry: &Entry) -> String {
    let name = entry.event.name();
    if let Event::PhaseEntered { phase } | Event::Recovered { phase, .. } = &entry.event {
        return format!("{name}/{}", phase.as_str());
    }
    if let Event::Ended { outcome, .. } = &entry.event {
        return format!("{name}/{}", outcome.as_str());
    }
    name.to_owned()
}
