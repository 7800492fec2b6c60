//! Asks the remote where the branch stands, as `git ls-remote` does: nothing is fetched, and nothing
//! is written.

use std::time::Duration;

use git2::{Direction, Oid};
use ripcord_core::Failure;

use super::{
    Settings,
    errors::{remote as remote_failure, sha},
    fetch::{no_branch, remote_of},
    site::Site,
    transport::{self, Login, Session},
};

/// A healthy remote says within a second what it has.
const PATIENCE: Duration = Duration::from_secs(4);

/// See [`crate::ports::SourceRepository::preflight`].
pub(super) fn reach(site: &Site) -> Result<String, Failure> {
    let repo = site.repository()?;
    let (mut remote, address) = remote_of(site, &repo)?;
    let shown = transport::display(&address);
    let login = Login::read(site.settings.credentials.as_ref())?;
    let settings = Settings { fetch_timeout: PATIENCE, ..site.settings.clone() };
    let session = Session::new(&settings, login, shown.clone());
    let wanted = site.remote_ref();
    let listed = session.enter(|| -> Result<Option<Oid>, git2::Error> {
        remote.connect(Direction::Fetch)?;
        let heads = remote.list()?;
        let tip = heads.iter().find(|head| head.name() == wanted).map(git2::RemoteHead::oid);
        remote.disconnect()?;
        Ok(tip)
    });
    let tip = listed.map_err(|error| {
        session
            .failure()
            .unwrap_or_else(|| remote_failure(format!("cannot reach {shown}: {}", error.message())))
    })?;
    let tip = sha(tip.ok_or_else(|| no_branch(site, &shown))?)?;
    Ok(format!("{shown} has {} at {}", site.settings.branch, tip.short()))
}
