//! Why a step failed, in the words that an operator acts on.

use serde::{Deserialize, Serialize};

/// What kind of thing went wrong; the text says what, on what, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The commit is not reachable from the environment's branch: a refusal, not a fault.
    UnknownCommit,
    /// The git remote did not answer, or refused us.
    Remote,
    /// The repository cannot be used as it is: missing, locked, or of a kind that is not served.
    Repository,
    /// The commit is not what the environment's source has validated: a refusal, not a fault.
    NotValidated,
    /// Saving the files failed, or bringing them back did, half-way.
    Backup,
    /// Files cannot be brought back, and none was touched.
    Unrestorable,
    /// The command that brings the files failed.
    Promotion,
    /// Writing the work tree failed.
    Tree,
    /// The runtime (Docker, compose program, process) is missing or failed.
    Runtime,
    /// A hook failed.
    Hook,
    /// The application did not become healthy.
    Unhealthy,
    /// A step did not end in its time.
    Timeout,
    /// The agent's own fault.
    Internal,
}

impl FailureKind {
    /// Whether the request itself was not allowed, as opposed to something having failed.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::UnknownCommit | Self::NotValidated)
    }
}

/// A failed step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of thing went wrong.
    pub kind: FailureKind,
    /// What failed, on what, and what to do next: one or two sentences in lower case.
    pub message: String,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
