//! Tells what an interrupted reset wrote from what people wrote, and makes libgit2 look anew.
//!
//! After a kill the tree is a mix of two commits, and neither HEAD nor the index knows of it.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use git2::{Index, IndexTime, ObjectType, Repository, Tree};
use ripcord_core::{Failure, FailureKind};

use super::{
    compare,
    errors::OrFail,
    marker::Claim,
    site::{self, Site},
};

/// Stage bits of an index entry's flags: set while a merge is unresolved.
const STAGE: u16 = 0x3000;
/// Mode of a submodule's entry.
pub(super) const GITLINK: u32 = 0o160_000;

/// A reset that was cut short.
pub(super) struct Interrupted<'a> {
    site: &'a Site,
    repo: &'a Repository,
    tree: Tree<'a>,
    /// Files on disk that are not as in `tree`.
    differing: BTreeSet<PathBuf>,
}

impl<'a> Interrupted<'a> {
    /// The reset that `claim` speaks of, if its commit is known and here.
    pub(super) fn of(
        site: &'a Site,
        repo: &'a Repository,
        claim: &Claim,
    ) -> Result<Option<Self>, Failure> {
        let commit = claim.sha.and_then(|sha| site::commit(repo, sha).ok());
        let Some(commit) = commit else { return Ok(None) };
        let tree = site::tree_of(&commit)?;
        let differing = compare::contents(repo, &tree)?.differing.into_iter().collect();
        Ok(Some(Self { site, repo, tree, differing }))
    }

    /// Whether what is at `path` now is (the beginning of) what the reset wrote, or its deletion.
    pub(super) fn wrote(&self, path: &Path) -> bool {
        let place = self.site.root.join(path);
        let Ok(metadata) = place.symlink_metadata() else { return true };
        let entry = self.tree.get_path(path).ok();
        let Some(entry) = entry.filter(|entry| entry.kind() == Some(ObjectType::Blob)) else {
            return false;
        };
        !self.differing.contains(path)
            || metadata.is_file()
                && self.repo.find_blob(entry.id()).is_ok_and(|blob| {
                    fs::read(&place).is_ok_and(|begun| blob.content().starts_with(&begun))
                })
    }

    /// Makes the files that the reset added known to `index`, so that the next one removes them
    /// again where they do not belong.
    pub(super) fn adopt(&self, index: &mut Index) -> Result<(), Failure> {
        let staged = compare::staged(self.repo, Some(&self.tree), index)?;
        for path in staged {
            let known = index.get_path(&path, 0).is_some();
            let present = self.site.root.join(&path).symlink_metadata().is_ok();
            if known || !present || !self.wrote(&path) {
                continue;
            }
            let what = || format!("look up {}", path.display());
            let entry = self.tree.get_path(&path).or_fail(FailureKind::Repository, what)?;
            let entry = git2::IndexEntry {
                ctime: IndexTime::new(0, 0),
                mtime: IndexTime::new(0, 0),
                dev: 0,
                ino: 0,
                mode: u32::try_from(entry.filemode()).unwrap_or_default(),
                uid: 0,
                gid: 0,
                file_size: 0,
                id: entry.id(),
                flags: 0,
                flags_extended: 0,
                path: path.as_os_str().as_bytes().to_vec(),
            };
            index.add(&entry).or_fail(FailureKind::Repository, what)?;
        }
        Ok(())
    }
}

/// Forgets the stat data of all files, in memory: whoever compares next has to read them.
pub(super) fn mistrust(index: &mut Index) -> Result<(), Failure> {
    let entries: Vec<_> = index.iter().filter(|entry| entry.flags & STAGE == 0).collect();
    for mut entry in entries.into_iter().filter(|entry| entry.mode != GITLINK) {
        entry.mtime = IndexTime::new(0, 0);
        entry.ctime = IndexTime::new(0, 0);
        entry.file_size = 0;
        let what = || "mark the index as stale".to_owned();
        index.add(&entry).or_fail(FailureKind::Repository, what)?;
    }
    Ok(())
}
