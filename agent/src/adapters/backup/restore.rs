//! Brings the files of a backup back. First all of them are unpacked beside what is there, and
//! verified; then they take its place, one step after the other ([`super::moves`]).
//!
//! A restore that is cut short, at any point, leaves each file whole, old or new; the next one brings
//! all of them again, and loses nothing of what was there before the first.

use std::{
    ffi::{CString, OsString},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

use ripcord_core::{
    BackupId, DeploymentNumber, Failure, FailureKind,
    effect::{Brought, TreeReport},
};
use rustix::fs::{AtFlags, FileType, statat, syncfs};

use super::{
    BackupSettings,
    beside::Beside,
    errors::{OrFail, failure},
    ground,
    manifest::{ARCHIVE, Entry, Kind, Manifest, Name},
    moves::{Folders, Move, plan},
    progress::Progress,
    unpack::{Unpack, dress},
    verify::{self, Nobody},
    walk::{c_name, names, open_folder, open_parent},
};

/// A restore whose files are verified, and lie ready beside those that they replace.
#[derive(Debug)]
pub struct Restoration {
    manifest: Manifest,
    places: Vec<Ready>,
    /// The next step: of which place, and which.
    next: (usize, usize),
}

/// A path, ready to be changed.
#[derive(Debug)]
struct Ready {
    beside: Beside,
    folders: Folders,
    moves: Vec<Move>,
    /// The folder itself stays: what it shall look like in the end.
    stays: Option<Entry>,
}

impl Restoration {
    /// Verifies the backup, and unpacks it. Nothing of what is there is touched.
    ///
    /// # Errors
    /// When the backup is damaged, or cannot be brought back here.
    pub fn begin(
        settings: &BackupSettings,
        id: &BackupId,
        deployment: DeploymentNumber,
        progress: &mut Progress,
    ) -> Result<Self, Failure> {
        Self::prepare(settings, id, deployment, progress).map_err(|Failure { kind, message }| {
            let rule = "nothing was touched; `ripcord history ENV --backups` lists all backups";
            Failure::new(kind, format!("{message}; {rule}"))
        })
    }

    fn prepare(
        settings: &BackupSettings,
        id: &BackupId,
        deployment: DeploymentNumber,
        progress: &mut Progress,
    ) -> Result<Self, Failure> {
        let folder = settings.dir.join(id.as_str());
        let manifest = read(settings, id, &folder)?;
        ground::check_restore(settings)?;
        let besides = besides(&manifest, deployment)?;
        for beside in &besides {
            beside.stays(settings, &manifest)?;
        }
        let unpacked = unpack(&folder, &manifest, &besides, progress);
        let rooms = unpacked.inspect_err(|_| sweep(&besides))?;
        let ready = besides.into_iter().zip(rooms);
        let places: Result<_, _> =
            ready.map(|(beside, room)| Ready::new(settings, &manifest, beside, room)).collect();
        Ok(Self { places: places?, manifest, next: (0, 0) })
    }

    /// Does the next step. Answers whether there was one.
    ///
    /// # Errors
    /// When it failed; the ones before it stay done.
    pub fn step(&mut self) -> Result<bool, Failure> {
        let (at, step) = self.next;
        let Some(place) = self.places.get(at) else { return Ok(false) };
        let Some(next) = place.moves.get(step) else {
            place.end()?;
            self.next = (at + 1, 0);
            return self.step();
        };
        place.folders.carry_out(next).or_fail(|| place.failed(next))?;
        self.next = (at, step + 1);
        Ok(true)
    }

    /// All is done: removes what is not needed any more, and says what became of it.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn finish(self) -> Result<TreeReport, Failure> {
        let mut kept = Vec::new();
        for Ready { beside, folders, .. } in &self.places {
            beside.finish()?;
            if folders.kept.is_there() {
                kept.push(beside.kept_path(&folders.kept).display().to_string());
            }
        }
        let backup = self.manifest.summary.id;
        Ok(TreeReport {
            brought: Brought::Restored { backup },
            changed: self.manifest.summary.files,
            saved_to: (!kept.is_empty()).then(|| kept.join(", ")),
            ..TreeReport::default()
        })
    }
}

