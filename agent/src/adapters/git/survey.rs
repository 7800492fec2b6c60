//! Walks through the work tree once, with as many threads as help, and answers where it may differ
//! from the index. Decides nothing: what is named here, libgit2 looks at more closely.
//!
//! Names come and go in a folder only with a new time of change of the folder: what was listed is
//! remembered, and so a second walk costs little more than one look at each tracked file.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, RawDir, fstat, openat, statat},
    io::Errno,
};

use super::{
    errors::path_of,
    index_file::IndexFile,
    listings::{Known, Listing, Listings, Stamp},
};

/// More than most machines have cores: what the kernel has not in memory, a thread waits for.
const MOST_THREADS: usize = 8;
/// Folders that a thread takes at once: many enough that taking costs nothing, few enough that all
/// threads end together.
const FOLDERS_AT_ONCE: usize = 32;
/// What one call to the kernel answers of a folder.
const LISTING_BYTES: usize = 32 * 1024;

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Only at the names in the folders: tells folders where files should be.
    Names,
    /// At each file's stat data as well.
    Files,
}

/// Where the work tree may differ from the index.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Tracked files that may have changed.
    pub(super) suspects: BTreeSet<PathBuf>,
    /// Tracked files in whose place a folder is.
    pub(super) replaced: Vec<PathBuf>,
    /// What stands in folders with tracked files, and is no such folder or file itself.
    pub(super) strangers: BTreeSet<PathBuf>,
    has_repository: bool,
}

impl Survey {
    fn with(mut self, mut other: Self) -> Self {
        self.suspects.append(&mut other.suspects);
        self.replaced.append(&mut other.replaced);
        self.strangers.append(&mut other.strangers);
        self.has_repository |= other.has_repository;
        self
    }
}

/// A folder with tracked files in it, or below.
#[derive(Debug, Default)]
struct Folder<'i> {
    path: &'i [u8],
    /// Numbers of the index entries, in the order of their names.
    files: Vec<usize>,
    /// Names, in order.
    folders: Vec<&'i [u8]>,
}

impl Folder<'_> {
    fn tracks(&self, index: &IndexFile, name: &[u8]) -> bool {
        let begin = inside(self.path);
        self.files.binary_search_by(|file| index.path(*file)[begin..].cmp(name)).is_ok()
    }

    /// The same for the same tracked names.
    fn fingerprint(&self, index: &IndexFile) -> u64 {
        let begin = inside(self.path);
        let mut hasher = DefaultHasher::new();
        for file in &self.files {
            index.path(*file)[begin..].hash(&mut hasher);
        }
        self.folders.hash(&mut hasher);
        hasher.finish()
    }
}

/// Looks at everything below `root`. Nothing when the work tree is of a kind that is not understood:
/// a repository lies within it.
pub(super) fn survey(
    root: &Path,
    index: &IndexFile,
    listings: &Listings,
    look: Look,
) -> io::Result<Option<Survey>> {
    let folders = folders(index);
    let root = File::open(root)?;
    let next = AtomicUsize::new(0);
    let known = listings.known();
    let walk = || {
        let mut walk = Walk::new(&root, index, &known, look);
        loop {
            let from = next.fetch_add(FOLDERS_AT_ONCE, Ordering::Relaxed);
            let Some(rest) = folders.get(from..) else { break };
            for folder in rest.iter().take(FOLDERS_AT_ONCE) {
                walk.folder(folder)?;
            }
        }
        Ok((walk.found, walk.listed))
    };
    let parts = thread::scope(|scope| {
        let threads: Vec<_> = (1..threads(folders.len())).map(|_| scope.spawn(walk)).collect();
        let broke_off = |_| Err(io::Error::other("a thread broke off"));
        let joined = threads.into_iter().map(|it| it.join().unwrap_or_else(broke_off));
        std::iter::once(walk()).chain(joined).collect::<io::Result<Vec<_>>>()
    })?;
    drop(known);
    let (found, listed): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    listings.learn(listed.into_iter().flatten().collect(), folders.len());
    let all = found.into_iter().reduce(Survey::with).unwrap_or_default();
    Ok((!all.has_repository).then_some(all))
}

fn threads(folders: usize) -> usize {
    MOST_THREADS.min(folders.div_ceil(FOLDERS_AT_ONCE)).max(1)
}

