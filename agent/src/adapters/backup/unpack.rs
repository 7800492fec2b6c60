//! Writes what comes out of an archive into fresh folders of ours, by directory descriptors. A name
//! that is there already is an error, and no link is ever followed.

use std::{
    ffi::CString,
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use ripcord_core::Failure;
use rustix::{
    fs::{
        AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, chownat, fchmod, fchown,
        futimens, mkdirat, openat, symlinkat, utimensat,
    },
    io::Errno,
};

use super::{
    errors::{OrFail, failure},
    manifest::{Entry, Kind},
    verify::Receive,
    walk::{c_name, open_folder},
};

/// Stretches of zeros become holes, as they may have been before.
const HOLE_BYTES: usize = 4096;

/// Receives the files of some paths.
pub(super) struct Unpack<'a> {
    /// Where each path goes, under its own last name.
    into: Vec<(&'a Path, BorrowedFd<'a>)>,
    /// The folders that are being filled, each in the one before.
    open: Vec<(PathBuf, OwnedFd, Entry)>,
    file: Option<File>,
}

impl<'a> Unpack<'a> {
    pub(super) fn new(into: Vec<(&'a Path, BorrowedFd<'a>)>) -> Self {
        Self { into, open: Vec::new(), file: None }
    }

    /// All came: gives the last folders their modes and times.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.close_until(None)
    }

    /// Closes what is not `parent`. Its time is set now that nothing changes in it any more.
    fn close_until(&mut self, parent: Option<&Path>) -> Result<(), Failure> {
        while self.open.last().is_some_and(|(path, ..)| Some(path.as_path()) != parent) {
            if let Some((path, folder, entry)) = self.open.pop() {
                dress(folder.as_fd(), &entry).or_fail(|| writing(&path))?;
            }
        }
        Ok(())
    }

    fn place(&self, path: &Path) -> Result<BorrowedFd<'_>, Failure> {
        if let Some((_, folder, _)) = self.open.last() {
            return Ok(folder.as_fd());
        }
        let place = self.into.iter().find(|(root, _)| *root == path).map(|(_, folder)| *folder);
        place.ok_or_else(|| failure(format!("{} belongs nowhere", path.display())))
    }
}

impl Receive for Unpack<'_> {
    fn begin(&mut self, entry: &Entry) -> Result<(), Failure> {
        let path = entry.path.0.as_path();
        self.close_until(path.parent())?;
        let (within, what) = (self.place(path)?, || writing(path));
        let name = c_name(path.file_name().unwrap_or_default())?;
        match &entry.is {
            Kind::Folder => {
                mkdirat(within, &name, Mode::RWXU).or_fail(what)?;
                let folder = open_folder(within, &name).or_fail(what)?;
                self.open.push((path.to_owned(), folder, entry.clone()));
            }
            Kind::Link { target } => make_link(within, &name, &target.0, entry).or_fail(what)?,
            Kind::File { .. } => {
                let flags = OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::WRONLY
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let file = openat(within, &name, flags, Mode::RUSR | Mode::WUSR).or_fail(what)?;
                self.file = Some(file.into());
            }
        }
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Ok(()) };
        write_with_holes(file, bytes).or_fail(|| "write a restored file".to_owned())
    }

    fn end(&mut self, entry: &Entry) -> Result<(), Failure> {
        let (Some(file), Kind::File { size, .. }) = (self.file.take(), &entry.is) else {
            return Ok(());
        };
        let what = || writing(&entry.path.0);
        file.set_len(*size).or_fail(what)?;
        dress(file.as_fd(), entry).or_fail(what)
    }
}

fn writing(path: &Path) -> String {
    format!("write {} anew, beside what is there", path.display())
}

fn write_with_holes(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    for chunk in bytes.chunks(HOLE_BYTES) {
        if chunk.len() == HOLE_BYTES && chunk.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(HOLE_BYTES as i64))?;
        } else {
            file.write_all(chunk)?;
        }
    }
    Ok(())
}

fn make_link(
    within: BorrowedFd<'_>,
    name: &CString,
    target: &Path,
    entry: &Entry,
) -> rustix::io::Result<()> {
    symlinkat(target, within, name)?;
    let (user, group) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
    allowed(chownat(within, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW))?;
    utimensat(within, name, &times(entry), AtFlags::SYMLINK_NOFOLLOW)
}

/// Gives a file or folder its owner, mode and time. Whose owner we may not set, that does not get
/// rights in somebody else's name either.
pub(super) fn dress(file: BorrowedFd<'_>, entry: &Entry) -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
    let is_owned = allowed(fchown(file, Some(user), Some(group)))?;
    let mode = Mode::from_raw_mode(entry.mode);
    fchmod(file, if is_owned { mode } else { mode - Mode::SUID - Mode::SGID })?;
    futimens(file, &times(entry))
}

/// Whether it was allowed.
fn allowed(done: rustix::io::Result<()>) -> rustix::io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::INVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

fn times(entry: &Entry) -> Timestamps {
    let (seconds, nanos) = entry.mtime;
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: nanos.into() },
    }
}
