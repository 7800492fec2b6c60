//! Makes a backup: measured, written, read back, named, and only then are older ones let go.

use std::{fs::File, os::unix::fs::OpenOptionsExt as _, path::Path};

use ripcord_core::{DeploymentNumber, Failure, Placement, Timestamp, effect::BackupReport};

use super::{
    BackupSettings,
    archive::Archive,
    errors::{OrFail, failure},
    ground,
    keep::{self, Part},
    manifest::{ARCHIVE, Entry, Kind, Manifest, Name, SCHEMA, Summary},
    progress::Progress,
    verify::{self, Nobody},
    walk::{Meta, Visit, walk},
};

pub(super) fn make(
    settings: &BackupSettings,
    before: DeploymentNumber,
    of: Option<Placement>,
    progress: &mut Progress,
) -> Result<BackupReport, Failure> {
    ground::check(settings)?;
    ground::make_dir(&settings.dir)?;
    keep::remove_leftovers(&settings.dir)?;
    let part = Part::begin(&settings.dir, before)?;
    let filled = fill(settings, &part, before, of, progress);
    let Manifest { summary, .. } = match filled {
        Ok(manifest) => manifest,
        Err(failure) => {
            part.give_up();
            return Err(failure);
        }
    };
    let place = part.finish(&settings.dir);
    let place = place.or_fail(|| format!("finish the backup {}", summary.id))?;
    keep::prune(settings, &summary.id, progress);
    let Summary { id, files, bytes, .. } = summary;
    Ok(BackupReport { id, path: place.display().to_string(), files, bytes })
}

fn fill(
    settings: &BackupSettings,
    part: &Part,
    before: DeploymentNumber,
    of: Option<Placement>,
    progress: &mut Progress,
) -> Result<Manifest, Failure> {
    progress.begin("bytes saved", measure(settings)?);
    let place = part.folder.join(ARCHIVE);
    let what = || format!("write {}", place.display());
    let file = File::options().write(true).create_new(true).mode(0o600).open(&place);
    let mut archive = Archive::begin(file.or_fail(what)?, progress).or_fail(what)?;
    walk_all(settings, &mut archive)?;
    let written = archive.end().or_fail(what)?;
    let (files, bytes) = totals(&written.entries);
    let summary = Summary {
        schema: SCHEMA.to_owned(),
        environment: settings.environment.clone(),
        id: part.id.clone(),
        before,
        of,
        made_at: Timestamp(jiff::Timestamp::now().as_millisecond()),
        paths: settings.paths.iter().cloned().map(Name).collect(),
        files,
        bytes,
        archive_bytes: written.bytes,
        archive_sha256: written.sha256,
    };
    let manifest = Manifest { summary, entries: written.entries };
    let folder = part.folder.as_path();
    manifest.write(folder).or_fail(|| format!("write the manifest in {}", folder.display()))?;
    read_back(folder, &manifest, progress).map_err(|Failure { message, .. }| {
        failure(format!("what was just written cannot be trusted ({message}): check that disk"))
    })?;
    Ok(manifest)
}

/// A backup is believed when what lies on the disk says the same as was written.
fn read_back(folder: &Path, manifest: &Manifest, progress: &mut Progress) -> Result<(), Failure> {
    progress.begin("bytes verified", manifest.summary.bytes);
    let there = Manifest::read(folder).map_err(|why| verify::damaged(folder, &why))?;
    if there != *manifest {
        return Err(verify::damaged(folder, &"its manifest is not what was written"));
    }
    verify::read_through(folder, &there, &mut Nobody, progress)
}

fn walk_all(settings: &BackupSettings, visit: &mut dyn Visit) -> Result<(), Failure> {
    let mut paths = settings.paths.iter();
    paths.try_for_each(|path| walk(path, ground::own_git_in(settings, path).as_deref(), visit))
}

fn totals(entries: &[Entry]) -> (u64, u64) {
    let files = entries.iter().filter(|entry| matches!(entry.is, Kind::File { .. })).count();
    (files as u64, entries.iter().map(Entry::bytes).sum())
}

/// How many bytes there are to save; on the way every file is opened once, so that one that may not be
/// read is found before anything is written.
fn measure(settings: &BackupSettings) -> Result<u64, Failure> {
    let mut measured = Measured(0);
    walk_all(settings, &mut measured)?;
    Ok(measured.0)
}

struct Measured(u64);

impl Visit for Measured {
    fn folder(&mut self, _: &Path, _: Meta) -> Result<(), Failure> {
        Ok(())
    }
    fn file(&mut self, _: &Path, _: File, meta: Meta) -> Result<(), Failure> {
        self.0 += meta.size;
        Ok(())
    }
    fn link(&mut self, _: &Path, _: &Path, _: Meta) -> Result<(), Failure> {
        Ok(())
    }
    fn other(&mut self, _: &Path) {}
}
