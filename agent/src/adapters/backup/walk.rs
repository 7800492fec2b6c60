//! Walks through what is to be saved, by directory descriptors: whoever swaps a folder for a link
//! while we are in it leads us nowhere else.

use std::{
    ffi::{CStr, CString, OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::{Path, PathBuf},
};

use ripcord_core::Failure;
use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat},
    io::Errno,
};

use super::{
    errors::{OrFail, failure},
    manifest::{Entry, Kind, Name},
};

/// So often something may become something else between two looks at it.
const ATTEMPTS: u32 = 5;

/// What a file system says of a file, folder or link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) mtime: (i64, u32),
    /// Changes with every change, whatever people do to the time of the last modification.
    ctime: (i64, u64),
}

impl Meta {
    fn of(stat: &Stat) -> Self {
        Self {
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            mode: stat.st_mode & 0o7777,
            owner: (stat.st_uid, stat.st_gid),
            mtime: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or_default()),
            ctime: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    pub(super) fn of_file(file: &File) -> io::Result<Self> {
        Ok(Self::of(&fstat(file)?))
    }

    pub(super) fn entry(&self, path: &Path, is: Kind) -> Entry {
        let (path, (uid, gid)) = (Name(path.to_owned()), self.owner);
        Entry { path, mode: self.mode, uid, gid, mtime: self.mtime, is }
    }
}

/// Who looks at what the walk finds.
pub(super) trait Visit {
    fn folder(&mut self, path: &Path, meta: Meta) -> Result<(), Failure>;
    fn file(&mut self, path: &Path, file: File, meta: Meta) -> Result<(), Failure>;
    fn link(&mut self, path: &Path, target: &Path, meta: Meta) -> Result<(), Failure>;
    /// A pipe, a socket or a device.
    fn other(&mut self, path: &Path);
}

/// Shows `path`, and all that is in it, to `visit`; not what is called `except` directly in it.
/// Nothing when it is not there.
pub(super) fn walk(
    path: &Path,
    except: Option<&OsStr>,
    visit: &mut dyn Visit,
) -> Result<(), Failure> {
    let Some(parent) = open_parent(path)? else { return Ok(()) };
    let name = path.file_name().unwrap_or_default();
    look_at(parent.as_fd(), &c_name(name)?, path, except, visit)
}

/// The folder that holds `path`, where that is.
pub(super) fn open_parent(path: &Path) -> Result<Option<OwnedFd>, Failure> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    match openat(CWD, parent, flags, Mode::empty()) {
        Ok(folder) => Ok(Some(folder)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error).or_fail(|| format!("open {}", parent.display())),
    }
}

/// A folder, and no link to one.
pub(super) fn open_folder(within: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    openat(within, name, flags, Mode::empty())
}

fn open_file(within: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<File> {
    // Without `NONBLOCK` a pipe in its place would keep us forever.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(within, name, flags, Mode::empty()).map(File::from)
}

/// The names in a folder, in the order of their bytes.
pub(super) fn names(folder: BorrowedFd<'_>) -> rustix::io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if ![c".", c".."].contains(&entry.file_name()) {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort();
    Ok(names)
}

pub(super) fn c_name(name: &OsStr) -> Result<CString, Failure> {
    CString::new(name.as_bytes()).map_err(|_| failure(format!("{name:?} is not a name of a file")))
}

fn look_at(
    within: BorrowedFd<'_>,
    name: &CStr,
    path: &Path,
    except: Option<&OsStr>,
    visit: &mut dyn Visit,
) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS {
        let stat = match statat(within, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error).or_fail(|| format!("look at {}", path.display())),
        };
        let looked = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => opened(open_folder(within, name), path)?
                .map(|folder| look_into(&folder, path, except, visit)),
            FileType::RegularFile => opened(open_file(within, name), path)?
                .and_then(|file| look_at_file(file, path, visit)),
            FileType::Symlink => opened(readlinkat(within, name, Vec::new()), path)?
                .map(|target| visit.link(path, &target_of(target), Meta::of(&stat))),
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {
                visit.other(path);
                Some(Ok(()))
            }
        };
        if let Some(looked) = looked {
            return looked;
        }
    }
    Err(failure(format!("{} became something else each time it was looked at", path.display())))
}

/// What was opened; nothing when it is not any more what it was a moment ago.
fn opened<T>(opened: rustix::io::Result<T>, path: &Path) -> Result<Option<T>, Failure> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::INVAL | Errno::NXIO) => Ok(None),
        Err(error) => Err(error).or_fail(|| format!("read {}", path.display())),
    }
}

fn target_of(target: CString) -> PathBuf {
    OsString::from_vec(target.into_bytes()).into()
}

fn look_at_file(file: File, path: &Path, visit: &mut dyn Visit) -> Option<Result<(), Failure>> {
    let stat = match fstat(&file).or_fail(|| format!("look at {}", path.display())) {
        Ok(stat) => stat,
        Err(failure) => return Some(Err(failure)),
    };
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    is_file.then(|| visit.file(path, file, Meta::of(&stat)))
}

fn look_into(
    folder: &OwnedFd,
    path: &Path,
    except: Option<&OsStr>,
    visit: &mut dyn Visit,
) -> Result<(), Failure> {
    let what = || format!("read the folder {}", path.display());
    visit.folder(path, Meta::of(&fstat(folder).or_fail(what)?))?;
    for name in names(folder.as_fd()).or_fail(what)? {
        let os_name = OsStr::from_bytes(name.as_bytes());
        if except != Some(os_name) {
            look_at(folder.as_fd(), &name, &path.join(os_name), None, visit)?;
        }
    }
    Ok(())
}
