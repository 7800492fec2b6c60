//! Makes fetched objects, and refs, survive a power cut. libgit2 leaves that to the kernel, which may
//! keep a new ref as an empty file: every later fetch, or reset, would fail at it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    slice, thread,
};

use git2::Repository;
use ripcord_core::{Failure, FailureKind};

use super::{
    compare::is_absence,
    errors::OrFail,
    site::{self, Site},
};

/// What was there before a fetch.
#[derive(Debug)]
pub(super) struct Before {
    common_dir: PathBuf,
    packs: BTreeSet<PathBuf>,
}

impl Before {
    pub(super) fn of(site: &Site) -> io::Result<Self> {
        let common_dir = site.common_dir.clone();
        Ok(Self { packs: packs(&common_dir)?, common_dir })
    }

    /// Waits until the packs that came since, and `refs`, are on the disk.
    pub(super) fn sync_since(&self, refs: &BTreeSet<String>) -> io::Result<()> {
        let packs = packs(&self.common_dir)?;
        let packs = packs.difference(&self.packs).cloned();
        let files: Vec<_> =
            packs.chain(refs.iter().map(|name| self.common_dir.join(name))).collect();
        sync(&files)
    }
}

/// Waits until what HEAD names is on the disk.
pub(super) fn sync_head(site: &Site, repo: &Repository) -> Result<(), Failure> {
    let head = match site::branch(repo) {
        Some(branch) => site.common_dir.join(branch),
        None => site.git_dir.join("HEAD"),
    };
    let what = || format!("keep {}", head.display());
    sync(slice::from_ref(&head)).or_fail(FailureKind::Tree, what)
}

fn packs(common_dir: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let folder = fs::read_dir(common_dir.join("objects").join("pack"));
    match folder {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if is_absence(&error) => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// All at once: a file system writes its journal once for all who wait for it.
fn sync(files: &[PathBuf]) -> io::Result<()> {
    let folders: BTreeSet<_> = files.iter().filter_map(|file| file.parent()).collect();
    let places = files.iter().map(PathBuf::as_path).chain(folders);
    thread::scope(|scope| {
        let waiting: Vec<_> = places.map(|place| scope.spawn(|| sync_one(place))).collect();
        let broke_off = |_| Err(io::Error::other("a thread broke off"));
        waiting.into_iter().try_for_each(|one| one.join().unwrap_or_else(broke_off))
    })
}

/// Files that git packed away in the meantime are its own care.
fn sync_one(place: &Path) -> io::Result<()> {
    match File::open(place).and_then(|file| file.sync_all()) {
        Err(error) if is_absence(&error) => Ok(()),
        synced => synced,
    }
}