/// The folders of the index. Whatever is below a folder comes without a gap in the order of paths.
fn folders(index: &IndexFile) -> Vec<Folder<'_>> {
    let mut folders = vec![Folder::default()];
    let mut open = vec![0];
    for number in 0..index.len() {
        let path = index.path(number);
        while !is_below(path, folders[open[open.len() - 1]].path) {
            open.pop();
        }
        loop {
            let current = open[open.len() - 1];
            let begin = inside(folders[current].path);
            let Some(length) = path[begin..].iter().position(|byte| *byte == b'/') else { break };
            folders[current].folders.push(&path[begin..begin + length]);
            open.push(folders.len());
            folders.push(Folder { path: &path[..begin + length], ..Folder::default() });
        }
        folders[open[open.len() - 1]].files.push(number);
    }
    // `a.b` comes before `a/…`, but not before `a`.
    folders.iter_mut().for_each(|folder| folder.folders.sort_unstable());
    folders
}

fn is_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// Where names in the folder begin.
fn inside(folder: &[u8]) -> usize {
    if folder.is_empty() { 0 } else { folder.len() + 1 }
}

/// What one thread does.
struct Walk<'i> {
    root: &'i File,
    index: &'i IndexFile,
    known: &'i Known,
    look: Look,
    buffer: Vec<u8>,
    found: Survey,
    listed: Vec<(Box<[u8]>, Listing)>,
}

impl<'i> Walk<'i> {
    fn new(root: &'i File, index: &'i IndexFile, known: &'i Known, look: Look) -> Self {
        let (buffer, found) = (Vec::with_capacity(LISTING_BYTES), Survey::default());
        Self { root, index, known, look, buffer, found, listed: Vec::new() }
    }

    /// Looks at one folder, and not below.
    fn folder(&mut self, folder: &Folder<'i>) -> io::Result<()> {
        let path = if folder.path.is_empty() { &b"."[..] } else { folder.path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = match openat(self.root, path, flags, Mode::empty()) {
            Ok(place) => place,
            // Whoever looks at the folder above finds that it is not there.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let stamp = Stamp::of(&fstat(&place)?, folder.fingerprint(self.index));
        match self.known.get(folder.path) {
            Some(listing) if listing.stamp == stamp => {
                let strangers = listing.strangers.iter().map(|name| path_in(folder, name));
                self.found.strangers.extend(strangers);
            }
            Some(_) | None => self.names(folder, &place, stamp)?,
        }
        if self.look == Look::Files {
            self.files(folder, &place)?;
        }
        Ok(())
    }

    fn names(&mut self, folder: &Folder<'i>, place: impl AsFd, stamp: Stamp) -> io::Result<()> {
        let mut missing: BTreeSet<_> = folder.folders.iter().copied().collect();
        let (mut strangers, mut is_odd) = (Vec::new(), false);
        let mut entries = RawDir::new(place.as_fd(), self.buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if [&b"."[..], b".."].contains(&name) {
                continue;
            }
            let is_folder = is_folder(place.as_fd(), name, entry.file_type())?;
            if folder.tracks(self.index, name) {
                is_odd |= is_folder;
                self.found.replaced.extend(is_folder.then(|| path_in(folder, name)));
            } else if name == b".git" {
                is_odd |= !folder.path.is_empty();
                self.found.has_repository |= !folder.path.is_empty();
            } else if !(is_folder && missing.remove(name)) {
                self.found.strangers.insert(path_in(folder, name));
                strangers.push(name.into());
            }
        }
        if !is_odd && missing.is_empty() && stamp.is_settled() {
            self.listed.push((folder.path.into(), Listing { stamp, strangers }));
        }
        missing.into_iter().for_each(|name| self.lose(folder, name));
        Ok(())
    }

    /// No folder is there, and so none of its files is, whatever the file system answers: a link to
    /// another folder may stand there.
    fn lose(&mut self, folder: &Folder<'_>, name: &[u8]) {
        let path = path_in(folder, name);
        let below = self.index.below(path.as_os_str().as_bytes());
        let paths = below.map(|number| path_of(self.index.path(number)).to_owned());
        self.found.suspects.extend(paths);
    }

    fn files(&mut self, folder: &Folder<'_>, place: impl AsFd) -> io::Result<()> {
        let begin = inside(folder.path);
        for file in folder.files.iter().copied() {
            let path = self.index.path(file);
            let is_as_noted = match statat(&place, &path[begin..], AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => self.index.vouches_for(file, &found),
                Err(Errno::NOENT) => false,
                Err(error) => return Err(error.into()),
            };
            if !is_as_noted {
                self.found.suspects.insert(path_of(path).to_owned());
            }
        }
        Ok(())
    }
}

fn path_in(folder: &Folder<'_>, name: &[u8]) -> PathBuf {
    path_of(folder.path).join(OsStr::from_bytes(name))
}

/// Some file systems do not say it in a listing.
fn is_folder(place: impl AsFd, name: &[u8], listed: FileType) -> io::Result<bool> {
    if listed != FileType::Unknown {
        return Ok(listed.is_dir());
    }
    let found = statat(place, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(found.st_mode).is_dir())
}
