//! Makes the tracked files those of a commit, and believes it only after looking.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use git2::{Commit, Repository, RepositoryState, ResetType, Tree, build::CheckoutBuilder};
use ripcord_core::{
    Brought, CommitSha, DeploymentNumber, Failure, FailureKind, effect::TreeReport,
};

use super::{
    compare::{self, Comparison, is_absence},
    durable,
    errors::{OrFail, exactly},
    export,
    index_file::IndexFile,
    index_lock::IndexLock,
    interrupted::mistrust,
    lock,
    marker::{Claim, Marker, Work},
    plan::{self, Plan},
    quick, save,
    site::{self, Site},
};
use crate::ports::{Activity, Reporter, TreeState};

/// So many paths are named when a tree is not what it should be.
const NAMED_PATHS: usize = 5;

/// See [`crate::ports::SourceRepository::reset`].
pub(super) fn reset(
    site: &Site,
    deployment: DeploymentNumber,
    sha: CommitSha,
    reporter: &Reporter,
) -> Result<TreeReport, Failure> {
    let marker = Marker::of(site, Work::Reset);
    let unfinished = marker.unfinished()?;
    let repo = site.repository()?;
    lock::clear(site, &repo, unfinished.as_ref())?;
    let commit = site::commit(&repo, sha)?;
    let plan = plan::plan(site, &repo, &commit, unfinished.as_ref())?;
    let in_place = plan.is_done() && site::head(&repo)? == Some(sha);
    if in_place && repo.state() == RepositoryState::Clean {
        return Ok(TreeReport { untracked: plan.untracked, ..TreeReport::default() });
    }
    let saved = save::save(site, &repo, deployment, &plan)?;
    let saved = saved.or_else(|| saved_before(unfinished, deployment));
    let working = marker.begin(Some(deployment), sha, saved.clone())?;
    let lock = plan.index.as_ref().map(|index| lock_as_planned(site, &repo, index));
    let lock = match lock.transpose() {
        Ok(Some(None)) => {
            working.finish();
            return reset(site, deployment, sha, reporter);
        }
        Ok(lock) => lock.flatten(),
        Err(failure) => {
            working.finish();
            return Err(failure);
        }
    };
    let (changed, untracked) = carry_out(site, &repo, &commit, &plan, lock, reporter)?;
    working.finish();
    let saved_to = saved.as_ref().map(|saved| saved.to.clone());
    let saved = saved.map(|saved| saved.paths).unwrap_or_default();
    Ok(TreeReport { brought: Brought::Reset, changed, saved_to, saved, untracked })
}

/// Answers how many files were written or deleted, and how many untracked ones there are.
fn carry_out(
    site: &Site,
    repo: &Repository,
    commit: &Commit<'_>,
    plan: &Plan,
    lock: Option<IndexLock>,
    reporter: &Reporter,
) -> Result<(u64, u64), Failure> {
    make_way(site, plan)?;
    let counts = write_and_verify(site, repo, commit, plan, lock, reporter)?;
    if plan.after_a_crash {
        compare::remember_stat_data(repo);
    }
    durable::sync_head(site, repo)?;
    Ok(counts)
}

/// Takes the lock of `index`; nothing when that, or HEAD, is another one since a plan was made: what
/// people staged in the meantime has to be saved, and then written over.
fn lock_as_planned(
    site: &Site,
    repo: &Repository,
    index: &IndexFile,
) -> Result<Option<IndexLock>, Failure> {
    let lock = IndexLock::take(site)?;
    let head = site::head_tree(repo)?;
    let is_of_head = head.is_some_and(|head| index.is_of(&head));
    Ok((is_of_head && index.is_still_in(&site.git_dir)).then_some(lock))
}

/// What the same deployment saved before it was cut short.
fn saved_before(unfinished: Option<Claim>, deployment: DeploymentNumber) -> Option<save::Saved> {
    let claim = unfinished.filter(|claim| claim.deployment == Some(deployment));
    claim.and_then(|claim| claim.saved)
}

