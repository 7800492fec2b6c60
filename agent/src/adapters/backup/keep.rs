//! Which backups stay: the newest ones, and nothing of those that were never finished.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use ripcord_core::{BackupId, DeploymentNumber, Failure};
use rustix::fs::{FlockOperation, OFlags, RenameFlags, flock, renameat_with};

use super::{BackupSettings, errors::OrFail, list, progress::Progress};

/// A backup that is being made, as a folder of its own.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: BackupId,
    pub(super) folder: PathBuf,
    /// Locked for as long as somebody writes here: whoever finds it unlocked finds a leftover.
    lock: File,
}

impl Part {
    /// Makes a folder under a name that nobody has.
    pub(super) fn begin(dir: &Path, before: DeploymentNumber) -> Result<Self, Failure> {
        let mut second = jiff::Timestamp::now().as_second();
        loop {
            let id = id(second, before).or_fail(|| "name the backup".to_owned())?;
            let folder = dir.join(part_name(&id));
            let what = || format!("make {}", folder.display());
            if !dir.join(id.as_str()).exists() {
                match DirBuilder::new().mode(0o700).create(&folder) {
                    Ok(()) => {
                        let lock = lock(&folder).or_fail(what)?;
                        return Ok(Self { id, folder, lock });
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error).or_fail(what),
                }
            }
            second += 1;
        }
    }

    /// It is whole: gives it its name. Answers the folder that it is now.
    pub(super) fn finish(self, dir: &Path) -> io::Result<PathBuf> {
        let place = dir.join(self.id.as_str());
        self.lock.sync_all()?;
        let (here, flags) = (rustix::fs::CWD, RenameFlags::NOREPLACE);
        renameat_with(here, &self.folder, here, &place, flags)?;
        File::open(dir)?.sync_all()?;
        Ok(place)
    }

    /// It came to nothing.
    pub(super) fn give_up(self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "an unfinished backup stays");
        }
    }
}

fn id(second: i64, before: DeploymentNumber) -> Result<BackupId, io::Error> {
    let time = jiff::Timestamp::from_second(second).map_err(io::Error::other)?;
    let text = format!("{}-{}", time.strftime("%Y%m%dT%H%M%SZ"), before.0);
    text.parse().map_err(io::Error::other)
}

fn part_name(id: &BackupId) -> String {
    format!(".{id}.part")
}

fn lock(folder: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let folder = File::options().read(true).custom_flags(flags).open(folder)?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    Ok(folder)
}

/// Removes what a process left that is gone; what somebody still writes stays.
pub(super) fn remove_leftovers(dir: &Path) -> Result<(), Failure> {
    let what = || format!("remove unfinished backups from {}", dir.display());
    for entry in fs::read_dir(dir).or_fail(what)? {
        let name = entry.or_fail(what)?.file_name();
        let folder = dir.join(&name);
        if is_part(&name) && lock(&folder).is_ok() {
            fs::remove_dir_all(&folder).or_fail(what)?;
        }
    }
    Ok(())
}

fn is_part(name: &OsString) -> bool {
    let name = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".part"));
    name.is_some_and(|id| id.parse::<BackupId>().is_ok())
}

/// Lets the oldest go; `made` never does. A clock that was set back does not make it old.
pub(super) fn prune(settings: &BackupSettings, made: &BackupId, progress: &mut Progress) {
    if let Err(failure) = try_to_prune(settings, made) {
        progress.remark(format!("{failure}: older backups than `keep` says are still there"));
    }
}

/// Damaged ones do not count, and go when all that count are newer. Whose manifest cannot be read may
/// belong to another environment, and stays.
fn try_to_prune(settings: &BackupSettings, made: &BackupId) -> Result<(), Failure> {
    let others = list::list(settings)?.into_iter().filter(|backup| backup.id != *made);
    let mut whole = 1;
    for backup in others {
        if whole >= settings.keep.max(1) {
            // Nothing is known of one whose manifest cannot be read.
            let is_ours = backup.archive_bytes > 0;
            if is_ours {
                remove(&settings.dir, &backup.id)?;
            }
        } else if backup.damage.is_none() {
            whole += 1;
        }
    }
    Ok(())
}

/// Under the name of a leftover first: half a backup never has the name of one.
fn remove(dir: &Path, id: &BackupId) -> Result<(), Failure> {
    let what = || format!("remove the old backup {id} from {}", dir.display());
    let part = dir.join(part_name(id));
    fs::rename(dir.join(id.as_str()), &part).or_fail(what)?;
    fs::remove_dir_all(&part).or_fail(what)
}
