//! Reads git's index file as it lies on the disk, for the two questions that a deployment has: what
//! is tracked, and which files still have the stat data that git noted. libgit2 makes an object of
//! every entry, which takes longer than all the rest of a small change in a large tree.
//!
//! Only the usual kind of index is read: version 2 or 3, nothing unmerged, nothing hidden, no
//! submodules. For every other one the answer is "not that kind", and libgit2 does the work.

use std::{
    fs::File,
    io::{self, Read},
    ops::Range,
    path::Path,
};

use git2::{Oid, Tree};
use rustix::fs::{Stat, fstat, stat};

use super::cache_tree::CacheTree;

/// What git notes of a file: ctime and mtime in seconds and nanoseconds, device, inode, mode, owner,
/// group and size, each cut to 32 bits.
pub(super) type Noted = [u32; 10];

/// Seconds and nanoseconds.
const MODIFIED: Range<usize> = 2..4;
const DEVICE: usize = 4;
const MODE: usize = 6;

const HEADER: usize = 12;
/// Noted stat data, the id, and the flags.
const FIXED: usize = 62;
const ID: usize = 40;
const FLAGS: usize = 60;
const CHECKSUM: usize = 20;

/// Assume-unchanged, extended (skip-worktree, intent-to-add), and the stages of a merge.
const UNUSUAL: u16 = 0xf000;
/// Paths of this length and longer end at their zero byte.
const LONG_PATH: u16 = 0x0fff;

const FILE: u32 = 0o100_644;
const EXECUTABLE: u32 = 0o100_755;
const LINK: u32 = 0o120_000;

/// An index of the usual kind.
#[derive(Debug)]
pub(super) struct IndexFile {
    bytes: Vec<u8>,
    /// Where each entry and its path begin, in the order of the paths.
    entries: Vec<Entry>,
    /// The ids of the folders, if they are noted.
    folders: CacheTree,
    /// What was noted of the file itself.
    file: Noted,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: usize,
    path_bytes: usize,
}

impl Entry {
    /// One to eight zero bytes follow a path.
    fn end(self) -> usize {
        self.at + ((FIXED + self.path_bytes + 8) & !7)
    }
}

impl IndexFile {
    /// The index in `git_dir`; nothing when it is of another kind.
    pub(super) fn read(git_dir: &Path) -> io::Result<Option<Self>> {
        let mut file = File::open(git_dir.join("index"))?;
        let found = fstat(&file)?;
        let mut bytes = Vec::with_capacity(usize::try_from(found.st_size).unwrap_or(0) + 1);
        file.read_to_end(&mut bytes)?;
        Ok(Self::parse(bytes, noted(&found)))
    }

    /// Whether it is still the one in `git_dir`.
    pub(super) fn is_still_in(&self, git_dir: &Path) -> bool {
        stat(git_dir.join("index")).is_ok_and(|found| noted(&found) == self.file)
    }

    fn parse(bytes: Vec<u8>, file: Noted) -> Option<Self> {
        let count = match (bytes.get(..4)?, word(&bytes, 4)?) {
            (b"DIRC", 2 | 3) => word(&bytes, 8)?,
            _ => return None,
        };
        let mut entries = Vec::with_capacity(bytes.len() / (FIXED + 8));
        let mut at = HEADER;
        for _ in 0..count {
            let entry = entry(&bytes, at)?;
            at = entry.end();
            entries.push(entry);
        }
        let folders = extensions(bytes.get(at..bytes.len().checked_sub(CHECKSUM)?)?)?;
        Some(Self { bytes, entries, folders, file })
    }

    /// How many files are tracked.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The path of the entry with that number.
    pub(super) fn path(&self, number: usize) -> &[u8] {
        self.path_of(self.entries[number])
    }

    fn path_of(&self, entry: Entry) -> &[u8] {
        &self.bytes[entry.at + FIXED..][..entry.path_bytes]
    }

    /// The content of the entry with that number, and its mode.
    pub(super) fn content(&self, number: usize) -> (Oid, u32) {
        let at = self.entries[number].at;
        let id = Oid::from_bytes(&self.bytes[at + ID..at + FLAGS]).unwrap_or(Oid::ZERO_SHA1);
        (id, self.noted(number)[MODE])
    }

    /// The number of the entry with that path.
    pub(super) fn find(&self, path: &[u8]) -> Option<usize> {
        self.entries.binary_search_by(|entry| self.path_of(*entry).cmp(path)).ok()
    }

    /// The numbers of the entries below a folder.
    pub(super) fn below(&self, folder: &[u8]) -> Range<usize> {
        let mut begin = folder.to_vec();
        begin.push(b'/');
        let first = self.before(&begin);
        let below =
            self.entries[first..].iter().take_while(|it| self.path_of(**it).starts_with(&begin));
        first..first + below.count()
    }

    /// How many entries come before those with that path.
    pub(super) fn before(&self, path: &[u8]) -> usize {
        self.entries.partition_point(|entry| self.path_of(*entry) < path)
    }

