//! Whether there is room on a disk: on a full one every deployment fails, and the journal with it.

use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::statvfs;

use super::blocking;
use crate::engine::{Check, Seen};

const MEGABYTE: u64 = 1_000_000;
/// Below this not even a journal, a fetch and a log have room.
const TOO_LITTLE: u64 = 100 * MEGABYTE;
/// Below this somebody should look: logs and packs grow by that much in a busy week.
const LITTLE: u64 = 1_000 * MEGABYTE;

/// A look at the disks that hold these folders, each known by a name.
pub(super) fn check(folders: Vec<(&'static str, PathBuf)>) -> Check {
    let fix = "free some room there, or move the folder to a larger disk";
    Check::new("disk", fix, move || {
        let folders = folders.clone();
        blocking(move || look(&folders))
    })
}

fn look(folders: &[(&'static str, PathBuf)]) -> Seen {
    let mut disks: BTreeMap<u64, (Vec<&str>, u64)> = BTreeMap::new();
    for (name, folder) in folders {
        match room(folder) {
            Ok((disk, free)) => disks.entry(disk).or_insert((Vec::new(), free)).0.push(name),
            Err(error) => return Seen::failed(format!("{name} {}: {error}", folder.display())),
        }
    }
    let least = disks.values().map(|(_, free)| *free).min().unwrap_or(u64::MAX);
    let told: Vec<String> = disks
        .values()
        .map(|(names, free)| format!("{} MB free for {}", free / MEGABYTE, names.join(", ")))
        .collect();
    let told = told.join("; ");
    match least {
        ..TOO_LITTLE => Seen::failed(told),
        TOO_LITTLE..LITTLE => Seen::warning(told),
        LITTLE.. => Seen::fine(told),
    }
}

/// Which disk holds the folder, or will once it is made, and how many bytes the agent may still write.
fn room(folder: &Path) -> io::Result<(u64, u64)> {
    let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let about = statvfs(existing)?;
    Ok((existing.metadata()?.dev(), about.f_bavail.saturating_mul(about.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_on_one_disk_are_told_together_and_one_that_is_not_there_yet_counts() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let (here, later) = (folder.path().to_owned(), folder.path().join("not/yet"));
        let seen = look(&[("state_dir", here), ("backups", later)]);
        assert!(format!("{seen:?}").contains("MB free for state_dir, backups"), "{seen:?}");
    }
}
