//! Everything that can be known before anything is touched: fetch, reachability, pins, preflight.

use std::{collections::BTreeSet, thread};

use git2::{Commit, Oid, Repository};
use ripcord_core::{CommitSha, Failure, FailureKind};

use super::{
    durable::Before,
    errors::{OrFail, oid},
    fetch::fetch,
    lock,
    marker::{Marker, Work},
    pins, plan,
    sight::Sight,
    site::{self, Site},
    survey::Look,
};
use crate::ports::{PreparedCommit, Reporter};

/// See [`crate::ports::SourceRepository::prepare`].
pub(super) fn prepare(
    site: &Site,
    sha: CommitSha,
    live: Option<CommitSha>,
    reporter: &Reporter,
) -> Result<PreparedCommit, Failure> {
    let repo = site.repository()?;
    let unfinished = Marker::of(site, Work::Reset).unfinished()?;
    lock::clear(site, &repo, unfinished.as_ref())?;
    let fetching = Marker::of(site, Work::Fetch);
    lock::clear_refs(site, fetching.unfinished()?.as_ref())?;
    let fetching = fetching.begin(None, sha, None)?;
    let kept = || format!("keep what is fetched into {}", site.common_dir.display());
    let before = Before::of(site).or_fail(FailureKind::Repository, kept)?;
    let known = repo.refname_to_id(&site.tracking_ref()).ok();
    let (tip, sight) = thread::scope(|scope| {
        // Looking takes about as long as a remote takes to answer.
        let sight = scope.spawn(|| Sight::take(site, Look::Names));
        (fetch(site, &repo, reporter), sight.join().ok().flatten())
    });
    let (tip, sight) = (tip?, sight);
    let commit = reachable(site, &repo, sha, tip)?;
    plan::preflight(site, &repo, &commit, unfinished.as_ref(), sight)?;
    let head = site::head(&repo)?;
    let mut refs = BTreeSet::from_iter((known != Some(tip)).then(|| site.tracking_ref()));
    for pinned in [Some(sha), head].into_iter().flatten() {
        refs.extend(pins::pin(&repo, &site.settings.environment, pinned)?);
    }
    before.sync_since(&refs).or_fail(FailureKind::Repository, kept)?;
    let described = described(&repo, &commit, sha, live);
    fetching.finish();
    Ok(PreparedCommit { head, ..described })
}

/// What people read of the commit, and whether `live` was made on top of it.
pub(super) fn described(
    repo: &Repository,
    commit: &Commit<'_>,
    sha: CommitSha,
    live: Option<CommitSha>,
) -> PreparedCommit {
    PreparedCommit {
        subject: text(commit.summary_bytes().unwrap_or_default()),
        author: text(commit.author().name_bytes()),
        older_than_live: live.is_some_and(|live| is_ancestor(repo, sha, live)),
        head: None,
    }
}

/// The commit, if the branch as it is on the remote contains it.
fn reachable<'r>(
    site: &Site,
    repo: &'r Repository,
    sha: CommitSha,
    tip: Oid,
) -> Result<Commit<'r>, Failure> {
    let unknown = |message| Err(Failure::new(FailureKind::UnknownCommit, message));
    let (wanted, branch) = (oid(sha)?, site.branch_text());
    let Ok(commit) = repo.find_commit(wanted) else {
        let shallow = ", or make this shallow clone a full one: `git fetch --unshallow`";
        return unknown(format!(
            "commit {sha} is not on {branch}, nor anywhere else in this repository: push it to \
             that branch first{}",
            if repo.is_shallow() { shallow } else { "" }
        ));
    };
    let descends = descends(repo, tip, wanted);
    if descends.or_fail(FailureKind::Repository, || format!("search {branch} for {sha}"))? {
        return Ok(commit);
    }
    unknown(format!(
        "commit {sha} is not on {branch} ({}), only elsewhere in this repository: it is on \
         another branch, or was force-pushed away; merge it into that branch first",
        &tip.to_string()[..7]
    ))
}

/// Whether `older` is a proper ancestor of `newer`; a commit that is not here has none.
fn is_ancestor(repo: &Repository, older: CommitSha, newer: CommitSha) -> bool {
    let (Ok(older), Ok(newer)) = (oid(older), oid(newer)) else { return false };
    older != newer && descends(repo, newer, older).unwrap_or(false)
}

/// Whether `newer` is `older` or was made on top of it.
pub(super) fn descends(repo: &Repository, newer: Oid, older: Oid) -> Result<bool, git2::Error> {
    if newer == older || !repo.is_shallow() {
        return Ok(newer == older || repo.graph_descendant_of(newer, older)?);
    }
    // libgit2's search does not know where a shallow history ends; its commits do.
    let (mut ahead, mut seen) = (vec![newer], BTreeSet::new());
    while let Some(id) = ahead.pop() {
        if id == older {
            return Ok(true);
        }
        if seen.insert(id) {
            ahead.extend(repo.find_commit(id)?.parent_ids());
        }
    }
    Ok(false)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
