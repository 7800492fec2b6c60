//! What lies between two commits, for a plan: asks nobody, and changes nothing.

use git2::{Oid, Repository, Sort};
use ripcord_core::{CommitSha, Failure, FailureKind};

use super::{
    errors::{OrFail, oid},
    site::Site,
};
use crate::ports::{Between, COMMITS_SHOWN};

/// See [`crate::ports::SourceRepository::between`].
pub(super) fn between(site: &Site, from: CommitSha, to: CommitSha) -> Result<Between, Failure> {
    let repo = site.repository()?;
    let what = || format!("compare {} with {}", from.short(), to.short());
    let (from, to) = (oid(from)?, oid(to)?);
    let (ahead, behind) =
        repo.graph_ahead_behind(to, from).or_fail(FailureKind::UnknownCommit, what)?;
    let subjects = subjects(&repo, from, to).or_fail(FailureKind::Repository, what)?;
    Ok(Between { ahead: ahead as u64, behind: behind as u64, subjects })
}

fn subjects(repo: &Repository, from: Oid, to: Oid) -> Result<Vec<String>, git2::Error> {
    let mut walk = repo.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    walk.push(to)?;
    walk.hide(from)?;
    let named = |id: Result<Oid, git2::Error>| {
        let commit = repo.find_commit(id?)?;
        let summary = String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default());
        Ok(format!("{} {summary}", &commit.id().to_string()[..7]))
    };
    walk.take(COMMITS_SHOWN).map(named).collect()
}
