//! When a commit counts as validated, and where the verdict comes from.

use std::{collections::BTreeMap, time::Duration};

use ripcord_core::{OnDeadline, VerifyWhen};

use super::value::Argv;

/// `[environments.NAME.verify]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyConfig {
    /// When a commit is verified.
    pub when: VerifyWhen,
    /// Where the verdict comes from; [`VerdictSource::Probe`] exactly when `when` is none.
    pub source: VerdictSource,
    /// After this long people are told that it takes long.
    pub notice_after: Duration,
    /// After this long `on_deadline` happens.
    pub deadline: Duration,
    /// What happens then.
    pub on_deadline: OnDeadline,
}

/// Where a verdict comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerdictSource {
    /// The probe is the verdict.
    Probe,
    /// Commands in a separate check-out.
    Command(CommandSource),
    /// Workflow runs on GitHub.
    Github(GithubSource),
}

/// `source = "command"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSource {
    /// The commands, in order; never empty.
    pub run: Vec<Argv>,
    /// How long all of them together may take.
    pub timeout: Duration,
    /// What is added to their environment.
    pub env: BTreeMap<String, String>,
}

/// `source = "github"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubSource {
    /// The workflow files that have to succeed; never empty.
    pub workflows: Vec<String>,
    /// The event that starts them.
    pub event: String,
    /// How long until the first look.
    pub start_delay: Duration,
    /// How long between two looks.
    pub poll: Duration,
}
