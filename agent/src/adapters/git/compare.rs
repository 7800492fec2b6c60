//! Compares work tree, index and commits; answers the paths that differ.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use git2::{Delta, Diff, DiffOptions, Index, IndexEntry, Repository, Tree};
use ripcord_core::{Failure, FailureKind};

use super::{
    changes::Change,
    errors::{OrFail, delta_path, exactly, repository},
};

/// How the work tree compares with a commit, or with the index.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Tracked files that are not the same.
    pub(super) differing: Vec<PathBuf>,
    /// Files that are neither tracked nor ignored.
    pub(super) untracked: u64,
}

impl Comparison {
    fn of(diff: &Diff<'_>) -> Self {
        let mut comparison = Self::default();
        for delta in diff.deltas() {
            match delta.status() {
                Delta::Untracked => comparison.untracked += 1,
                Delta::Unmodified | Delta::Ignored => {}
                _ => comparison.differing.push(delta_path(&delta)),
            }
        }
        comparison
    }
}

fn options() -> DiffOptions {
    let mut options = DiffOptions::new();
    options.include_typechange(true).include_unreadable(true).ignore_submodules(true);
    options
}

fn with_untracked() -> DiffOptions {
    let mut options = options();
    options.include_untracked(true).recurse_untracked_dirs(true);
    options
}

/// The work tree against the index: files whose stat data are those of the index are taken for
/// the index's. No `paths`: everywhere.
pub(super) fn unstaged(repo: &Repository, paths: &[PathBuf]) -> Result<Comparison, Failure> {
    let mut options = with_untracked();
    options.disable_pathspec_match(true);
    for path in exactly(paths) {
        options.pathspec(path);
    }
    let diff = repo.diff_index_to_workdir(None, Some(&mut options));
    diff.map(|diff| Comparison::of(&diff)).or_fail(FailureKind::Repository, what)
}

/// Paths at which the index is not as in `head`.
pub(super) fn staged(
    repo: &Repository,
    head: Option<&Tree<'_>>,
    index: &Index,
) -> Result<Vec<PathBuf>, Failure> {
    let diff = repo.diff_tree_to_index(head, Some(index), Some(&mut options()));
    let diff = diff.map(|diff| Comparison::of(&diff).differing);
    diff.or_fail(FailureKind::Repository, || "compare the index".to_owned())
}

/// Work tree and index against `tree`, in the folder `within`; an empty path is all of it.
pub(super) fn everything(
    repo: &Repository,
    tree: &Tree<'_>,
    within: &Path,
) -> Result<Comparison, Failure> {
    let mut options = with_untracked();
    if within != Path::new("") {
        options.disable_pathspec_match(true).pathspec(within);
    }
    let diff = repo.diff_tree_to_workdir_with_index(Some(tree), Some(&mut options));
    diff.map(|diff| Comparison::of(&diff)).or_fail(FailureKind::Repository, what)
}

/// The content of the work tree against `tree`, whatever the index says.
pub(super) fn contents(repo: &Repository, tree: &Tree<'_>) -> Result<Comparison, Failure> {
    let diff = repo.diff_tree_to_workdir(Some(tree), Some(&mut options()));
    diff.map(|diff| Comparison::of(&diff)).or_fail(FailureKind::Repository, what)
}

/// Those of `changes` whose files are not what a checkout of `tree` has just written: the index
/// has them as in the tree, with the stat data of the files that are there.
pub(super) fn unwritten(
    root: &Path,
    index: &Index,
    tree: &Tree<'_>,
    changes: &[Change],
) -> Vec<PathBuf> {
    let wrong = changes.iter().map(|change| &change.path).filter(|path| {
        let staged = index.get_path(path, 0);
        let found = root.join(path).symlink_metadata();
        match (tree.get_path(path).ok(), staged) {
            (Some(entry), _) if entry.kind() == Some(git2::ObjectType::Tree) => {
                !found.is_ok_and(|found| found.is_dir())
            }
            (Some(entry), Some(staged)) => {
                let committed = (entry.id(), entry.filemode().cast_unsigned());
                committed != (staged.id, staged.mode) || !found.is_ok_and(|it| is_of(&it, &staged))
            }
            (None, None) => !found.is_err_and(|error| is_absence(&error)),
            (Some(_), None) | (None, Some(_)) => true,
        }
    });
    wrong.cloned().collect()
}

fn is_of(found: &std::fs::Metadata, staged: &IndexEntry) -> bool {
    let nanoseconds = i64::from(staged.mtime.nanoseconds());
    found.mtime() == i64::from(staged.mtime.seconds())
        && (nanoseconds == 0 || found.mtime_nsec() == nanoseconds)
        && found.size() & u64::from(u32::MAX) == u64::from(staged.file_size)
        && found.is_symlink() == (staged.mode == LINK)
        && (found.is_symlink() || (found.mode() & 0o100 != 0) == (staged.mode & 0o100 != 0))
}

/// Mode of a link's index entry.
const LINK: u32 = 0o120_000;

/// Whether nothing is there.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads the files whose stat data the index does not know, and writes what it learned, so that
/// the next look is quick again. Best effort: nothing depends on it.
pub(super) fn remember_stat_data(repo: &Repository) {
    let _ = repo.diff_index_to_workdir(None, Some(options().update_index(true)));
}

fn what() -> String {
    "compare the work tree with the commit".to_owned()
}

/// The index, as it is on disk now.
pub(super) fn index(repo: &Repository) -> Result<Index, Failure> {
    repo.index().map_err(|error| {
        repository(format!(
            "cannot read the index of {}: {} (a split index is not served: run `git update-index \
             --no-split-index`)",
            repo.path().display(),
            error.message()
        ))
    })
}
