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

/// Keeps `sha` for the environment. Answers the name of the ref if it is a new one.
pub(super) fn pin(
    site: &Site,
    repo: &Repository,
    sha: CommitSha,
) -> Result<Option<String>, Failure> {
    let name = format!("{}/{sha}", folder(&site.settings.environment));
    let target = oid(sha)?;
    if repo.refname_to_id(&name).is_ok_and(|present| present == target) {
        return Ok(None);
    }
    let pinned = repo.reference(&name, target, true, "ripcord: pin");
    pinned.or_fail(FailureKind::Repository, || format!("pin {sha} as {name}"))?;
    Ok(Some(name))
}

/// Lets go of what is not among `keep`.
pub(super) fn unpin_except(site: &Site, keep: &[CommitSha]) -> Result<(), Failure> {
    let repo = site.repository()?;
    let keep = keep.iter().map(|sha| oid(*sha)).collect::<Result<Vec<Oid>, _>>()?;
    let glob = format!("{}/*", folder(&site.settings.environment));
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
