//! What may be asked of an environment, and what may happen to it.

use crate::{
    effect::StepDone,
    expiry::Ends,
    failure::Failure,
    ids::{BackupId, CommitSha, DeploymentNumber, Identity, RequestId, Timestamp},
    lifecycle::{Placement, PlannedOn},
    monitor::Looked,
    verdict::VerdictReport,
};

/// Somebody asks for a commit to go live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployRequest {
    /// The commit.
    pub sha: CommitSha,
    /// Who asks.
    pub by: Identity,
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// The caller's name for this request.
    pub request_id: Option<RequestId>,
    /// Deploy again although the commit is live.
    pub redeploy: bool,
    /// Allow an ancestor of the live commit.
    pub allow_older: bool,
    /// Allow a quarantined commit; asks for a reason.
    pub override_quarantine: bool,
    /// What the plan was made on that somebody agreed to.
    pub planned_on: Option<PlannedOn>,
}

/// Somebody asks to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackRequest {
    /// Where to; `None` is the rollback point. Looked up in the journal: it was once healthy here.
    pub to: Option<Placement>,
    /// The backup whose files are wanted; `to` is what they are.
    pub backup: Option<BackupId>,
    /// Who asks.
    pub by: Identity,
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// The caller's name for this request.
    pub request_id: Option<RequestId>,
    /// Whether to hold the environment afterwards; `None` is as the policy says.
    pub hold: Option<bool>,
}

/// Everything that can happen to an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A deployment is asked for.
    Deploy(DeployRequest),
    /// A rollback is asked for.
    Rollback(RollbackRequest),
    /// Deployments are to be refused from now on.
    Hold {
        /// Who asks.
        by: Identity,
        /// Why.
        reason: String,
    },
    /// Deployments are allowed again.
    Resume {
        /// Who asks.
        by: Identity,
    },
    /// A person's word on a commit.
    OperatorVerdict {
        /// The newest deployment of that commit here, and the commit.
        on: Placement,
        /// Good or bad.
        good: bool,
        /// Who says so.
        by: Identity,
        /// Why.
        reason: String,
    },
    /// The running step ended.
    StepEnded {
        /// Whose step.
        deployment: DeploymentNumber,
        /// With what.
        result: Result<StepDone, Failure>,
    },
    /// The source of verdicts said something.
    Verdict {
        /// On which deployment.
        deployment: DeploymentNumber,
        /// What.
        report: VerdictReport,
    },
    /// The bake of a deployment ended.
    Baked {
        /// Whose.
        deployment: DeploymentNumber,
        /// What was wrong, and found wrong again, when it did not stay healthy.
        result: Result<(), String>,
    },
    /// The monitor looked.
    Looked(Looked),
    /// A certificate of the agent was looked at; concerns the agent, not an environment.
    CertificateSeen(Ends),
    /// Time passed: see [`crate::Environment::next_due`].
    Tick,
    /// The agent started, and read this state back.
    AgentStarted {
        /// When the agent before it last was alive, by that agent's clock; `None` when not known.
        alive_until: Option<Timestamp>,
    },
    /// An older tool left its last validated commit behind. Counts only where nothing happened yet.
    Import {
        /// That commit.
        validated: CommitSha,
    },
}
