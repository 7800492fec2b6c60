//! What the decisions ask the outside world to do. All of it is repeatable.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{CommitSha, DeploymentNumber, Timestamp},
    lifecycle::Placement,
};

/// A step that changes, or prepares to change, an environment. One at a time per environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// For which deployment.
    pub deployment: DeploymentNumber,
    /// The commit in question.
    pub sha: CommitSha,
    /// What to do.
    pub step: Step,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Fetch, check that the commit is reachable from the branch, pin it. Touches nothing.
    Prepare {
        /// What is live, to tell whether the commit is older.
        live: Option<Placement>,
    },
    /// Make the work tree that of the commit, and verify it.
    Reset,
    /// Restart the application, with its hooks.
    Restart,
    /// Probe until healthy, or until attempts are used up.
    Probe,
}

/// What a step found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepDone {
    /// The commit is here, reachable and pinned.
    Prepared {
        /// First line of the commit message.
        subject: String,
        /// Author of the commit.
        author: String,
        /// Whether the commit is a proper ancestor of the live one.
        older_than_live: bool,
        /// What the work tree's HEAD names, before anything is touched.
        head: Option<CommitSha>,
    },
    /// The work tree is that of the commit.
    Reset(TreeReport),
    /// The application was restarted.
    Restarted {
        /// What was restarted, and what the operator should know about it.
        detail: String,
    },
    /// The application is healthy.
    Healthy {
        /// HTTP status of the last answer, when there was an HTTP probe.
        status: Option<u16>,
        /// How many tries it took.
        attempts: u32,
    },
}

/// What a reset did to a work tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TreeReport {
    /// Tracked files that were written or deleted.
    pub changed: u64,
    /// Where local modifications of tracked files were saved.
    pub saved_to: Option<String>,
    /// Which tracked files had local modifications (the first ones).
    pub saved: Vec<String>,
    /// Untracked files that git does not ignore; they are kept.
    pub untracked: u64,
}

/// A deployment whose verdict is awaited. Any number at a time: watching touches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Which deployment.
    pub deployment: DeploymentNumber,
    /// The commit in question.
    pub sha: CommitSha,
    /// When watching began.
    pub since: Timestamp,
    /// How soon an answer is wanted.
    pub pace: Pace,
}

/// How soon a verdict is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Somebody waits for it.
    Prompt,
    /// The deployment has ended; a re-run may change the verdict.
    Late,
}