/// Reads a backup through. Nothing of what is there is touched.
pub(super) fn verify(
    settings: &BackupSettings,
    id: &BackupId,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let folder = settings.dir.join(id.as_str());
    let manifest = read(settings, id, &folder).map_err(untouched)?;
    ground::check_restore(settings).map_err(untouched)?;
    progress.begin("bytes verified", manifest.summary.bytes);
    verify::read_through(&folder, &manifest, &mut Nobody, progress).map_err(untouched)
}

/// What went wrong before the first step: all is as it was.
fn untouched(failure: Failure) -> Failure {
    let kind = failure.kind;
    let untouched = if kind == FailureKind::Backup { FailureKind::Unrestorable } else { kind };
    Failure::new(untouched, failure.message)
}

/// All of it, from the first look to the last step.
pub(super) fn restore(
    settings: &BackupSettings,
    id: &BackupId,
    deployment: DeploymentNumber,
    progress: &mut Progress,
) -> Result<TreeReport, Failure> {
    let begun = Restoration::begin(settings, id, deployment, progress);
    let mut restoration = begun.map_err(untouched)?;
    while restoration.step()? {}
    for path in unknown_to(&restoration.manifest, settings) {
        let path = path.display();
        progress.remark(format!("backup {id} knows nothing of {path}, which was left as it is"));
    }
    restoration.finish()
}

fn unknown_to<'a>(manifest: &Manifest, settings: &'a BackupSettings) -> Vec<&'a PathBuf> {
    let known = |path: &&PathBuf| !manifest.summary.paths.iter().any(|name| name.0 == **path);
    settings.paths.iter().filter(known).collect()
}

/// The manifest, if it is sound and speaks of nothing but what is ours to change.
fn read(settings: &BackupSettings, id: &BackupId, folder: &Path) -> Result<Manifest, Failure> {
    if !folder.is_dir() {
        return Err(failure(format!("there is no backup {id} in {}", settings.dir.display())));
    }
    let manifest = Manifest::read(folder).map_err(|why| verify::damaged(folder, &why))?;
    let summary = &manifest.summary;
    if summary.id != *id || summary.environment != settings.environment {
        let (is, of) = (&summary.id, &summary.environment);
        return Err(verify::damaged(folder, &format!("it is the backup {is} of {of}")));
    }
    let is_there = folder.join(ARCHIVE).symlink_metadata();
    if is_there.is_ok_and(|there| there.len() != summary.archive_bytes) {
        return Err(verify::damaged(folder, &format!("{ARCHIVE} is of another size")));
    }
    for Name(path) in &summary.paths {
        if !settings.paths.contains(path) {
            let path = path.display();
            return Err(failure(format!(
                "backup {id} holds {path}, which is not saved here any more: add it to `paths` again"
            )));
        }
    }
    Ok(manifest)
}

/// The folders around the paths. A path that was not there, and has no folder around it now, is as it
/// was.
fn besides(manifest: &Manifest, deployment: DeploymentNumber) -> Result<Vec<Beside>, Failure> {
    let mut besides = Vec::new();
    for Name(path) in &manifest.summary.paths {
        match open_parent(path)? {
            Some(parent) => besides.push(Beside::new(path, parent, deployment)),
            None if manifest.root(path).is_none() => {}
            None => {
                let path = path.display();
                let rule = "make it, and roll back again";
                return Err(failure(format!("the folder around {path} is gone: {rule}")));
            }
        }
    }
    Ok(besides)
}

/// Unpacks all of it, to the disk. Answers where the files of each path are now.
fn unpack(
    folder: &Path,
    manifest: &Manifest,
    besides: &[Beside],
    progress: &mut Progress,
) -> Result<Vec<OwnedFd>, Failure> {
    for beside in besides {
        let path = beside.path.as_path();
        let inside = manifest.entries.iter().filter(|entry| entry.path.0.starts_with(path));
        let bytes = inside.map(Entry::bytes).sum();
        let around = path.parent().unwrap_or(path);
        ground::room_in(around, bytes, || {
            let path = path.display();
            format!("the files of {path}, which come beside those that are there: free some room")
        })?;
    }
    let rooms: Result<Vec<_>, _> = besides.iter().map(Beside::make_room).collect();
    let rooms = rooms?;
    let into = besides.iter().map(|beside| beside.path.as_path());
    let into = into.zip(rooms.iter().map(|room| room.as_fd())).collect();
    let mut unpack = Unpack::new(into);
    progress.begin("bytes restored", manifest.summary.bytes);
    verify::read_through(folder, manifest, &mut unpack, progress)?;
    unpack.finish()?;
    for room in &rooms {
        syncfs(room).or_fail(|| "write the restored files to the disk".to_owned())?;
    }
    Ok(rooms)
}

