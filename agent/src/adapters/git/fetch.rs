//! Fetches the one configured branch, and answers where it stands on the remote.

use std::{cell::Cell, path::Path};

use git2::{AutotagOption, FetchOptions, FetchPrune, Oid, Remote, RemoteCallbacks, Repository};
use ripcord_core::{Failure, FailureKind};

use super::{
    errors::{OrFail, remote as remote_failure, repository},
    site::Site,
    transport::{self, Login, Session},
};
use crate::ports::{Activity, Reporter};

/// Fetches the branch and answers its tip on the remote. Refs of other branches and tags stay.
pub(super) fn fetch(site: &Site, repo: &Repository, reporter: &Reporter) -> Result<Oid, Failure> {
    let (mut remote, address) = remote_of(site, repo)?;
    let shown = transport::display(&address);
    let login = Login::read(site.settings.credentials.as_ref())?;
    let session = Session::new(&site.settings, login, shown.clone());
    let local_ref = site.tracking_ref();
    let refspec = format!("+{}:{local_ref}", site.remote_ref());
    let tip = Cell::new(None);
    let mut options = options(&session, reporter, &local_ref, &tip);
    let fetched = session.enter(|| remote.fetch(&[&refspec], Some(&mut options), None));
    fetched.map_err(|error| {
        session.failure().unwrap_or_else(|| {
            remote_failure(format!("cannot fetch from {shown}: {}", error.message()))
        })
    })?;
    // A branch that is gone there still has its old ref here: only what was reported counts.
    tip.get().ok_or_else(|| no_branch(site, &shown))
}

/// The configured remote, and its address; refused where a fetch would damage the clone.
pub(super) fn remote_of<'r>(
    site: &Site,
    repo: &'r Repository,
) -> Result<(Remote<'r>, String), Failure> {
    transport::register_transports();
    let name = &site.settings.remote;
    let remote = repo.find_remote(name).map_err(|error| {
        let (place, reason) = (site.root.display(), error.message());
        repository(format!("{place} has no usable remote {name}: {reason}; see `git remote -v`"))
    })?;
    let address = remote.url().unwrap_or_default().to_owned();
    if repo.is_shallow() && is_local(&address) {
        return Err(repository(format!(
            "{} is a shallow clone of a local repository, which is not served: run `git fetch \
             --unshallow`",
            site.root.display()
        )));
    }
    if !is_relative(&address) {
        return Ok((remote, address));
    }
    let place = site.root.join(&address).display().to_string();
    let remote = repo.remote_anonymous(&place).or_fail(FailureKind::Repository, || {
        format!("use the address {address} of the remote {name}")
    })?;
    Ok((remote, address))
}

pub(super) fn no_branch(site: &Site, shown: &str) -> Failure {
    let branch = &site.settings.branch;
    remote_failure(format!(
        "the remote {shown} has no branch {branch}: push it, or correct `branch` in the agent's \
         configuration"
    ))
}

/// libgit2's own transport for these forgets where a shallow history ends, and the clone would be
/// damaged.
fn is_local(address: &str) -> bool {
    address.starts_with("file://") || !address.contains(':')
}

/// git takes such a path from the work tree's root, libgit2 from wherever the process runs.
fn is_relative(address: &str) -> bool {
    !address.contains(':') && Path::new(address).is_relative()
}

fn options<'cb>(
    session: &'cb Session,
    reporter: &'cb Reporter,
    local_ref: &'cb str,
    tip: &'cb Cell<Option<Oid>>,
) -> FetchOptions<'cb> {
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|progress| {
        let done = u64::try_from(progress.received_objects()).unwrap_or(0);
        let total = u64::try_from(progress.total_objects()).unwrap_or(0);
        reporter.activity(Activity { unit: "objects", done, total });
        !session.is_over()
    });
    callbacks.update_tips(move |name, _, now| {
        if name == local_ref {
            tip.set(Some(now));
        }
        true
    });
    let mut options = FetchOptions::new();
    options
        .remote_callbacks(callbacks)
        .prune(FetchPrune::Off)
        .download_tags(AutotagOption::None)
        .update_fetchhead(false)
        .report_unchanged(true);
    options
}
