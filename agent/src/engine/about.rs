//! What an environment's configuration says to people.

use std::{path::PathBuf, time::Duration};

/// What an environment's configuration says to people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Its name for people, such as `PRODUCTION`.
    pub title: String,
    /// Where its application is reached.
    pub url: Option<String>,
    /// Why every deployment is refused, whatever is asked.
    pub unavailable: Option<String>,
    /// Why its repository cannot be used, so that nothing can be rolled back either.
    pub absent: Option<String>,
    /// The word that a deployment must confirm, byte for byte.
    pub confirm: Option<String>,
    /// What a deployment does here, for plans.
    pub doings: Doings,
    /// What its probe expects, for whoever looks from elsewhere.
    pub probed: Option<Probed>,
    /// Whether the agent looks although nothing happens, and tells of an outage.
    pub monitored: bool,
}

/// What a probe asks for, and what is a good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The address.
    pub url: String,
    /// The status of a good answer.
    pub status: u16,
    /// What its body must contain.
    pub contains: Option<String>,
}

/// What deployments and rollbacks do here, each step in words: what plans are made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Doings {
    /// How a commit is found, before anything is touched.
    pub find: String,
    /// What is saved, and where.
    pub save: Option<Saving>,
    /// How the files of a commit come.
    pub bring: String,
    /// The work tree that git resets; `None` where a command brings the files.
    pub tree: Option<PathBuf>,
    /// What is restarted.
    pub restart: String,
    /// How its health is seen.
    pub probe: String,
    /// What makes the commit count as validated.
    pub judge: String,
    /// For how long after going live failing health undoes a deployment.
    pub bake: Option<Duration>,
    /// Whether a rollback by a person holds the environment afterwards.
    pub hold_after_rollback: bool,
    /// The commands with which a person restarts the application without the agent.
    pub restart_by_hand: Vec<String>,
}

/// What is saved before a deployment touches anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saving {
    /// These files and folders.
    pub paths: Vec<PathBuf>,
    /// Into this folder.
    pub dir: PathBuf,
    /// So many backups are kept.
    pub keep: u32,
}
