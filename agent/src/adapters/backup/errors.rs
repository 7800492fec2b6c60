//! Turns what the system says into failures that name the thing and what to do about it.

use std::io;

use ripcord_core::{Failure, FailureKind};
use rustix::io::Errno;

/// What was being done when a call of the system failed.
pub(super) trait OrFail<T> {
    /// A failure "cannot `what`: …".
    fn or_fail(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> OrFail<T> for Result<T, E> {
    fn or_fail(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| {
            let error = error.into();
            failure(format!("cannot {}: {error}{}", what(), advice(&error)))
        })
    }
}

/// A failure of saving files, or of bringing them back.
pub(super) fn failure(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Backup, message)
}

fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => ": free some room on its disk",
        Some(Errno::ACCESS | Errno::PERM) => ": give the agent's user the right to do that",
        Some(Errno::ROFS) => ": make its file system writable",
        Some(Errno::MFILE) => ": raise the agent's limit of open files",
        _ => "",
    }
}
