//! Which backups there are, from their manifests alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ripcord_core::{BackupId, DeploymentNumber, Failure, Timestamp};

use super::{
    BackupSettings,
    errors::OrFail,
    manifest::{ARCHIVE, Summary},
};
use crate::ports::Backup;

/// What is there, newest first. What other environments keep in the same folder is theirs.
pub(super) fn list(settings: &BackupSettings) -> Result<Vec<Backup>, Failure> {
    let ids = ids(&settings.dir).or_fail(|| format!("read {}", settings.dir.display()))?;
    let mut backups: Vec<_> = ids.into_iter().filter_map(|id| look_at(settings, id)).collect();
    backups.sort_by(|a, b| (b.made_at, b.before, &b.id).cmp(&(a.made_at, a.before, &a.id)));
    Ok(backups)
}

fn ids(dir: &Path) -> io::Result<Vec<BackupId>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut ids = Vec::new();
    for entry in entries {
        ids.extend(entry?.file_name().to_str().and_then(|name| name.parse().ok()));
    }
    Ok(ids)
}

fn look_at(settings: &BackupSettings, id: BackupId) -> Option<Backup> {
    let path = settings.dir.join(id.as_str());
    match Summary::read(&path) {
        Ok(summary) if summary.environment != settings.environment => None,
        Ok(summary) if summary.id != id => {
            let damage = format!("its manifest is that of {}", summary.id);
            Some(Backup { id, ..backup(summary, path, Some(damage)) })
        }
        Ok(summary) => {
            let damage = damage_of_archive(&path, &summary);
            Some(backup(summary, path, damage))
        }
        Err(damage) => Some(unreadable(id, path, damage)),
    }
}

fn damage_of_archive(folder: &Path, summary: &Summary) -> Option<String> {
    match folder.join(ARCHIVE).symlink_metadata() {
        Ok(there) if there.is_file() && there.len() == summary.archive_bytes => None,
        Ok(there) => {
            let (is, told) = (there.len(), summary.archive_bytes);
            Some(format!("{ARCHIVE} has {is} bytes instead of {told}"))
        }
        Err(error) => Some(format!("cannot read {ARCHIVE}: {error}")),
    }
}

fn backup(summary: Summary, path: PathBuf, damage: Option<String>) -> Backup {
    let Summary { id, before, of, made_at, files, bytes, archive_bytes, .. } = summary;
    Backup { id, before, of, made_at, files, bytes, archive_bytes, path, damage }
}

/// What its name alone tells.
fn unreadable(id: BackupId, path: PathBuf, damage: String) -> Backup {
    let (time, number) = id.as_str().split_once("Z-").unwrap_or_default();
    let before = DeploymentNumber(number.parse().unwrap_or_default());
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", time);
    let time = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC));
    let made_at = Timestamp(time.map_or(0, |time| time.timestamp().as_millisecond()));
    let damage = Some(damage);
    Backup { before, of: None, made_at, files: 0, bytes: 0, archive_bytes: 0, path, damage, id }
}
