//! Puts together what many fetches leave behind: each makes a pack, and libgit2 looks into all of
//! them for each object that it does not find; git's own fetches leave loose objects.
//!
//! Only packs that are small, and loose objects, become one new pack. Nothing is dropped, whether
//! anybody can reach it or not. What is old goes when the new pack is on the disk, so that a crash at
//! any moment, and a disk that is full, leave every object where it was or in the new pack. Indexes
//! come before their packs and go after them: git passes over an index without its pack. A fetch
//! does it in the same order, and so only an old index is known to be what a crash left.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use git2::{Oid, Repository};
use ripcord_core::{Failure, FailureKind};

use super::{compare::is_absence, errors::OrFail, site::Site};

/// git tidies up from 50 packs on (`gc.autoPackLimit`). libgit2 is slower with many: at this number a
/// fetch of one commit took some milliseconds more than with one.
const PACKS: usize = 20;
/// git tidies up from 6,700 on (`gc.auto`).
const LOOSE: usize = 2_000;
/// Larger packs and objects stay as they are: they are few, and would be written again and again.
const LARGE_BYTES: u64 = 32 << 20;
/// So much is put together at most at a time, which bounds how long that takes, and the memory.
const MOST_OBJECTS: usize = 50_000;
/// Nobody who writes a pack takes so long between its index and the pack.
const ABANDONED: Duration = Duration::from_secs(3_600);
/// Begins as the folders do in which git keeps what it has not taken over yet: `git prune` removes
/// it, should no agent ever come back.
const ASIDE: &str = "tmp_objdir-ripcord";

/// Small packs and loose objects of a repository.
struct Found {
    objects: PathBuf,
    packs: Vec<Pack>,
    loose: Vec<(Oid, PathBuf)>,
    /// Indexes without their packs.
    left_behind: Vec<PathBuf>,
}

struct Pack {
    index: PathBuf,
    bytes: u64,
}

/// What becomes one pack: all objects, and where they were.
struct Chosen<'f> {
    ids: BTreeSet<Oid>,
    packs: &'f [Pack],
    loose: Vec<&'f (Oid, PathBuf)>,
}

/// Puts together what there is too much of, until `is_cancelled`. Answers in words what was done.
pub(super) fn tidy(site: &Site, is_cancelled: &AtomicBool) -> Result<Option<String>, Failure> {
    let what = || format!("put the packs of {} together", site.common_dir.display());
    let objects = site.common_dir.join("objects");
    let found = Found::of(objects).or_fail(FailureKind::Repository, what)?;
    if found.packs.len() < PACKS && found.loose.len() < LOOSE {
        return Ok(None);
    }
    let repo = site.repository()?;
    let aside = found.objects.join(ASIDE);
    clear(&aside).or_fail(FailureKind::Repository, what)?;
    let done = found.put_together(&repo, &aside, is_cancelled);
    let _ = clear(&aside);
    done.or_fail(FailureKind::Repository, what)
}