/// Removes untracked files that were saved, and empty folders, where files of the commit come:
/// libgit2 would stop at an empty folder. It also writes over files in place, which was slower than
/// making new ones when measured on ext4, is refused for programs that run just now, and goes
/// through links to whatever they point to: as git does, the old ones go first.
fn make_way(site: &Site, plan: &Plan) -> Result<(), Failure> {
    let in_the_way = &plan.in_the_way;
    let replaced = plan.changes.iter().filter(|change| change.from_file && change.to_file);
    let replaced = replaced.filter(|_| plan.is_plain()).map(|change| &change.path);
    let links = plan.modified.iter().filter(|path| site.root.join(path).is_symlink());
    let all = in_the_way.files.iter().chain(replaced).chain(links);
    for path in all.filter(|path| site.link_above(path).is_none()) {
        let place = site.root.join(path);
        let removed = match fs::remove_file(&place) {
            Err(error) if is_absence(&error) => Ok(()),
            removed => removed,
        };
        removed.or_fail(FailureKind::Tree, || format!("replace {}", place.display()))?;
    }
    for path in &in_the_way.folders {
        let place = site.root.join(path);
        let removed = remove_empty(&place);
        removed.or_fail(FailureKind::Tree, || format!("clear {}", place.display()))?;
    }
    refuse_links(site, plan)
}

/// libgit2 would delete and write behind a link that came since the tree was looked at.
fn refuse_links(site: &Site, plan: &Plan) -> Result<(), Failure> {
    let mut known = plan.changes.iter().filter(|change| change.from_file);
    let Some(link) = known.find_map(|change| site.link_above(&change.path)) else { return Ok(()) };
    Err(Failure::new(
        FailureKind::Tree,
        format!(
            "{} became a link just now, where the tree has a folder; nothing is written behind it: \
             deploy again, which saves the link first",
            site.root.join(link).display()
        ),
    ))
}

/// Removes the folders in `folder` that have no files in them, and itself.
fn remove_empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty(&entry.path())?;
        }
    }
    match fs::remove_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => removed,
    }
}

/// Answers the same counts.
fn write_and_verify(
    site: &Site,
    repo: &Repository,
    commit: &Commit<'_>,
    plan: &Plan,
    lock: Option<IndexLock>,
    reporter: &Reporter,
) -> Result<(u64, u64), Failure> {
    let mut touched = BTreeSet::new();
    let first = match plan.index.as_ref().zip(lock) {
        Some((index, lock)) => {
            let from = (index, &plan.changes[..]);
            let wrong = quick::check_out(site, commit, from, lock, reporter, &mut touched);
            wrong.map(|differing| Comparison { differing, untracked: plan.untracked })
        }
        None => {
            let first = check_out(repo, commit, plan, reporter, &mut touched);
            let state = verify(site, repo, commit, plan)?;
            first.map(|()| state)
        }
    };
    let is_exact = first.as_ref().is_ok_and(|state| state.differing.is_empty());
    let mut state = first.unwrap_or_default();
    if !is_exact || plan.changes_attributes() {
        let all = Plan { after_a_crash: true, ..Plan::default() };
        mistrust(&mut compare::index(repo)?)?;
        check_out(repo, commit, &all, reporter, &mut touched)?;
        state = verify(site, repo, commit, &all)?;
        compare::remember_stat_data(repo);
    }
    if state.differing.is_empty() {
        return Ok((touched.len().try_into().unwrap_or(u64::MAX), state.untracked));
    }
    let named: Vec<_> = state.differing.iter().take(NAMED_PATHS).collect();
    let named: Vec<_> = named.into_iter().map(|path| path.display().to_string()).collect();
    Err(Failure::new(
        FailureKind::Tree,
        format!(
            "{} files of {} are not those of {} after two resets, such as {}: is something else \
             writing there?",
            state.differing.len(),
            site.root.display(),
            commit.id(),
            named.join(", ")
        ),
    ))
}

