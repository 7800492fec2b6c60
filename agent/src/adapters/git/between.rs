//! What lies between two commits, for a plan: asks nobody, and changes nothing.

use std::collections::BTreeSet;

use git2::{Commit, Oid, Repository, Sort};
use ripcord_core::{CommitSha, Failure, FailureKind};

use super::{
    errors::OrFail,
    site::{self, Site},
};
use crate::ports::{Between, COMMITS_SHOWN};

/// So much of a subject is shown: a plan names one commit per line.
const SUBJECT_CHARS: usize = 100;

/// See [`crate::ports::SourceRepository::between`].
pub(super) fn between(site: &Site, from: CommitSha, to: CommitSha) -> Result<Between, Failure> {
    let repo = site.repository()?;
    let what = || format!("compare {} with {}", from.short(), to.short());
    let (from, to) = (site::commit(&repo, from)?.id(), site::commit(&repo, to)?.id());
    let found = if repo.is_shallow() { by_hand(&repo, from, to) } else { walk(&repo, from, to) };
    found.or_fail(FailureKind::Repository, what)
}

fn walk(repo: &Repository, from: Oid, to: Oid) -> Result<Between, git2::Error> {
    let (ahead, behind) = repo.graph_ahead_behind(to, from)?;
    let mut walk = repo.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    walk.push(to)?;
    walk.hide(from)?;
    let line = |id: Result<Oid, git2::Error>| Ok(line(&repo.find_commit(id?)?));
    let subjects = walk.take(COMMITS_SHOWN).map(line).collect::<Result<_, git2::Error>>()?;
    Ok(Between { ahead: ahead as u64, behind: behind as u64, subjects })
}

/// libgit2's walks do not know where a shallow history ends; its commits do.
fn by_hand(repo: &Repository, from: Oid, to: Oid) -> Result<Between, git2::Error> {
    let (old, new) = (history(repo, from)?, history(repo, to)?);
    let come: BTreeSet<Oid> = new.difference(&old).copied().collect();
    let subjects = newest_first(repo, to, &come)?;
    let behind = old.difference(&new).count() as u64;
    Ok(Between { ahead: come.len() as u64, behind, subjects })
}

/// The commit, and all that it was made on, as far as they are here.
fn history(repo: &Repository, tip: Oid) -> Result<BTreeSet<Oid>, git2::Error> {
    let (mut ahead, mut seen) = (vec![tip], BTreeSet::new());
    while let Some(id) = ahead.pop() {
        if seen.insert(id) {
            ahead.extend(repo.find_commit(id)?.parent_ids());
        }
    }
    Ok(seen)
}

/// From `tip` to its ancestors among `come`, of those in sight always the youngest.
fn newest_first(
    repo: &Repository,
    tip: Oid,
    come: &BTreeSet<Oid>,
) -> Result<Vec<String>, git2::Error> {
    let mut in_sight = BTreeSet::from_iter(come.get(&tip).map(|id| (i64::MAX, *id)));
    let mut seen = BTreeSet::new();
    let mut subjects = Vec::new();
    while let Some((_, id)) = in_sight.pop_last()
        && subjects.len() < COMMITS_SHOWN
    {
        subjects.push(take(repo, id, come, &mut seen, &mut in_sight)?);
    }
    Ok(subjects)
}

fn take(
    repo: &Repository,
    id: Oid,
    come: &BTreeSet<Oid>,
    seen: &mut BTreeSet<Oid>,
    in_sight: &mut BTreeSet<(i64, Oid)>,
) -> Result<String, git2::Error> {
    let commit = repo.find_commit(id)?;
    seen.insert(id);
    for parent in commit.parents().filter(|parent| come.contains(&parent.id())) {
        if !seen.contains(&parent.id()) {
            in_sight.insert((parent.time().seconds(), parent.id()));
        }
    }
    Ok(line(&commit))
}

/// Such as `acfdb42 Fix bug analysis`: one line of what a terminal may show.
fn line(commit: &Commit<'_>) -> String {
    let summary = String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default());
    let shown = summary.chars().take(SUBJECT_CHARS);
    let plain = shown.map(|c| if c.is_control() { ' ' } else { c });
    format!("{} {}", &commit.id().to_string()[..7], plain.collect::<String>())
}
