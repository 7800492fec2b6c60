//! Private refs that keep the commits that a rollback needs: a force-push cannot take them away.

use git2::{Oid, Repository};
use ripcord_core::{CommitSha, EnvironmentName, Failure, FailureKind};

use super::{
    errors::{OrFail, oid},
    site::Site,
};

fn folder(environment: &EnvironmentName) -> String {
    format!("refs/ripcord/{environment}")
}

/// The ref that keeps `sha` for the environment.
fn name_of(environment: &EnvironmentName, sha: CommitSha) -> String {
    format!("{}/{sha}", folder(environment))
}

/// Whether the environment keeps `sha`.
pub(super) fn is_pinned(repo: &Repository, environment: &EnvironmentName, sha: CommitSha) -> bool {
    let target = repo.refname_to_id(&name_of(environment, sha));
    target.is_ok_and(|target| target.as_bytes() == sha.as_bytes())
}

/// Keeps `sha` for the environment. Answers the name of the ref if it is a new one.
pub(super) fn pin(
    repo: &Repository,
    environment: &EnvironmentName,
    sha: CommitSha,
) -> Result<Option<String>, Failure> {
    if is_pinned(repo, environment, sha) {
        return Ok(None);
    }
    let name = name_of(environment, sha);
    let pinned = repo.reference(&name, oid(sha)?, true, "ripcord: pin");
    pinned.or_fail(FailureKind::Repository, || format!("pin {sha} as {name}"))?;
    Ok(Some(name))
}

/// Lets go of what the environment keeps and is not among `keep`.
pub(super) fn unpin_except(
    site: &Site,
    environment: &EnvironmentName,
    keep: &[CommitSha],
) -> Result<(), Failure> {
    let repo = site.repository()?;
    let keep = keep.iter().map(|sha| oid(*sha)).collect::<Result<Vec<Oid>, _>>()?;
    let glob = format!("{}/*", folder(environment));
    let what = || format!("let go of the pins under {glob}");
    let pins = repo.references_glob(&glob).or_fail(FailureKind::Repository, what)?;
    for pin in pins {
        let mut pin = pin.or_fail(FailureKind::Repository, what)?;
        if !pin.target().is_some_and(|target| keep.contains(&target)) {
            pin.delete().or_fail(FailureKind::Repository, what)?;
        }
    }
    Ok(())
}
