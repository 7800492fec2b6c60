//! Turns what libgit2 and the system say into failures that name the thing and the action.

use std::{
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use git2::{DiffDelta, Oid};
use ripcord_core::{CommitSha, Failure, FailureKind};

/// What was being done when a foreign call failed.
pub(super) trait OrFail<T> {
    /// A failure "cannot `what`: …" of this kind.
    fn or_fail(self, kind: FailureKind, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> OrFail<T> for Result<T, git2::Error> {
    fn or_fail(self, kind: FailureKind, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(kind, format!("cannot {}: {}", what(), error.message())))
    }
}

impl<T> OrFail<T> for io::Result<T> {
    fn or_fail(self, kind: FailureKind, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(kind, format!("cannot {}: {error}", what())))
    }
}

/// A failure of the repository as it is.
pub(super) fn repository(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Repository, message)
}

/// A failure of the remote.
pub(super) fn remote(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Remote, message)
}

/// The id as libgit2 has it.
pub(super) fn oid(sha: CommitSha) -> Result<Oid, Failure> {
    Oid::from_bytes(sha.as_bytes()).or_fail(FailureKind::Internal, || format!("use {sha} as an id"))
}

/// The id as the core has it.
pub(super) fn sha(oid: Oid) -> Result<CommitSha, Failure> {
    let bytes = <[u8; 20]>::try_from(oid.as_bytes());
    let bytes = bytes.map_err(|_| repository(format!("{oid} is not a SHA-1 id")))?;
    Ok(CommitSha::from_bytes(bytes))
}

/// A path inside the repository, as git stores it.
pub(super) fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// The path that a delta speaks of.
pub(super) fn delta_path(delta: &DiffDelta<'_>) -> PathBuf {
    let bytes = delta.new_file().path_bytes().or_else(|| delta.old_file().path_bytes());
    path_of(bytes.unwrap_or_default()).to_owned()
}

/// `paths`, for a list of paths to restrict libgit2 to; nothing for all.
///
/// It takes what they have in common for a pattern, and would drop the backslashes of a single
/// path. So the list gets one more, which shares no beginning with any file that somebody has.
pub(super) fn exactly(paths: &[PathBuf]) -> impl Iterator<Item = &Path> {
    let unlike_others = (!paths.is_empty()).then(|| Path::new("\u{1}"));
    paths.iter().map(PathBuf::as_path).chain(unlike_others)
}