/// What was unpacked is not needed; if it cannot be removed now, the next restore does it.
fn sweep(besides: &[Beside]) {
    for beside in besides {
        if let Err(error) = beside.sweep_unpacked() {
            tracing::warn!(%error, "unpacked files of a backup stay");
        }
    }
}

impl Ready {
    fn new(
        settings: &BackupSettings,
        manifest: &Manifest,
        beside: Beside,
        room: OwnedFd,
    ) -> Result<Self, Failure> {
        let path = beside.path.clone();
        let what = || format!("look at {}", path.display());
        let git = ground::own_git_in(settings, &path);
        let root = manifest.root(&path).cloned();
        let in_place = beside.stays(settings, manifest)?;
        let name = c_name(beside.name())?;
        let (fresh, live) = if in_place {
            let own = root.is_some().then(|| open_folder(room.as_fd(), &name)).transpose();
            let live = open_folder(beside.parent.as_fd(), &name).or_fail(what)?;
            (own.or_fail(what)?.unwrap_or(room), live)
        } else {
            (room, beside.parent.try_clone().or_fail(what)?)
        };
        let entries = |folder: &OwnedFd| entries(folder, git.as_ref()).or_fail(what);
        let fresh_names = entries(&fresh)?;
        let mut live_names = entries(&live)?;
        if !in_place {
            live_names.retain(|entry| *entry == name);
        }
        beside.settle()?;
        beside.seal(fresh.as_fd(), in_place && root.is_some(), &fresh_names)?;
        let folders = Folders { fresh, live, kept: beside.kept()? };
        let stays = root.filter(|_| in_place);
        Ok(Self { moves: plan(&fresh_names, &live_names), beside, folders, stays })
    }

    /// The last step: the folder itself looks as it did, and all of it is on the disk.
    fn end(&self) -> Result<(), Failure> {
        let what = || format!("write {} to the disk", self.beside.path.display());
        if let Some(entry) = &self.stays {
            dress(self.folders.live.as_fd(), entry).or_fail(what)?;
        }
        rustix::fs::fsync(&self.folders.live).or_fail(what)
    }

    fn failed(&self, step: &Move) -> String {
        let (Move::Bring(name) | Move::KeepReplaced(name) | Move::KeepExtra(name)) = step;
        let name = String::from_utf8_lossy(name.as_bytes());
        let path = self.beside.path.display();
        format!("bring back {name} in {path}; some of it is back already, so roll back once more")
    }
}

impl Beside {
    /// Whether the folder at the path stays, and what is in it is exchanged: whoever has it open, or
    /// mounted in a container, sees the new files.
    fn stays(&self, settings: &BackupSettings, manifest: &Manifest) -> Result<bool, Failure> {
        let root = manifest.root(&self.path);
        let there = statat(&self.parent, self.name(), AtFlags::SYMLINK_NOFOLLOW);
        let is_folder =
            there.is_ok_and(|there| FileType::from_raw_mode(there.st_mode) == FileType::Directory);
        let was_folder = root.is_some_and(|root| root.is == Kind::Folder);
        let holds_git = ground::own_git_in(settings, &self.path).is_some();
        if is_folder && holds_git && root.is_some() && !was_folder {
            let path = self.path.display();
            return Err(failure(format!(
                "{path} was a file when it was saved, and is the environment's work tree now: move \
                 it away, and roll back again"
            )));
        }
        Ok(is_folder && (was_folder || holds_git))
    }
}

fn entries(folder: &OwnedFd, git: Option<&OsString>) -> rustix::io::Result<Vec<CString>> {
    let mut entries = names(folder.as_fd())?;
    entries.retain(|name| git.is_none_or(|git| git.as_bytes() != name.as_bytes()));
    Ok(entries)
}
