//! Looks at everything that a reset would meet, without touching it. Done by `prepare`, to refuse
//! early, and again by `reset`, which may run hours later or without a `prepare` before it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use git2::{Commit, Index, Repository, RepositoryState, Tree};
use ripcord_core::Failure;

use super::{
    attributes,
    changes::{self, Change},
    clash::{self, InTheWay},
    compare::{self, Comparison},
    errors::{path_of, repository},
    export,
    index_file::IndexFile,
    interrupted::{Interrupted, mistrust},
    marker::Claim,
    sight::Sight,
    site::{self, Site},
    survey::Look,
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
    /// The index from which `changes` lead to the commit, if nothing else has to be done.
    pub(super) index: Option<IndexFile>,
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

    /// Whether a file comes where a folder was, or the other way round.
    fn swaps_folders(&self) -> bool {
        let paths: BTreeSet<_> = self.changes.iter().map(|change| &*change.path).collect();
        let is_changed = |folder: &Path| paths.contains(folder);
        paths.iter().any(|path| path.ancestors().skip(1).any(is_changed))
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

/// Refuses what `plan` would refuse, without comparing all the files. What people staged is left
/// to `plan`.
pub(super) fn preflight(
    site: &Site,
    repo: &Repository,
    commit: &Commit<'_>,
    unfinished: Option<&Claim>,
    sight: Option<Sight>,
) -> Result<(), Failure> {
    if unfinished.is_some() {
        return plan(site, repo, commit, unfinished).map(drop);
    }
    if let Some(sight) = sight {
        let (head, tree) = (site::head_tree(repo)?, site::tree_of(commit)?);
        let changes = changes::between(repo, head.as_ref(), &tree)?;
        attributes::refuse_filters(site, repo, &sight.index, &tree, &changes)?;
        let places = to_write(&changes).chain(sight.replaced_by_folders());
        return clash::find(&site.root, &sight.index, places).map(drop);
    }
    let index = compare::index(repo)?;
    let (head, tree) = (site::head_tree(repo)?, site::tree_of(commit)?);
    let changes = changes::between(repo, head.as_ref(), &tree)?;
    refuse_unserved(site, repo, &index, &tree, &changes)?;
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
    if unfinished.is_none()
        && let Some(plan) = quick_plan(site, repo, commit)?
    {
        return Ok(plan);
    }
    let mut index = compare::index(repo)?;
    let interrupted = unfinished.map(|claim| Interrupted::of(site, repo, claim)).transpose()?;
    let interrupted = interrupted.flatten();
    if let Some(interrupted) = &interrupted {
        interrupted.adopt(&mut index)?;
    }
    if unfinished.is_some() {
        mistrust(&mut index)?;
    }
    let (head, tree) = (site::head_tree(repo)?, site::tree_of(commit)?);
    let staged = compare::staged(repo, head.as_ref(), &index)?;
    let mut changes = changes::between(repo, head.as_ref(), &tree)?;
    changes::add_staged(&mut changes, &staged, head.as_ref(), &tree);
    refuse_unserved(site, repo, &index, &tree, &changes)?;
    let Comparison { differing, untracked } = compare::unstaged(repo, &[])?;
    let mut modified = locally_modified(site, repo, head.as_ref(), staged, differing)?;
    let back = modified.iter().filter(|path| tree.get_path(path).is_ok());
    let places = to_write(&changes).chain(back).chain(behind_links(site, &changes));
    let mut in_the_way = clash::find(&site.root, &index, places)?;
    if let Some(interrupted) = interrupted {
        modified.retain(|path| !interrupted.wrote(path));
        in_the_way.files.retain(|path| !interrupted.wrote(path));
    }
    let after_a_crash = unfinished.is_some();
    Ok(Plan { changes, modified, in_the_way, untracked, after_a_crash, index: None })
}

/// The plan where only the changed files have to be written; nothing where more has to be looked at.
fn quick_plan(
    site: &Site,
    repo: &Repository,
    commit: &Commit<'_>,
) -> Result<Option<Plan>, Failure> {
    let Some(head) = site::head_tree(repo)? else { return Ok(None) };
    let Some((index, found)) = look(site, repo, &head)? else { return Ok(None) };
    let tree = site::tree_of(commit)?;
    let changes = changes::between(repo, Some(&head), &tree)?;
    attributes::refuse_filters(site, repo, &index, &tree, &changes)?;
    let in_the_way = clash::find(&site.root, &index, to_write(&changes))?;
    let Comparison { differing: modified, untracked } = found;
    let plan = Plan { changes, modified, in_the_way, untracked, ..Plan::default() };
    let is_quick = plan.is_plain() && !plan.changes_attributes() && !plan.swaps_folders();
    Ok((is_quick && repo.state() == RepositoryState::Clean)
        .then_some(Plan { index: Some(index), ..plan }))
}

/// One quick look at a tree whose index has the files of `tree`: the index, and what is modified and
/// untracked. Nothing where that cannot be told quickly.
pub(super) fn look(
    site: &Site,
    repo: &Repository,
    tree: &Tree<'_>,
) -> Result<Option<(IndexFile, Comparison)>, Failure> {
    let sight = Sight::take(site, Look::Files).filter(|sight| sight.index.is_of(tree));
    let Some(sight) = sight else { return Ok(None) };
    let Some(Comparison { differing, untracked }) = sight.compare(site)? else { return Ok(None) };
    let differing = export::unlike_checkout(site, repo, tree, differing)?;
    Ok(Some((sight.index, Comparison { differing, untracked })))
}

fn to_write(changes: &[Change]) -> impl Iterator<Item = &PathBuf> {
    changes.iter().filter(|change| change.to_file).map(|change| &change.path)
}

/// Files to delete that lie behind a link: it has to go first, or somebody else's would be deleted.
fn behind_links<'c>(site: &'c Site, changes: &'c [Change]) -> impl Iterator<Item = &'c PathBuf> {
    let gone = changes.iter().filter(|change| !change.to_file).map(|change| &change.path);
    gone.filter(|path| site.link_above(path).is_some())
}

/// Files that people changed, whether they staged it or not.
fn locally_modified(
    site: &Site,
    repo: &Repository,
    head: Option<&Tree<'_>>,
    staged: Vec<PathBuf>,
    unstaged: Vec<PathBuf>,
) -> Result<Vec<PathBuf>, Failure> {
    let paths: BTreeSet<_> = staged.into_iter().chain(unstaged).collect();
    let paths = paths.into_iter().collect();
    match head {
        Some(head) => export::unlike_checkout(site, repo, head, paths),
        None => Ok(paths),
    }
}

/// Refuses what libgit2 would write wrongly, or not look at.
fn refuse_unserved(
    site: &Site,
    repo: &Repository,
    index: &Index,
    tree: &Tree<'_>,
    changes: &[Change],
) -> Result<(), Failure> {
    refuse_hidden(index)?;
    attributes::refuse_filters(site, repo, index, tree, changes)
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
