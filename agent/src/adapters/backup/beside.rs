//! The hidden folders of a restore beside a path: what they are called, and what becomes of those that
//! a restore left which was cut short.
//!
//! `.<name>.unpacking-<n>` is being filled: nothing in it matters. `.<name>.restoring-<n>` was whole,
//! and entries moved in and out of it: `fresh.json` says which of them are ours, so that what is
//! somebody's is kept, in `.<name>.replaced-<n>`.

use std::{
    ffi::{CString, OsStr, OsString},
    fs::{self, File},
    io::{self, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::{Path, PathBuf},
};

use ripcord_core::{DeploymentNumber, Failure};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, mkdirat, renameat_with, statat};
use serde::{Deserialize, Serialize};

use super::{
    errors::OrFail,
    manifest::Name,
    moves::Kept,
    walk::{c_name, names, open_folder},
};

const UNPACKING: &str = "unpacking";
const RESTORING: &str = "restoring";
const REPLACED: &str = "replaced";
/// Inside: the files, and what is said of them.
const FILES: &std::ffi::CStr = c"files";
const FRESH: &str = "fresh.json";

/// The folder around a path.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) path: PathBuf,
    pub(super) parent: OwnedFd,
    deployment: DeploymentNumber,
}

/// What a restore brings: entries of a folder under `files`, with the number of each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fresh {
    /// Where in `files` they are: directly, or in the folder that is called like the path.
    in_own_folder: bool,
    entries: Vec<(Name, u64)>,
}

impl Beside {
    pub(super) fn new(path: &Path, parent: OwnedFd, deployment: DeploymentNumber) -> Self {
        Self { path: path.to_owned(), parent, deployment }
    }

    pub(super) fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    fn hidden(&self, what: &str, deployment: DeploymentNumber) -> OsString {
        let mut name = OsString::from(".");
        name.push(self.name());
        name.push(format!(".{what}-{}", deployment.0));
        name
    }

    fn place(&self, name: &OsStr) -> PathBuf {
        self.path.with_file_name(name)
    }

    /// Where what was there is kept.
    pub(super) fn kept(&self) -> Result<Kept, Failure> {
        self.kept_of(self.deployment)
    }

    fn kept_of(&self, deployment: DeploymentNumber) -> Result<Kept, Failure> {
        let what = || format!("open the folder around {}", self.path.display());
        let parent = self.parent.try_clone().or_fail(what)?;
        Ok(Kept { parent, folder: c_name(&self.hidden(REPLACED, deployment))? })
    }

    pub(super) fn kept_path(&self, kept: &Kept) -> PathBuf {
        self.place(kept.name())
    }

    /// An empty folder to unpack into, for nobody else's eyes.
    pub(super) fn make_room(&self) -> Result<OwnedFd, Failure> {
        self.sweep_unpacked()?;
        let name = self.hidden(UNPACKING, self.deployment);
        let what = || format!("make {}", self.place(&name).display());
        mkdirat(&self.parent, &name, Mode::RWXU).or_fail(what)?;
        let room = open_folder(self.parent.as_fd(), &c_name(&name)?).or_fail(what)?;
        mkdirat(&room, FILES, Mode::RWXU).or_fail(what)?;
        open_folder(room.as_fd(), FILES).or_fail(what)
    }

    /// Removes what was never whole.
    pub(super) fn sweep_unpacked(&self) -> Result<(), Failure> {
        self.numbered(UNPACKING)?.iter().try_for_each(|(name, _)| self.remove(name))
    }

    /// The moves begin: from now on what lies here may be somebody's. `fresh` is the folder that
    /// they take from.
    pub(super) fn seal(
        &self,
        fresh: BorrowedFd<'_>,
        in_own_folder: bool,
        entries: &[CString],
    ) -> Result<(), Failure> {
        let unpacked = self.hidden(UNPACKING, self.deployment);
        let what = || format!("write {}", self.place(&unpacked).join(FRESH).display());
        let entries: rustix::io::Result<Vec<_>> = entries
            .iter()
            .map(|name| {
                let stat = statat(fresh, name, AtFlags::SYMLINK_NOFOLLOW)?;
                Ok((Name(OsStr::from_bytes(name.as_bytes()).into()), stat.st_ino))
            })
            .collect();
        let said = Fresh { in_own_folder, entries: entries.or_fail(what)? };
        let text = serde_json::to_vec(&said).map_err(io::Error::other).or_fail(what)?;
        let mut file = File::create_new(self.place(&unpacked).join(FRESH)).or_fail(what)?;
        file.write_all(&text).and_then(|()| file.sync_all()).or_fail(what)?;
        let sealed = self.hidden(RESTORING, self.deployment);
        let flags = RenameFlags::NOREPLACE;
        renameat_with(&self.parent, &unpacked, &self.parent, &sealed, flags).or_fail(what)?;
        self.sync()
    }

