//! Looks at everything that a reset would meet, without touching it. Done by `prepare`, to refuse
//! early, and again by `reset`, which may run hours later or without a `prepare` before it.

use std::path::{Path, PathBuf};

use git2::{Commit, Index, Repository};
use ripcord_core::Failure;

use super::{
    attributes,
    changes::{self, Change},
    clash::{self, InTheWay},
    compare::{self, Comparison},
    errors::{path_of, repository},
    export,
    interrupted::{Interrupted, mistrust},
    marker::Claim,
    site::{self, Site},
};

/// `git update-index --assume-unchanged`.
const ASSUME_UNCHANGED: u16 = 0x8000;
/// `git update-index --skip-worktree`.
const SKIP_WORKTREE: u16 = 0x4000;

/// What a reset would do, and what people changed that it would write over.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What has to be written or deleted whether people changed it or not.
    pub(super) changes: Vec<Change>,
    /// Tracked files with local modifications.
    pub(super) modified: Vec<PathBuf>,
    /// What stands where files of the commit must come.
    pub(super) in_the_way: InTheWay,
    /// Files that are neither tracked nor ignored.
    pub(super) untracked: u64,
    /// Whether another reset was cut short: neither index nor stat data are believed.
    pub(super) after_a_crash: bool,
}

impl Plan {
    /// Whether index and work tree are those of the commit already.
    pub(super) fn is_done(&self) -> bool {
        !self.after_a_crash && self.changes.is_empty() && self.modified.is_empty()
    }

    /// Whether files that are the same in both commits may have to be written differently.
    pub(super) fn changes_attributes(&self) -> bool {
        self.changes.iter().any(|change| attributes::is_attributes_file(&change.path))
    }

    /// Whether the reset can alter nothing but the files of `changes`, and leaves the untracked
    /// files as many as they were counted.
    pub(super) fn is_plain(&self) -> bool {
        let tells = |change: &Change| {
            change.submodule || change.path.file_name().is_some_and(|name| name == ".gitignore")
        };
        !self.after_a_crash
            && self.modified.is_empty()
            && self.in_the_way.is_empty()
            && !self.changes.iter().any(tells)
    }
}

/// Refuses what `plan` would refuse, without comparing all the files.
pub(super) fn preflight(
    site: &Site,
    repo: &Repository,
    commit: &Commit<'_>,
    unfinished: Option<&Claim>,
) -> Result<(), Failure> {
    if unfinished.is_some() {
        return plan(site, repo, commit, unfinished).map(drop);
    }
    let index = compare::index(repo)?;
    let changes = changes(site, repo, commit, &index)?;
    let replaced = clash::replaced_by_folders(&site.root, &index);
    clash::find(&site.root, &index, to_write(&changes).chain(&replaced)).map(drop)
}

/// Plans a reset to `commit`. `unfinished` is the reset that was cut short before; the index in
/// memory then knows its files, and trusts no stat data any more.
pub(super) fn plan(
    site: &Site,
    repo: &Repository,
    commit: &Commit<'_>,
    unfinished: Option<&Claim>,
) -> Result<Plan, Failure> {
    let mut index = compare::index(repo)?;
    let interrupted = unfinished.map(|claim| Interrupted::of(site, repo, claim)).transpose()?;
    let interrupted = interrupted.flatten();
    if let Some(interrupted) = &interrupted {
        interrupted.adopt(&mut index)?;
    }
    if unfinished.is_some() {
        mistrust(&mut index)?;
    }
    let changes = changes(site, repo, commit, &index)?;
    let (mut modified, untracked) = locally_modified(site, repo, &index)?;
    let tree = site::tree_of(commit)?;
    let back = modified.iter().filter(|path| tree.get_path(path).is_ok());
    let mut in_the_way = clash::find(&site.root, &index, to_write(&changes).chain(back))?;
    if let Some(interrupted) = interrupted {
        modified.retain(|path| !interrupted.wrote(path));
        in_the_way.files.retain(|path| !interrupted.wrote(path));
    }
    Ok(Plan { changes, modified, in_the_way, untracked, after_a_crash: unfinished.is_some() })
}

/// What a reset to `commit` would write or delete. Refuses what it would write wrongly.
fn changes(
    site: &Site,
    repo: &Repository,
    commit: &Commit<'_>,
    index: &Index,
) -> Result<Vec<Change>, Failure> {
    refuse_hidden(index)?;
    let tree = site::tree_of(commit)?;
    let changes = changes::of_reset(repo, index, site::head_tree(repo)?.as_ref(), &tree)?;
    attributes::refuse_filters(site, repo, index, &tree, &changes)?;
    Ok(changes)
}

fn to_write(changes: &[Change]) -> impl Iterator<Item = &PathBuf> {
    changes.iter().filter(|change| change.to_file).map(|change| &change.path)
}

/// Staged or not, and how many untracked files there are.
fn locally_modified(
    site: &Site,
    repo: &Repository,
    index: &Index,
) -> Result<(Vec<PathBuf>, u64), Failure> {
    let head = site::head_tree(repo)?;
    let Comparison { mut differing, untracked } = compare::unstaged(repo)?;
    differing.extend(compare::staged(repo, head.as_ref(), index)?);
    differing.sort();
    differing.dedup();
    let modified = match head {
        Some(head) => export::unlike_checkout(site, repo, &head, differing)?,
        None => differing,
    };
    Ok((modified, untracked))
}

/// Files that git was told not to look at would be overwritten, or left, without a word.
fn refuse_hidden(index: &Index) -> Result<(), Failure> {
    let hidden = index.iter().find(|entry| {
        entry.flags & ASSUME_UNCHANGED != 0 || entry.flags_extended & SKIP_WORKTREE != 0
    });
    let Some(entry) = hidden else { return Ok(()) };
    let path: &Path = path_of(&entry.path);
    Err(repository(format!(
        "{} is marked as skip-worktree or assume-unchanged, which is not served: run `git \
         update-index --no-skip-worktree --no-assume-unchanged` on it",
        path.display()
    )))
}
