//! git's lock files. A reset under a foreign lock would leave a half-written tree, so it is
//! refused before anything is touched; a lock that our own dead process left is removed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use git2::Repository;
use ripcord_core::{EnvironmentName, Failure, FailureKind};

use super::{
    errors::{OrFail, repository},
    marker::Claim,
    site::{self, Site},
};

/// A `git status` holds the index for milliseconds: this long a lock may take to go away.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(10);

/// Makes sure that index and HEAD can be written; `unfinished` is the reset that was cut short.
pub(super) fn clear(
    site: &Site,
    repo: &Repository,
    unfinished: Option<&Claim>,
) -> Result<(), Failure> {
    let ours = unfinished.is_some_and(Claim::is_of_a_dead_process);
    let mut locks = vec![site.git_dir.join("index.lock"), site.git_dir.join("HEAD.lock")];
    locks.extend(site::branch(repo).map(|branch| site.common_dir.join(format!("{branch}.lock"))));
    locks.iter().try_for_each(|lock| clear_one(site, lock, ours))
}

/// Removes what a dead fetch of ours left: locks of the branch's ref here, and of our pins, which
/// nobody else writes.
pub(super) fn clear_refs(site: &Site, unfinished: Option<&Claim>) -> Result<(), Failure> {
    let ours = unfinished.is_some_and(Claim::is_of_a_dead_process);
    let settings = &site.settings;
    clear_pins(site, &settings.environment)?;
    let branch = format!("refs/remotes/{}/{}.lock", settings.remote, settings.branch);
    if ours { clear_one(site, &site.common_dir.join(branch), true) } else { Ok(()) }
}

/// Removes the locks that a dead process of ours left of the environment's pins.
pub(super) fn clear_pins(site: &Site, environment: &EnvironmentName) -> Result<(), Failure> {
    let pins = fs::read_dir(site.common_dir.join("refs/ripcord").join(environment.as_str()));
    let mut pins = pins.into_iter().flatten().flatten().map(|entry| entry.path());
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|end| end == "lock");
    pins.by_ref().filter(is_lock).try_for_each(|lock| clear_one(site, &lock, true))
}

fn clear_one(site: &Site, lock: &Path, ours: bool) -> Result<(), Failure> {
    if goes_away(lock) {
        return Ok(());
    }
    if ours && is_older_than_us(site, lock) {
        let removed = fs::remove_file(lock);
        return removed.or_fail(FailureKind::Repository, || format!("remove {}", lock.display()));
    }
    Err(repository(format!(
        "the repository is locked by {} ({}): another git command works there, or one died; wait \
         for it, and remove the file if no git command runs",
        lock.display(),
        age(lock)
    )))
}

/// A process that died before this one opened the repository cannot have made a newer lock.
fn is_older_than_us(site: &Site, lock: &Path) -> bool {
    let modified = lock.symlink_metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified <= site.opened)
}

fn goes_away(lock: &Path) -> bool {
    let look = || match lock.symlink_metadata() {
        Ok(_) => Err(io::Error::from(io::ErrorKind::AlreadyExists)),
        Err(_) => Ok(()),
    };
    patiently(look).is_ok()
}

/// Does what a lock of somebody else stands in the way of, as soon as it has gone away.
pub(super) fn patiently<T>(attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let patience = Instant::now() + PATIENCE;
    let is_locked = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
    loop {
        match attempt() {
            Err(error) if is_locked(&error) && Instant::now() < patience => thread::sleep(PAUSE),
            ended => return ended,
        }
    }
}

fn age(lock: &Path) -> String {
    let modified = lock.symlink_metadata().and_then(|metadata| metadata.modified());
    match modified.map(|modified| modified.elapsed().unwrap_or_default().as_secs()) {
        Ok(seconds @ 0..120) => format!("{seconds} s old"),
        Ok(seconds @ 120..7200) => format!("{} min old", seconds / 60),
        Ok(seconds) => format!("{} h old", seconds / 3600),
        Err(_) => "of unknown age".to_owned(),
    }
}
