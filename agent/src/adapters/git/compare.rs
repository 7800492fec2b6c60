//! Compares work tree, index and commits; answers the paths that differ.

use std::path::PathBuf;

use git2::{Delta, Diff, DiffOptions, FileMode, Index, Repository, Tree};
use ripcord_core::{Failure, FailureKind};

use super::errors::{OrFail, delta_path, repository};

/// How the work tree compares with a commit.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Tracked files that are not those of the commit.
    pub(super) differing: Vec<PathBuf>,
    /// Files that are neither tracked nor ignored, if they were counted.
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

/// Work tree and index against `tree`: files whose stat data are those of the index are taken for
/// the index's.
pub(super) fn tracked(repo: &Repository, tree: Option<&Tree<'_>>) -> Result<Comparison, Failure> {
    let diff = repo.diff_tree_to_workdir_with_index(tree, Some(&mut options()));
    diff.map(|diff| Comparison::of(&diff)).or_fail(FailureKind::Repository, what)
}

/// The same, and counts the untracked files.
pub(super) fn everything(
    repo: &Repository,
    tree: Option<&Tree<'_>>,
) -> Result<Comparison, Failure> {
    let mut options = options();
    options.include_untracked(true).recurse_untracked_dirs(true);
    let diff = repo.diff_tree_to_workdir_with_index(tree, Some(&mut options));
    diff.map(|diff| Comparison::of(&diff)).or_fail(FailureKind::Repository, what)
}

/// The content of the work tree against `tree`, whatever the index says.
pub(super) fn contents(repo: &Repository, tree: &Tree<'_>) -> Result<Comparison, Failure> {
    let diff = repo.diff_tree_to_workdir(Some(tree), Some(&mut options()));
    diff.map(|diff| Comparison::of(&diff)).or_fail(FailureKind::Repository, what)
}

/// Reads the files whose stat data the index does not know, and writes what it learned, so that
/// the next look is quick again. Best effort: nothing depends on it.
pub(super) fn remember_stat_data(repo: &Repository) {
    let _ = repo.diff_index_to_workdir(None, Some(options().update_index(true)));
}

fn what() -> String {
    "compare the work tree with the commit".to_owned()
}

/// A file of a commit that the index has not, or not like this.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) path: PathBuf,
    /// The index has nothing at this path.
    pub(super) new: bool,
}

/// The files of `tree` that a reset would have to write.
pub(super) fn wanted(
    repo: &Repository,
    index: &Index,
    tree: &Tree<'_>,
) -> Result<Vec<Wanted>, Failure> {
    let diff = repo.diff_tree_to_index(Some(tree), Some(index), Some(&mut options()));
    let diff = diff.or_fail(FailureKind::Repository, || "compare the index".to_owned())?;
    let of_tree = diff.deltas().filter(|delta| {
        delta.status() != Delta::Added && delta.old_file().mode() != FileMode::Commit
    });
    Ok(of_tree
        .map(|delta| Wanted { path: delta_path(&delta), new: delta.status() == Delta::Deleted })
        .collect())
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
