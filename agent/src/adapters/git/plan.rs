//! Looks at everything that a reset would meet, without touching it. Done by `prepare`, to refuse
//! early, and again by `reset`, which may run hours later or without a `prepare` before it.

use std::path::{Path, PathBuf};

use git2::{Commit, Index, Repository};
use ripcord_core::Failure;

use super::{
    attributes,
    clash::{self, InTheWay},
    compare::{self, Wanted},
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

/// What people changed, and a reset would write over.
#[derive(Debug)]
pub(super) struct Plan {
    /// Tracked files with local modifications.
    pub(super) modified: Vec<PathBuf>,
    /// What stands where files of the commit must come.
    pub(super) in_the_way: InTheWay,
    /// Whether index and work tree are those of the commit already.
    pub(super) nothing_to_write: bool,
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
    refuse_hidden(&index)?;
    let interrupted = unfinished.map(|claim| Interrupted::of(site, repo, claim)).transpose()?;
    let interrupted = interrupted.flatten();
    if let Some(interrupted) = &interrupted {
        interrupted.adopt(&mut index)?;
    }
    if unfinished.is_some() {
        mistrust(&mut index)?;
    }
    let tree = site::tree_of(commit)?;
    let wanted = compare::wanted(repo, &index, &tree)?;
    attributes::refuse_filters(site, repo, &index, &tree, &wanted)?;
    let mut modified = locally_modified(site, repo)?;
    let back = modified.iter().filter(|path| tree.get_path(path).is_ok());
    let written = wanted.iter().map(|Wanted { path, .. }| path);
    let mut in_the_way = clash::find(&site.root, &index, written.chain(back))?;
    let nothing_to_write = modified.is_empty() && wanted.is_empty();
    if let Some(interrupted) = interrupted {
        modified.retain(|path| !interrupted.wrote(path));
        in_the_way.files.retain(|path| !interrupted.wrote(path));
    }
    Ok(Plan { modified, in_the_way, nothing_to_write })
}

fn locally_modified(site: &Site, repo: &Repository) -> Result<Vec<PathBuf>, Failure> {
    let head = site::head_tree(repo)?;
    let differing = compare::tracked(repo, head.as_ref())?.differing;
    match head {
        Some(head) => export::unlike_checkout(site, repo, &head, differing),
        None => Ok(differing),
    }
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
