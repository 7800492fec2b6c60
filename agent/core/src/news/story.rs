//! Every piece of news there is, with what it needs to be told: one variant, one message.

use super::{
    Class,
    cause::{Cause, CiRun},
};
use crate::{
    admission::Refusal,
    ids::{BackupId, CommitSha, DeploymentNumber, Identity},
    lifecycle::{Deployment, Placement},
    notice::Severity,
};

/// A deployment, as far as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) number: DeploymentNumber,
    pub(super) sha: CommitSha,
    /// The commit's author and first line, once they are known.
    pub(super) author: Option<String>,
    pub(super) message: Option<String>,
}

impl Subject {
    pub(super) fn of(deployment: &Deployment) -> Self {
        Self {
            number: deployment.number,
            sha: deployment.sha,
            author: deployment.author.clone(),
            message: deployment.subject.clone(),
        }
    }
}

/// Where a rollback led, how long it took, and the backup that the files came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Restored {
    pub(super) target: Option<CommitSha>,
    pub(super) took_ms: Option<u64>,
    pub(super) from: Option<BackupId>,
}

/// What was saved before this very deployment: never another one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) id: BackupId,
    pub(super) folder: Option<String>,
}

impl Saved {
    pub(super) fn before(deployment: &Deployment) -> Option<Self> {
        let folder = deployment.backup_folder.clone();
        deployment.backup.clone().map(|id| Self { id, folder })
    }
}

/// For what is waited after going live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waits {
    pub(super) for_ci: bool,
    /// For so many milliseconds its health may undo it.
    pub(super) bake_ms: Option<u64>,
}

/// What becomes of a deployment whose CI is red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consequence {
    /// It is rolled back.
    RollsBack,
    /// It was validated before: only this message comes of it.
    StaysValidated,
    /// It is live, and a person took its quarantine away.
    StaysOverridden,
    /// It is live, and there is nothing to go back to.
    NoWayBack,
    /// It does not run, or does not run any more.
    NothingRuns,
}

/// Why nothing more is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WhyStranded {
    /// The rollback failed, on what it tried last.
    RollbackFailed { number: DeploymentNumber, detail: Option<String> },
    /// There is nothing to go back to.
    NoWayBack,
    /// It is a rollback itself, and there is no older target to try.
    NoOlderTarget,
}

/// For what CI is still waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// It runs, and takes long.
    Running,
    /// There is no run.
    NoRun,
    /// The source cannot be asked.
    Unreachable,
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Story {
    Started {
        of: Subject,
        verified: bool,
        overridden_by: Option<Identity>,
    },
    Gated {
        of: Subject,
    },
    Live {
        of: Subject,
        took_ms: Option<u64>,
        waits: Waits,
    },
    Validated {
        of: Subject,
        run: CiRun,
        took_ms: Option<u64>,
    },
    ValidatedLate {
        of: Subject,
        run: CiRun,
        by: Option<DeploymentNumber>,
        is_point: bool,
    },
    Succeeded {
        of: Subject,
    },
    Unvalidated {
        of: Subject,
        cause: Cause,
        overridden: bool,
    },
    StillPending {
        of: Subject,
        after_ms: u64,
        awaited: Awaited,
        live: bool,
    },
    CiFailed {
        of: Subject,
        run: CiRun,
        then: Consequence,
    },
    CiGreen {
        of: Subject,
        run: CiRun,
    },
    Judged {
        of: Option<Subject>,
        good: bool,
        by: Identity,
        reason: Option<String>,
    },
    RolledBack {
        of: Subject,
        cause: Cause,
        restored: Option<Restored>,
        saved: Option<Saved>,
    },
    Failed {
        of: Subject,
        cause: Cause,
        restored: Option<Restored>,
        saved: Option<Saved>,
    },
    Refused {
        sha: Option<CommitSha>,
        by: Identity,
        refusal: Refusal,
    },
    NotAllowed {
        of: Subject,
        cause: Cause,
    },
    Superseded {
        of: Subject,
        by: DeploymentNumber,
        was_live: bool,
    },
    Stranded {
        of: Subject,
        cause: Cause,
        why: WhyStranded,
        back_to: Option<Placement>,
        saved: Option<Saved>,
    },
    StillStranded {
        after_ms: u64,
        of: Option<DeploymentNumber>,
        why: Option<String>,
        back_to: Option<Placement>,
    },
    RollbackStarted {
        of: Subject,
        by: Identity,
        reason: Option<String>,
        leaves: Option<Placement>,
        from: Option<BackupId>,
    },
    RollbackDone {
        of: Subject,
        by: Identity,
        validated: bool,
        moved: bool,
        took_ms: Option<u64>,
        from: Option<BackupId>,
    },
    RollbackFailed {
        of: Subject,
        by: Identity,
        cause: Cause,
    },
    Retargeted {
        number: DeploymentNumber,
        to: CommitSha,
    },
    Held {
        by: Identity,
        reason: String,
    },
    Flapping,
    Resumed {
        by: Identity,
    },
    Down {
        status: Option<u16>,
        detail: String,
    },
    WrongContent {
        status: Option<u16>,
        detail: String,
    },
    CameBack {
        down_ms: u64,
    },
    AgentRestarted {
        resumed: Vec<Subject>,
        away_ms: Option<u64>,
    },
    CertificateExpires {
        whose: String,
        days: i64,
    },
}