    /// The bytes of all entries from one number up to another.
    pub(super) fn raw_between(&self, from: usize, to: usize) -> &[u8] {
        let begin = |number: usize| match self.entries.get(number) {
            Some(entry) => entry.at,
            None => self.entries.last().map_or(HEADER, |last| last.end()),
        };
        &self.bytes[begin(from)..begin(to)]
    }

    /// What is noted of the folders.
    pub(super) fn folders(&self) -> &CacheTree {
        &self.folders
    }

    /// Whether the index is known to have the files of `tree`, no more and no less.
    pub(super) fn is_of(&self, tree: &Tree<'_>) -> bool {
        self.folders.root() == Some(tree.id())
    }

    /// Whether a file with that stat data cannot have changed since its content was noted.
    pub(super) fn vouches_for(&self, number: usize, found: &Stat) -> bool {
        let (mut found, noted) = (noted(found), self.noted(number));
        found[DEVICE] = noted[DEVICE]; // Not the same after each boot; git does not look at it.
        // What changed when the index was written, or later, is not to be believed.
        found == noted && noted[MODIFIED] < self.file[MODIFIED]
    }

    fn noted(&self, number: usize) -> Noted {
        let at = self.entries[number].at;
        std::array::from_fn(|field| word(&self.bytes, at + 4 * field).unwrap_or(0))
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn entry(bytes: &[u8], at: usize) -> Option<Entry> {
    let flags = bytes.get(at + FLAGS..at + FIXED)?;
    let flags = u16::from_be_bytes([flags[0], flags[1]]);
    let mode = word(bytes, at + 4 * MODE)?;
    if flags & UNUSUAL != 0 || ![FILE, EXECUTABLE, LINK].contains(&mode) {
        return None;
    }
    let rest = bytes.get(at + FIXED..)?;
    let path_bytes = match flags & LONG_PATH {
        LONG_PATH => rest.iter().position(|byte| *byte == 0)?,
        length => usize::from(length),
    };
    let entry = Entry { at, path_bytes };
    (entry.end() <= bytes.len() && rest.get(path_bytes) == Some(&0)).then_some(entry)
}

/// Of what follows the entries only the folders' ids are of use. What begins with a capital may be
/// ignored by whoever does not know it; anything else changes what the entries mean.
fn extensions(mut rest: &[u8]) -> Option<CacheTree> {
    let mut folders = CacheTree::default();
    while !rest.is_empty() {
        let size = usize::try_from(word(rest, 4)?).ok()?;
        let content = rest.get(8..8 + size)?;
        if !rest[0].is_ascii_uppercase() {
            return None;
        }
        if rest.starts_with(b"TREE") {
            folders = CacheTree::parse(content)?;
        }
        rest = &rest[8 + size..];
    }
    Some(folders)
}

/// What git would note of a file that is found so.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "git cuts them, too")]
pub(super) fn noted(found: &Stat) -> Noted {
    [
        found.st_ctime as u32,
        found.st_ctime_nsec as u32,
        found.st_mtime as u32,
        found.st_mtime_nsec as u32,
        found.st_dev as u32,
        found.st_ino as u32,
        mode(found.st_mode),
        found.st_uid,
        found.st_gid,
        found.st_size as u32,
    ]
}

/// The mode that git gives a file; that of anything else is none of an entry.
fn mode(found: u32) -> u32 {
    match rustix::fs::FileType::from_raw_mode(found) {
        rustix::fs::FileType::RegularFile if found & 0o100 != 0 => EXECUTABLE,
        rustix::fs::FileType::RegularFile => FILE,
        rustix::fs::FileType::Symlink => LINK,
        _ => found,
    }
}

/// The mode of what git would note so.
pub(super) fn mode_of(noted: &Noted) -> u32 {
    noted[MODE]
}

/// The beginning of an index with so many entries.
pub(super) fn header(entries: usize) -> Vec<u8> {
    let count = u32::try_from(entries).unwrap_or(u32::MAX);
    [&b"DIRC"[..], &2_u32.to_be_bytes(), &count.to_be_bytes()].concat()
}

/// The beginning of an extension of so many bytes.
pub(super) fn extension_header(name: [u8; 4], bytes: usize) -> Vec<u8> {
    let size = u32::try_from(bytes).unwrap_or(u32::MAX);
    [name, size.to_be_bytes()].concat()
}

/// The bytes of an entry.
pub(super) fn entry_bytes(noted: &Noted, mode: u32, id: Oid, path: &[u8]) -> Vec<u8> {
    let mut noted = *noted;
    noted[MODE] = mode;
    let mut bytes: Vec<u8> = noted.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend_from_slice(id.as_bytes());
    let length = u16::try_from(path.len()).unwrap_or(LONG_PATH).min(LONG_PATH);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(path);
    bytes.resize((FIXED + path.len() + 8) & !7, 0);
    bytes
}
