//! One quick look at index and work tree, where both are of the usual kind. Whoever gets none takes
//! the long way, on which libgit2 looks at everything.

use std::{os::unix::ffi::OsStrExt, path::PathBuf};

use git2::{Index, IndexEntry, IndexTime, Oid, Repository};
use ripcord_core::{Failure, FailureKind};

use super::{
    attributes,
    compare::{self, Comparison},
    errors::OrFail,
    index_file::IndexFile,
    site::Site,
    survey::{self, Look, Survey},
    tracked::Tracked,
};

/// More paths than this are looked at faster by looking at everything.
const CLOSER_LOOKS: usize = 1_000;

/// What was seen.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) index: IndexFile,
    survey: Survey,
}

impl Sight {
    /// Looks; nothing when index, work tree or configuration are not of the usual kind, or cannot be
    /// read: the long way says why.
    pub(super) fn take(site: &Site, look: Look) -> Option<Self> {
        let index = IndexFile::read(&site.git_dir).ok().flatten()?;
        if is_unusual(&site.repository().ok()?) {
            return None;
        }
        let survey = survey::survey(&site.root, &index, &site.listings, look).ok().flatten()?;
        Some(Self { index, survey })
    }

    /// Tracked files in whose place a folder is.
    pub(super) fn replaced_by_folders(&self) -> &[PathBuf] {
        &self.survey.replaced
    }

    /// What libgit2 finds of the work tree against the index, which looks only where it may differ;
    /// nothing when that is in too many places.
    pub(super) fn compare(&self, site: &Site) -> Result<Option<Comparison>, Failure> {
        let Survey { suspects, replaced, strangers, .. } = &self.survey;
        let places: Vec<_> = suspects.iter().chain(replaced).chain(strangers).cloned().collect();
        if places.is_empty() {
            return Ok(Some(Comparison::default()));
        }
        if places.len() > CLOSER_LOOKS {
            return Ok(None);
        }
        let aside = site.repository()?;
        set_partial_index(&aside, &self.index, &places)?;
        compare::unstaged(&aside, &places).map(Some)
    }
}

/// Whether names that are not the same may mean the same file, or files look unlike their entries.
fn is_unusual(repo: &Repository) -> bool {
    let config = repo.config();
    let is = |name, wanted| config.as_ref().is_ok_and(|it| it.get_bool(name).ok() == Some(wanted));
    is("core.ignoreCase", true)
        || is("core.precomposeUnicode", true)
        || is("core.fileMode", false)
        || is("core.symlinks", false)
}

/// Gives the handle `aside` an index in memory with the files at `paths` only, and with those that
/// say how files are written. No stat data: whoever compares has to read them.
pub(super) fn set_partial_index(
    aside: &Repository,
    index: &IndexFile,
    paths: &[PathBuf],
) -> Result<(), Failure> {
    let what = || "make an index".to_owned();
    let mut partial = Index::new().or_fail(FailureKind::Internal, what)?;
    for path in paths.iter().chain(&index.ending_in(attributes::NAME)) {
        let path = path.as_os_str().as_bytes();
        if let Some(number) = index.find(path) {
            let entry = unread(path, index.content(number));
            partial.add(&entry).or_fail(FailureKind::Internal, what)?;
        }
    }
    aside.set_index(&mut partial).or_fail(FailureKind::Internal, what)
}

/// An entry without stat data, of that content and mode.
pub(super) fn unread(path: &[u8], (id, mode): (Oid, u32)) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.to_vec(),
    }
}