/// `git reset --hard`, only at the paths of `plan` where it can be relied on: the second half,
/// which moves HEAD and the index, is the mixed reset.
fn check_out(
    repo: &Repository,
    commit: &Commit<'_>,
    plan: &Plan,
    reporter: &Reporter,
    touched: &mut BTreeSet<PathBuf>,
) -> Result<(), Failure> {
    let paths: Vec<_> = plan.changes.iter().map(|change| change.path.clone()).collect();
    let paths = plan.is_plain().then_some(&paths[..]);
    if paths.is_none_or(|paths| !paths.is_empty()) {
        write_files(repo, &site::tree_of(commit)?, paths, reporter, touched)?;
    }
    let moved = repo.reset(commit.as_object(), ResetType::Mixed, None);
    moved.or_fail(FailureKind::Tree, || format!("reset the work tree to {}", commit.id()))
}

/// Makes the files those of `tree`, at all paths or only at some. An index of `repo` that is on the
/// disk follows.
pub(super) fn write_files(
    repo: &Repository,
    tree: &Tree<'_>,
    paths: Option<&[PathBuf]>,
    reporter: &Reporter,
    touched: &mut BTreeSet<PathBuf>,
) -> Result<(), Failure> {
    let in_memory = repo.index().is_ok_and(|index| index.path().is_none());
    let mut checkout = CheckoutBuilder::new();
    checkout.force().update_index(!in_memory).refresh(!in_memory).disable_pathspec_match(true);
    checkout.progress(|path: Option<&Path>, done, total| {
        touched.extend(path.map(Path::to_owned));
        let done = u64::try_from(done).unwrap_or(0);
        let total = u64::try_from(total).unwrap_or(0);
        reporter.activity(Activity { unit: "files", done, total });
    });
    for path in exactly(paths.unwrap_or_default()) {
        checkout.path(path);
    }
    let written = repo.checkout_tree(tree.as_object(), Some(&mut checkout));
    written.or_fail(FailureKind::Tree, || "write the files of the commit".to_owned())
}

/// After a plain reset the plan vouches for the files that it did not concern.
fn verify(
    site: &Site,
    repo: &Repository,
    commit: &Commit<'_>,
    plan: &Plan,
) -> Result<Comparison, Failure> {
    if !plan.is_plain() {
        return compare_all(site, repo, commit, Path::new(""));
    }
    let (index, tree) = (compare::index(repo)?, site::tree_of(commit)?);
    let differing = compare::unwritten(&site.root, &index, &tree, &plan.changes);
    Ok(Comparison { differing, untracked: plan.untracked })
}

/// All files in the folder `within` of the tree against those of the commit.
fn compare_all(
    site: &Site,
    repo: &Repository,
    commit: &Commit<'_>,
    within: &Path,
) -> Result<Comparison, Failure> {
    let tree = site::tree_of(commit)?;
    let Comparison { differing, untracked } = compare::everything(repo, &tree, within)?;
    let differing = export::unlike_checkout(site, repo, &tree, differing)?;
    Ok(Comparison { differing, untracked })
}

/// See [`crate::ports::SourceRepository::inspect`]. A tree with an unfinished reset is not exact,
/// whatever it looks like.
pub(super) fn inspect(site: &Site, sha: CommitSha) -> Result<TreeState, Failure> {
    let unfinished = Marker::of(site, Work::Reset).exists();
    let repo = site.repository()?;
    let commit = site::commit(&repo, sha)?;
    let state = match plan::look(site, &repo, &site::tree_of(&commit)?)? {
        Some((_, state)) => state,
        None => compare_all(site, &repo, &commit, Path::new(""))?,
    };
    Ok(TreeState { exact: !unfinished && state.differing.is_empty(), untracked: state.untracked })
}

/// Whether `sha` is what was written here last, whole, and the files of the configured folder are
/// still its files.
pub(super) fn stands_at(site: &Site, sha: CommitSha) -> Result<TreeState, Failure> {
    let repo = site.repository()?;
    if Marker::of(site, Work::Reset).exists() || site::head(&repo)? != Some(sha) {
        return Ok(TreeState { exact: false, untracked: 0 });
    }
    let state = compare_all(site, &repo, &site::commit(&repo, sha)?, &site.folder)?;
    Ok(TreeState { exact: state.differing.is_empty(), untracked: state.untracked })
}
