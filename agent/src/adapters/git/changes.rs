//! What a reset has to write and delete: the paths at which commits and index differ. Folders that
//! two commits have in common are never opened, so a small change costs little in a large tree.

use std::path::{Path, PathBuf};

use git2::{ObjectType, Repository, Tree, TreeEntry};
use ripcord_core::{Failure, FailureKind};

use super::errors::{OrFail, path_of};

/// A path that is not the same on two sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    /// The old side has a file or link there; otherwise nothing or a submodule.
    pub(super) from_file: bool,
    /// The same of the new side.
    pub(super) to_file: bool,
    /// One of the sides has a submodule there.
    pub(super) submodule: bool,
}

impl Change {
    fn of(path: PathBuf, old: Option<ObjectType>, new: Option<ObjectType>) -> Self {
        let is = |kind| (old == Some(kind), new == Some(kind));
        let (from_file, to_file) = is(ObjectType::Blob);
        let submodule = is(ObjectType::Commit) != (false, false);
        Self { path, from_file, to_file, submodule }
    }
}

/// The paths at which `old` and `new` differ. No `old`: all of `new`.
pub(super) fn between(
    repo: &Repository,
    old: Option<&Tree<'_>>,
    new: &Tree<'_>,
) -> Result<Vec<Change>, Failure> {
    let mut walk = Walk { repo, found: Vec::new() };
    let walked = walk.folder(Path::new(""), old, Some(new));
    walked.or_fail(FailureKind::Repository, || format!("read the tree {}", new.id()))?;
    Ok(walk.found)
}

/// Adds the paths at which the index is not as in `head` to the changes from `head` to `tree`.
pub(super) fn add_staged(
    changes: &mut Vec<Change>,
    staged: &[PathBuf],
    head: Option<&Tree<'_>>,
    tree: &Tree<'_>,
) {
    for path in staged {
        let kind = |tree: &Tree<'_>| tree.get_path(path).ok().and_then(|entry| entry.kind());
        changes.push(Change::of(path.clone(), head.and_then(kind), kind(tree)));
    }
    changes.sort();
    changes.dedup_by(|one, other| one.path == other.path);
}

struct Walk<'r> {
    repo: &'r Repository,
    found: Vec<Change>,
}

impl Walk<'_> {
    fn folder(
        &mut self,
        folder: &Path,
        old: Option<&Tree<'_>>,
        new: Option<&Tree<'_>>,
    ) -> Result<(), git2::Error> {
        for before in old.into_iter().flat_map(Tree::iter) {
            let after = new.and_then(|new| new.get_name_bytes(before.name_bytes()));
            let same = |after: &TreeEntry<'_>| {
                (after.id(), after.filemode()) == (before.id(), before.filemode())
            };
            if !after.as_ref().is_some_and(same) {
                self.entry(folder, Some(&before), after.as_ref())?;
            }
        }
        for after in new.into_iter().flat_map(Tree::iter) {
            if old.is_none_or(|old| old.get_name_bytes(after.name_bytes()).is_none()) {
                self.entry(folder, None, Some(&after))?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: &Path,
        before: Option<&TreeEntry<'_>>,
        after: Option<&TreeEntry<'_>>,
    ) -> Result<(), git2::Error> {
        let name = before.or(after).map_or(&[][..], TreeEntry::name_bytes);
        let path = folder.join(path_of(name));
        let kind = |entry: Option<&TreeEntry<'_>>| entry.and_then(TreeEntry::kind);
        let tree = |entry: Option<&TreeEntry<'_>>| {
            let folder = entry.filter(|entry| kind(Some(entry)) == Some(ObjectType::Tree));
            folder.map(|entry| self.repo.find_tree(entry.id())).transpose()
        };
        let (old, new) = (tree(before)?, tree(after)?);
        let change = Change::of(path.clone(), kind(before), kind(after));
        if change.from_file || change.to_file || change.submodule {
            self.found.push(change);
        }
        self.folder(&path, old.as_ref(), new.as_ref())
    }
}
