//! What the decisions ask the outside world to do. All of it is repeatable.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{BackupId, CommitSha, DeploymentNumber, Timestamp},
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Fetch, check that the commit is reachable from the branch, pin it. Touches nothing.
    Prepare {
        /// What is live, to tell whether the commit is older.
        live: Option<Placement>,
    },
    /// Save the files, so that they can be brought back. Touches nothing.
    BackUp {
        /// What they are; `None` when nobody knows, as after a rollback that failed.
        of: Option<Placement>,
    },
    /// Make the files those of the commit, and verify them.
    Reset {
        /// Where they come from.
        files: Files,
    },
    /// Restart the application, with its hooks.
    Restart,
    /// Probe until healthy, or until attempts are used up.
    Probe,
}

/// Where the files of a commit are to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// From the commit, as a deployment brings them.
    Commit,
    /// As they were when the commit was live here.
    AsTheyWere,
    /// From this backup.
    Backup(BackupId),
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
    /// The files are saved, and what was saved is verified.
    BackedUp(BackupReport),
    /// The files are those of the commit.
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

/// What was saved before anything is touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// Its name.
    pub id: BackupId,
    /// The folder that holds it.
    pub path: String,
    /// So many files.
    pub files: u64,
    /// So many bytes of them.
    pub bytes: u64,
}

/// What a reset did to the files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TreeReport {
    /// How they came.
    #[serde(default)]
    pub brought: Brought,
    /// Files that were written or deleted; those that git tracks, where git brought them, and 0
    /// where a command did.
    pub changed: u64,
    /// Where local modifications of tracked files were saved.
    pub saved_to: Option<String>,
    /// Which tracked files had local modifications (the first ones).
    pub saved: Vec<String>,
    /// Untracked files that git does not ignore; they are kept.
    pub untracked: u64,
}

/// How the files of a commit came.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Brought {
    /// By git, into the environment's own work tree.
    #[default]
    Reset,
    /// By the promote command.
    Promoted {
        /// The folder that it took them from.
        from: String,
    },
    /// From a backup.
    Restored {
        /// Which one.
        backup: BackupId,
    },
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