impl Story {
    /// The name that programs read.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "deployment_started",
            Self::Gated { .. } => "deployment_waiting",
            Self::Live { .. } => "deployment_live",
            Self::Validated { .. } => "deployment_validated",
            Self::ValidatedLate { .. } => "deployment_validated_late",
            Self::Succeeded { .. } => "deployment_succeeded",
            Self::Unvalidated { .. } => "deployment_unvalidated",
            Self::StillPending { awaited: Awaited::Running, .. } => "ci_still_running",
            Self::StillPending { awaited: Awaited::NoRun, .. } => "ci_not_found",
            Self::StillPending { awaited: Awaited::Unreachable, .. } => "ci_unreachable",
            Self::CiFailed { .. } => "ci_failed",
            Self::CiGreen { .. } => "ci_green_after_all",
            Self::Judged { .. } => "verdict_given",
            Self::RolledBack { .. } => "deployment_rolled_back",
            Self::Failed { .. } => "deployment_failed",
            Self::Refused { .. } | Self::NotAllowed { .. } => "deployment_refused",
            Self::Superseded { .. } => "deployment_superseded",
            Self::Stranded { .. } => "stranded",
            Self::StillStranded { .. } => "still_stranded",
            Self::RollbackStarted { .. } => "rollback_started",
            Self::RollbackDone { .. } => "rollback_done",
            Self::RollbackFailed { .. } => "rollback_failed",
            Self::Retargeted { .. } => "rollback_retargeted",
            Self::Held { .. } => "held",
            Self::Flapping => "flapping",
            Self::Resumed { .. } => "resumed",
            Self::Down { .. } => "down",
            Self::WrongContent { .. } => "wrong_content",
            Self::CameBack { .. } => "recovered",
            Self::AgentRestarted { .. } => "agent_restarted",
            Self::CertificateExpires { .. } => "certificate_expires",
        }
    }

    /// What it is about.
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Started { .. }
            | Self::Gated { .. }
            | Self::Live { .. }
            | Self::Validated { .. }
            | Self::ValidatedLate { .. }
            | Self::Succeeded { .. }
            | Self::Unvalidated { .. }
            | Self::StillPending { .. }
            | Self::Judged { .. }
            | Self::Failed { .. }
            | Self::Refused { .. }
            | Self::NotAllowed { .. }
            | Self::Superseded { .. }
            | Self::Held { .. }
            | Self::Resumed { .. } => Class::Deployments,
            Self::RolledBack { .. }
            | Self::RollbackStarted { .. }
            | Self::RollbackDone { .. }
            | Self::RollbackFailed { .. }
            | Self::Retargeted { .. }
            | Self::Flapping => Class::Rollbacks,
            Self::CiFailed { .. } | Self::CiGreen { .. } => Class::CiFailures,
            Self::Stranded { .. } | Self::StillStranded { .. } => Class::Stranded,
            Self::Down { .. } | Self::WrongContent { .. } | Self::CameBack { .. } => Class::Down,
            Self::AgentRestarted { .. } | Self::CertificateExpires { .. } => Class::Agent,
        }
    }

    /// How much it matters.
    pub(super) fn severity(&self) -> Severity {
        match self {
            Self::Started { .. }
            | Self::Gated { .. }
            | Self::Live { .. }
            | Self::Validated { .. }
            | Self::ValidatedLate { .. }
            | Self::Succeeded { .. }
            | Self::CiGreen { .. }
            | Self::Judged { good: true, .. }
            | Self::Superseded { .. }
            | Self::RollbackDone { .. }
            | Self::Resumed { .. }
            | Self::CameBack { .. }
            | Self::AgentRestarted { .. } => Severity::Info,
            Self::Unvalidated { .. }
            | Self::StillPending { .. }
            | Self::Judged { .. }
            | Self::Refused { .. }
            | Self::NotAllowed { .. }
            | Self::RollbackStarted { .. }
            | Self::Retargeted { .. }
            | Self::Held { .. } => Severity::Warning,
            Self::CertificateExpires { days, .. } if *days > 1 => Severity::Warning,
            Self::CiFailed { .. }
            | Self::RolledBack { .. }
            | Self::Failed { .. }
            | Self::Stranded { .. }
            | Self::StillStranded { .. }
            | Self::RollbackFailed { .. }
            | Self::Flapping
            | Self::Down { .. }
            | Self::WrongContent { .. }
            | Self::CertificateExpires { .. } => Severity::Error,
        }
    }
}
