//! What an index tells of paths, be it libgit2's or the file itself.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use git2::Index;

use super::{errors::path_of, index_file::IndexFile};

/// The paths that are tracked.
pub(super) trait Tracked {
    /// Whether a file, or a side of an unfinished merge, is tracked there.
    fn has(&self, path: &Path) -> bool;

    /// The tracked files whose path ends so.
    fn ending_in(&self, end: &str) -> Vec<PathBuf>;
}

impl Tracked for Index {
    fn has(&self, path: &Path) -> bool {
        (0..=3).any(|stage| self.get_path(path, stage).is_some())
    }

    fn ending_in(&self, end: &str) -> Vec<PathBuf> {
        let found = self.iter().filter(|entry| entry.path.ends_with(end.as_bytes()));
        found.map(|entry| path_of(&entry.path).to_owned()).collect()
    }
}

impl Tracked for IndexFile {
    fn has(&self, path: &Path) -> bool {
        self.find(path.as_os_str().as_bytes()).is_some()
    }

    fn ending_in(&self, end: &str) -> Vec<PathBuf> {
        let paths = (0..self.len()).map(|number| self.path(number));
        let found = paths.filter(|path| path.ends_with(end.as_bytes()));
        found.map(|path| path_of(path).to_owned()).collect()
    }
}
