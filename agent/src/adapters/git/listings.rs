//! Remembers which untracked names were in which folder of a work tree, as long as the folder did
//! not change since. Costs an idle agent some hundred bytes for each folder.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock, RwLockReadGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::Stat;

use super::index_file::{Noted, noted};

/// A folder that changed a moment ago may change again without a new time of change: file systems
/// count in ticks, the coarsest of them in two seconds.
const SETTLED_SECONDS: i64 = 3;

/// What is known of folders, by their paths.
pub(super) type Known = HashMap<Box<[u8]>, Listing>;

/// What is known of the folders of one work tree.
#[derive(Debug, Default)]
pub(super) struct Listings(RwLock<Known>);

/// What was in a folder beside what is tracked, all of which was there.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) stamp: Stamp,
    pub(super) strangers: Vec<Box<[u8]>>,
}

/// When two of these are the same, the same names are in a folder, and the same of them are tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    folder: Noted,
    tracked: u64,
    changed: i64,
}

impl Stamp {
    /// Of a folder that is found so, with a fingerprint of the names that are tracked in it.
    pub(super) fn of(found: &Stat, tracked: u64) -> Self {
        let changed = found.st_ctime.max(found.st_mtime);
        Self { folder: noted(found), tracked, changed }
    }

    /// Whether any later change gives another stamp.
    pub(super) fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.changed.saturating_add(SETTLED_SECONDS) < i64::try_from(now).unwrap_or(0)
    }
}

impl Listings {
    pub(super) fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what was listed, for a work tree of so many folders.
    pub(super) fn learn(&self, listed: Vec<(Box<[u8]>, Listing)>, folders: usize) {
        if listed.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() + listed.len() > 2 * folders {
            known.clear(); // Folders that are gone.
        }
        known.extend(listed);
    }
}
