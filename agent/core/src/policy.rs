//! What an environment's configuration asks of the decisions.

use serde::{Deserialize, Serialize};

/// When a commit is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyWhen {
    /// Deploy, then watch: *deploy first, test in parallel*.
    After,
    /// Wait for success, then deploy: the classic gate.
    Before,
    /// The probe is the verdict.
    None,
}

/// What happens to a live deployment whose verdict did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDeadline {
    /// Roll back.
    Rollback,
    /// Keep it live, unvalidated.
    Keep,
}

/// The rules of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// When a commit is verified.
    pub when: VerifyWhen,
    /// Milliseconds of watching after which people are told that it takes long.
    pub notice_after_ms: u64,
    /// Milliseconds of watching after which `on_deadline` happens.
    pub deadline_ms: u64,
    /// What happens then.
    pub on_deadline: OnDeadline,
    /// Milliseconds that a cancelled verdict waits for a newer deployment.
    pub cancelled_grace_ms: u64,
    /// Whether the source of verdicts may change its mind after a deployment has ended: people run
    /// a failed CI job again, commands run once.
    pub late_verdicts: bool,
    /// Whether a rollback by a person holds the environment afterwards.
    pub hold_after_manual_rollback: bool,
    /// Whether somebody looks at it although nothing happens.
    pub monitored: bool,
    /// Whether the files are saved before a deployment touches them.
    pub backs_up: bool,
    /// Milliseconds after going live in which failing health undoes a deployment; 0: none.
    pub bake_ms: u64,
}

impl Default for Policy {
    /// The mission's numbers: notice at 5 minutes, deadline at 60, a minute for a newer deployment.
    fn default() -> Self {
        Self {
            when: VerifyWhen::After,
            notice_after_ms: 5 * 60 * 1000,
            deadline_ms: 60 * 60 * 1000,
            on_deadline: OnDeadline::Rollback,
            cancelled_grace_ms: 60 * 1000,
            late_verdicts: false,
            hold_after_manual_rollback: false,
            monitored: false,
            backs_up: false,
            bake_ms: 0,
        }
    }
}
