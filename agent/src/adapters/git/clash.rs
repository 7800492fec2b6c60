//! Finds untracked files that stand where a commit's files must come.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use git2::Index;
use ripcord_core::Failure;

use super::{
    errors::{path_of, repository},
    interrupted::GITLINK,
    tracked::Tracked,
};

/// What stands where files of a commit must come.
#[derive(Debug, Default)]
pub(super) struct InTheWay {
    /// Untracked files: they are saved, then replaced.
    pub(super) files: BTreeSet<PathBuf>,
    /// Folders with tracked files or nothing in them.
    pub(super) folders: BTreeSet<PathBuf>,
}

impl InTheWay {
    /// Nothing stands there.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }
}

/// Tracked files where people put a folder.
pub(super) fn replaced_by_folders(root: &Path, index: &Index) -> Vec<PathBuf> {
    let files = index.iter().filter(|entry| entry.mode != GITLINK);
    let paths = files.map(|entry| path_of(&entry.path).to_owned());
    paths
        .filter(|path| root.join(path).symlink_metadata().is_ok_and(|found| found.is_dir()))
        .collect()
}

/// What writing `paths` would replace.
///
/// Refuses when a whole folder with untracked files would have to go: git deletes it, libgit2
/// stops half-way; neither is what an operator wants.
pub(super) fn find<'p>(
    root: &Path,
    index: &impl Tracked,
    paths: impl IntoIterator<Item = &'p PathBuf>,
) -> Result<InTheWay, Failure> {
    let surroundings = Surroundings { root, index };
    let mut found = InTheWay::default();
    for path in paths {
        surroundings.look(path, &mut found)?;
    }
    Ok(found)
}

struct Surroundings<'a, T> {
    root: &'a Path,
    index: &'a T,
}

impl<T: Tracked> Surroundings<'_, T> {
    fn look(&self, path: &Path, found: &mut InTheWay) -> Result<(), Failure> {
        let mut above: Vec<_> = path.ancestors().collect();
        above.pop(); // The empty path: the root itself.
        for step in above.into_iter().rev() {
            let is_folder = match self.root.join(step).symlink_metadata() {
                Ok(metadata) => metadata.is_dir(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(self.unreadable(step, &error)),
            };
            if !is_folder {
                found.files.extend((!self.index.has(step)).then(|| step.to_owned()));
                return Ok(());
            }
        }
        match self.untracked_inside(path).map_err(|error| self.unreadable(path, &error))? {
            None => {
                found.folders.insert(path.to_owned());
                Ok(())
            }
            Some(file) => Err(repository(format!(
                "the commit has a file where {} is a folder with untracked files, such as {}: \
                 move them away first",
                self.root.join(path).display(),
                file.display()
            ))),
        }
    }

    fn untracked_inside(&self, folder: &Path) -> io::Result<Option<PathBuf>> {
        for entry in fs::read_dir(self.root.join(folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let found = if entry.file_type()?.is_dir() {
                self.untracked_inside(&path)?
            } else {
                (!self.index.has(&path)).then_some(path)
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn unreadable(&self, path: &Path, error: &io::Error) -> Failure {
        repository(format!("cannot look at {}: {error}", self.root.join(path).display()))
    }
}
