//! git's own lock of an index: whoever made the file writes the index into it, and renames it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    thread,
};

use ripcord_core::{Failure, FailureKind};
use sha1::{Digest as _, Sha1};

use super::{errors::OrFail, lock, site::Site};

/// The lock, ours until its file takes the index's place or this is dropped.
#[derive(Debug)]
pub(super) struct IndexLock {
    file: File,
    place: PathBuf,
    index: PathBuf,
    is_held: bool,
}

impl IndexLock {
    /// Takes the lock, from somebody who has it only for a moment as well: from here on no git
    /// command writes the index, or the work tree by it.
    pub(super) fn take(site: &Site) -> Result<Self, Failure> {
        let (index, place) = (site.git_dir.join("index"), site.git_dir.join("index.lock"));
        let what = || {
            let place = place.display();
            format!("take {place}: another git command works there (nothing was touched)")
        };
        let make = || OpenOptions::new().write(true).create_new(true).open(&place);
        let file = lock::patiently(make).or_fail(FailureKind::Repository, what)?;
        Ok(Self { file, place, index, is_held: true })
    }

    /// Makes `pieces`, and their checksum, the index.
    pub(super) fn replace(mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let mut file = &self.file;
        file.set_permissions(self.index.metadata()?.permissions())?;
        let checksum = thread::scope(|scope| {
            let checksum = scope.spawn(|| checksum(pieces));
            pieces.iter().try_for_each(|piece| file.write_all(piece))?;
            checksum.join().map_err(|_| io::Error::other("a thread broke off"))
        })?;
        file.write_all(&checksum)?;
        fs::rename(&self.place, &self.index)?;
        self.is_held = false;
        Ok(())
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        if self.is_held {
            let _ = fs::remove_file(&self.place);
        }
    }
}

/// git's own choice; it guards against accidents, not against people.
fn checksum(pieces: &[&[u8]]) -> [u8; 20] {
    let mut hasher = Sha1::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    hasher.finalize().into()
}
