//! The state folder: made when it is missing, and owned by one agent at a time.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It cannot be made or written.
    #[error("the state folder {folder} cannot be used: make it writable for the agent's user")]
    Unusable {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another agent uses it.
    #[error("another agent uses the state folder {0}: two agents would undo each other's work")]
    Taken(PathBuf),
}

/// Held while the agent runs; the kernel lets go of it when the process ends, however it ends.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(folder: &Path) -> Result<Self, StateDirError> {
        let unusable = |source| StateDirError::Unusable { folder: folder.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let file = File::create(folder.join("agent.lock")).map_err(unusable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StateDirError::Taken(folder.to_owned())),
            Err(error) => Err(unusable(error.into())),
        }
    }
}
