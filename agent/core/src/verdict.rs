//! What verification says of a commit.

use serde::{Deserialize, Serialize};

/// What a source of verdicts says of a commit now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Still running, or not looked at yet.
    #[default]
    Pending,
    /// Everything that is required succeeded.
    Success,
    /// Something that is required failed.
    Failure,
    /// Somebody, or a newer push, cancelled it.
    Cancelled,
    /// There is nothing to wait for.
    NoRun,
    /// The source cannot be asked: neither good nor bad.
    Unknown,
}

impl Verdict {
    /// The word that programs read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::NoRun => "no_run",
            Self::Unknown => "unknown",
        }
    }
}

/// A verdict with what people need to act on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerdictReport {
    /// The verdict.
    pub value: Verdict,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What failed, as `job › step`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<String>,
    /// Why the source cannot be asked, or what it lacks; for `unknown` and `no_run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl VerdictReport {
    /// A bare verdict.
    #[must_use]
    pub fn of(value: Verdict) -> Self {
        Self { value, ..Self::default() }
    }
}