fn clear(aside: &Path) -> io::Result<()> {
    match fs::remove_dir_all(aside) {
        Err(error) if !is_absence(&error) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Found {
    fn of(objects: PathBuf) -> io::Result<Self> {
        let (mut packs, left_behind) = packs(&objects.join("pack"))?;
        packs.sort_by_key(|pack| pack.bytes);
        let loose = loose(&objects)?;
        Ok(Self { objects, packs, loose, left_behind })
    }

    fn put_together(
        &self,
        repo: &Repository,
        aside: &Path,
        is_cancelled: &AtomicBool,
    ) -> io::Result<Option<String>> {
        let is_cancelled = || is_cancelled.load(Ordering::Relaxed);
        let odb = repo.odb().map_err(|error| io::Error::other(error.message().to_owned()))?;
        self.left_behind.iter().try_for_each(|index| remove_abandoned(index))?;
        let is_readable = |id| !is_cancelled() && odb.read(id).is_ok();
        let Chosen { ids, packs, loose } = self.choose(is_readable)?;
        let Some(name) = write_pack(repo, aside, &ids, &is_cancelled)? else { return Ok(None) };
        let index = self.adopt(aside, &name)?;
        if !ids.is_subset(&ids_of(&index)?) {
            return Err(io::Error::other("the new pack does not have all objects"));
        }
        for pack in packs.iter().filter(|pack| pack.index != index) {
            if is_cancelled() {
                return Ok(None);
            }
            pack.remove()?;
        }
        for (_, file) in &loose {
            if is_cancelled() {
                return Ok(None);
            }
            remove(file)?;
        }
        let (packs, loose) = (packs.len(), loose.len());
        Ok(Some(format!("{packs} packs and {loose} loose objects are one pack now")))
    }

    /// As much as is put together at a time: the smallest packs, if they are many, and loose
    /// objects, but not such as a power cut left empty: they stay as they are.
    fn choose(&self, is_readable: impl Fn(Oid) -> bool) -> io::Result<Chosen<'_>> {
        let many = if self.packs.len() < PACKS { &[] } else { &self.packs[..] };
        let (mut ids, mut packs) = (BTreeSet::new(), 0);
        for pack in many {
            let more = ids_of(&pack.index)?;
            if packs > 1 && ids.len() + more.len() > MOST_OBJECTS {
                break;
            }
            ids.extend(more);
            packs += 1;
        }
        let room = MOST_OBJECTS.saturating_sub(ids.len());
        let readable = self.loose.iter().filter(|(id, _)| is_readable(*id));
        let loose: Vec<_> = readable.take(room).collect();
        ids.extend(loose.iter().map(|(id, _)| *id));
        Ok(Chosen { ids, packs: &self.packs[..packs], loose })
    }

    /// Makes a pack that was written aside one of the repository's, and durable.
    fn adopt(&self, aside: &Path, name: &str) -> io::Result<PathBuf> {
        let folder = self.objects.join("pack");
        let place = |end: &str| folder.join(format!("pack-{name}.{end}"));
        for end in ["idx", "pack"] {
            let written = aside.join(format!("pack-{name}.{end}"));
            File::open(&written)?.sync_all()?;
            fs::rename(written, place(end))?;
        }
        File::open(&folder)?.sync_all()?;
        Ok(place("idx"))
    }
}

impl Pack {
    fn remove(&self) -> io::Result<()> {
        for end in ["pack", "rev", "idx"] {
            remove(&self.index.with_extension(end))?;
        }
        Ok(())
    }
}

/// Removes an index whose pack is gone, and no pack in any case: it may come just now.
fn remove_abandoned(index: &Path) -> io::Result<()> {
    let modified = index.metadata().and_then(|found| found.modified());
    let age = modified.ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
    if age < ABANDONED || index.with_extension("pack").symlink_metadata().is_ok() {
        return Ok(());
    }
    ["rev", "idx"].iter().try_for_each(|end| remove(&index.with_extension(end)))
}

/// What somebody else removed is gone as well.
fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if !is_absence(&error) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a pack with `ids` into the folder `aside`; its name, or nothing when that is cancelled.
fn write_pack(
    repo: &Repository,
    aside: &Path,
    ids: &BTreeSet<Oid>,
    is_cancelled: &impl Fn() -> bool,
) -> io::Result<Option<String>> {
    if ids.is_empty() {
        return Ok(None);
    }
    fs::create_dir_all(aside)?;
    let written = || -> Result<Option<String>, git2::Error> {
        let mut builder = repo.packbuilder()?;
        builder.set_threads(1);
        builder.set_progress_callback(|_, _, _| !is_cancelled())?;
        for id in ids {
            if is_cancelled() {
                return Ok(None);
            }
            builder.insert_object(*id, None)?;
        }
        builder.write(aside, 0o444)?;
        builder.name().map(|name| name.map(str::to_owned))
    };
    match written() {
        Err(_) if is_cancelled() => Ok(None),
        written => written.map_err(|error| io::Error::other(error.message().to_owned())),
    }
}

/// Small packs that nobody wants to be kept as they are, and indexes without their packs. None where
/// an index over several packs names them: whoever makes such an index tidies up, too.
fn packs(folder: &Path) -> io::Result<(Vec<Pack>, Vec<PathBuf>)> {
    let (mut packs, mut left_behind) = (Vec::new(), Vec::new());
    if folder.join("multi-pack-index").exists() {
        return Ok((packs, left_behind));
    }
    for entry in listed(folder)? {
        let index = entry?.path();
        let is_special = |end: &&str| index.with_extension(end).symlink_metadata().is_ok();
        let special = ["keep", "bitmap", "promisor", "mtimes"];
        if index.extension().is_none_or(|end| end != "idx") || special.iter().any(is_special) {
            continue;
        }
        match index.with_extension("pack").metadata() {
            Ok(pack) if pack.len() < LARGE_BYTES => packs.push(Pack { index, bytes: pack.len() }),
            Err(error) if is_absence(&error) => left_behind.push(index),
            Ok(_) | Err(_) => {}
        }
    }
    Ok((packs, left_behind))
}

fn listed(folder: &Path) -> io::Result<Vec<io::Result<fs::DirEntry>>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.collect()),
        Err(error) if is_absence(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Objects that have a file each.
fn loose(objects: &Path) -> io::Result<Vec<(Oid, PathBuf)>> {
    let mut found = Vec::new();
    for first in 0..=u8::MAX {
        let begin = format!("{first:02x}");
        for entry in listed(&objects.join(&begin))? {
            let entry = entry?;
            let rest = entry.file_name().into_string().unwrap_or_default();
            let id = (rest.len() == 38).then(|| Oid::from_str(&format!("{begin}{rest}")).ok());
            let is_small = entry.metadata().is_ok_and(|found| found.len() < LARGE_BYTES);
            found.extend(id.flatten().filter(|_| is_small).map(|id| (id, entry.path())));
        }
    }
    Ok(found)
}

/// The objects of a pack, by its index (version 2): eight bytes of header, for each first byte how
/// many ids come up to it, and then the ids.
fn ids_of(index: &Path) -> io::Result<BTreeSet<Oid>> {
    const IDS: usize = 8 + 256 * 4;
    let bytes = fs::read(index)?;
    let odd = || io::Error::other(format!("{} is not a usual index", index.display()));
    let is_usual = bytes.starts_with(b"\xfftOc\0\0\0\x02");
    let count = bytes.get(IDS - 4..IDS).filter(|_| is_usual).ok_or_else(odd)?;
    let count = u32::from_be_bytes(count.try_into().map_err(|_| odd())?);
    let count = usize::try_from(count).map_err(|_| odd())?;
    let ids = bytes.get(IDS..).and_then(|rest| rest.get(..count.checked_mul(20)?));
    let ids = ids.ok_or_else(odd)?.chunks_exact(20);
    ids.map(|id| Oid::from_bytes(id).map_err(|_| odd())).collect()
}
