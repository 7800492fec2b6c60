//! How fresh files take the place of those that are there: entry by entry, each in one step of the
//! file system, and what was there is kept.

use std::{
    ffi::{CString, OsStr},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
};

use rustix::{
    fs::{AtFlags, Mode, RenameFlags, mkdirat, renameat_with, statat},
    io::Errno,
};

use super::walk::open_folder;

/// One step. Each may be done again, whatever the one before came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Move {
    /// The fresh entry takes its place; what was there is where the fresh one was.
    Bring(CString),
    /// What was there goes from the fresh entry's folder to where it is kept.
    KeepReplaced(CString),
    /// What the backup has not goes to where it is kept.
    KeepExtra(CString),
}

/// The steps that make the entries of a folder those of a fresh one.
pub(super) fn plan(fresh: &[CString], live: &[CString]) -> Vec<Move> {
    let bring = fresh.iter().flat_map(|name| {
        let replaces = live.contains(name).then(|| Move::KeepReplaced(name.clone()));
        [Move::Bring(name.clone())].into_iter().chain(replaces)
    });
    let extra = live.iter().filter(|name| !fresh.contains(name)).cloned().map(Move::KeepExtra);
    bring.chain(extra).collect()
}

/// The folders between which entries move. All are on one file system.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) fresh: OwnedFd,
    pub(super) live: OwnedFd,
    pub(super) kept: Kept,
}

impl Folders {
    pub(super) fn carry_out(&self, step: &Move) -> rustix::io::Result<()> {
        match step {
            Move::Bring(name) => bring(self.fresh.as_fd(), self.live.as_fd(), name),
            Move::KeepReplaced(name) => self.kept.keep(self.fresh.as_fd(), name),
            Move::KeepExtra(name) => self.kept.keep(self.live.as_fd(), name),
        }
    }
}

/// The application may make and delete entries meanwhile: whichever it is, there is no instant
/// without one.
fn bring(fresh: BorrowedFd<'_>, live: BorrowedFd<'_>, name: &CString) -> rustix::io::Result<()> {
    match renameat_with(fresh, name, live, name, RenameFlags::EXCHANGE) {
        Err(Errno::NOENT) => renameat_with(fresh, name, live, name, RenameFlags::NOREPLACE),
        done => done,
    }
}

/// Where what was there is kept: `.<name>.replaced-<deployment>` beside the path; an entry that is
/// kept there already, by a restore that was cut short, stays, and the next one goes to `….2`.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) parent: OwnedFd,
    pub(super) folder: CString,
}

impl Kept {
    pub(super) fn keep(&self, from: BorrowedFd<'_>, name: &CString) -> rustix::io::Result<()> {
        for count in 1_u32.. {
            let folder = self.folder(count)?;
            match renameat_with(from, name, folder, name, RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => {}
                // Nothing is there any more: somebody else took it away.
                Err(Errno::NOENT) => return Ok(()),
                done => return done,
            }
        }
        Err(Errno::EXIST)
    }

    fn folder(&self, count: u32) -> rustix::io::Result<OwnedFd> {
        let mut name = self.folder.as_bytes().to_vec();
        if count > 1 {
            name.extend_from_slice(format!(".{count}").as_bytes());
        }
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        match mkdirat(&self.parent, &name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => open_folder(self.parent.as_fd(), &name),
            Err(error) => Err(error),
        }
    }

    pub(super) fn is_there(&self) -> bool {
        statat(&self.parent, &self.folder, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    pub(super) fn name(&self) -> &OsStr {
        OsStr::from_bytes(self.folder.as_bytes())
    }
}
