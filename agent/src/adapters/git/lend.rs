//! A commit of this repository for an environment that has none of its own: it takes its files from
//! here, and what it may take is here already. Needs no network.

use git2::{Commit, Repository};
use ripcord_core::{CommitSha, EnvironmentName, Failure, FailureKind};

use super::{
    durable::Before,
    errors::{OrFail, oid},
    lock, pins,
    prepare::{descends, described},
    site::Site,
};
use crate::ports::PreparedCommit;

/// See [`super::GitRepository::lend`].
pub(super) fn lend(
    site: &Site,
    environment: &EnvironmentName,
    sha: CommitSha,
    live: Option<CommitSha>,
) -> Result<PreparedCommit, Failure> {
    let repo = site.repository()?;
    lock::clear_pins(site, environment)?;
    let commit = lendable(site, &repo, environment, sha)?;
    let kept = || format!("keep {sha} for {environment} in {}", site.common_dir.display());
    let before = Before::of(site).or_fail(FailureKind::Repository, kept)?;
    let refs = pins::pin(&repo, environment, sha)?.into_iter().collect();
    before.sync_since(&refs).or_fail(FailureKind::Repository, kept)?;
    Ok(described(&repo, &commit, sha, live))
}

/// The commit, if the branch contains it as far as it was fetched, or if it is kept: a force-push
/// takes nothing away that was validated here.
fn lendable<'r>(
    site: &Site,
    repo: &'r Repository,
    environment: &EnvironmentName,
    sha: CommitSha,
) -> Result<Commit<'r>, Failure> {
    let owner = &site.settings.environment;
    let unknown = |place: &str| {
        let branch = site.branch_text();
        let message = format!(
            "commit {sha} is {place} of {owner}, which promotes what it has fetched from {branch}: \
             deploy it to {owner} first"
        );
        Failure::new(FailureKind::UnknownCommit, message)
    };
    let wanted = oid(sha)?;
    let commit = repo.find_commit(wanted).map_err(|_| unknown("not in the repository"))?;
    let is_kept = [owner, environment].iter().any(|name| pins::is_pinned(repo, name, sha));
    let tip = repo.refname_to_id(&site.tracking_ref()).ok();
    let on_branch = tip.map_or(Ok(false), |tip| descends(repo, tip, wanted));
    let search = || format!("search {} for {sha}", site.branch_text());
    if is_kept || on_branch.or_fail(FailureKind::Repository, search)? {
        return Ok(commit);
    }
    Err(unknown("only on another branch in the repository"))
}