    pub(super) fn sync(&self) -> Result<(), Failure> {
        let what = || format!("write the folder around {} to the disk", self.path.display());
        rustix::fs::fsync(&self.parent).or_fail(what)
    }

    /// Ends restores that were cut short: what they moved out of the way is kept, the rest goes.
    pub(super) fn settle(&self) -> Result<(), Failure> {
        for (name, deployment) in self.numbered(RESTORING)? {
            self.rescue(&name, deployment)?;
            self.remove(&name)?;
        }
        Ok(())
    }

    fn rescue(&self, sealed: &OsStr, deployment: DeploymentNumber) -> Result<(), Failure> {
        let place = self.place(sealed);
        let what = || {
            format!("keep what an earlier restore left in {} (or move it away)", place.display())
        };
        let said = fs::read(place.join(FRESH)).or_fail(what)?;
        let said: Fresh = serde_json::from_slice(&said).map_err(io::Error::other).or_fail(what)?;
        let folder = open_folder(self.parent.as_fd(), &c_name(sealed)?).or_fail(what)?;
        let mut folder = open_folder(folder.as_fd(), FILES).or_fail(what)?;
        if said.in_own_folder {
            folder = open_folder(folder.as_fd(), &c_name(self.name())?).or_fail(what)?;
        }
        let kept = self.kept_of(deployment)?;
        for (name, number) in said.entries {
            let name = c_name(name.0.as_os_str())?;
            let there = statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW);
            if there.is_ok_and(|there| there.st_ino != number) {
                kept.keep(folder.as_fd(), &name).or_fail(what)?;
            }
        }
        Ok(())
    }

    /// All moves are done: the folder that they took from holds nothing any more, and what earlier
    /// restores kept goes.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        self.settle()?;
        let others = self.numbered(REPLACED)?;
        let others = others.iter().filter(|(_, deployment)| *deployment != self.deployment);
        others.map(|(name, _)| name).try_for_each(|name| self.remove(name))?;
        self.sync()
    }

    fn remove(&self, name: &OsStr) -> Result<(), Failure> {
        let place = self.place(name);
        fs::remove_dir_all(&place).or_fail(|| format!("remove {}", place.display()))
    }

    /// Our folders of that kind, with the deployment of each.
    fn numbered(&self, what: &str) -> Result<Vec<(OsString, DeploymentNumber)>, Failure> {
        let mut beginning = OsString::from(".");
        beginning.push(self.name());
        beginning.push(format!(".{what}-"));
        let names = names(self.parent.as_fd());
        let names = names.or_fail(|| format!("read the folder around {}", self.path.display()))?;
        let of = |name: &CString| {
            let rest = name.as_bytes().strip_prefix(beginning.as_bytes())?;
            let number = rest.split(|byte| *byte == b'.').next()?;
            let number = std::str::from_utf8(number).ok()?.parse().ok()?;
            Some((OsString::from_vec(name.as_bytes().to_vec()), DeploymentNumber(number)))
        };
        Ok(names.iter().filter_map(of).collect())
    }
}

/// Whether two entries of the folder around `path` can change places: what a restore lives on.
pub(super) fn try_exchange(path: &Path) -> Result<(), Failure> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".exchange");
    let folder = path.with_file_name(name);
    let what = || {
        let parent = path.parent().unwrap_or(path).display();
        format!("try in {parent} whether two entries can change places, as a restore needs it")
    };
    if folder.symlink_metadata().is_ok() {
        fs::remove_dir_all(&folder).or_fail(what)?;
    }
    fs::create_dir(&folder).or_fail(what)?;
    let tried = exchange_in(&folder);
    fs::remove_dir_all(&folder).or_fail(what)?;
    tried.or_fail(what)
}

fn exchange_in(folder: &Path) -> io::Result<()> {
    let folder = rustix::fs::openat(CWD, folder, OFlags::DIRECTORY, Mode::empty())?;
    for name in ["a", "b"] {
        mkdirat(&folder, name, Mode::RWXU)?;
    }
    Ok(renameat_with(&folder, "a", &folder, "b", RenameFlags::EXCHANGE)?)
}
