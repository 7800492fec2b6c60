//! What the journal holds: facts, in the past tense, each of which the state is a fold of.

use serde::{Deserialize, Serialize};

use crate::{
    admission::Refusal,
    effect::{BackupReport, TreeReport},
    failure::{Failure, FailureKind},
    ids::{CommitSha, DeploymentNumber, Identity, RequestId},
    lifecycle::{Kind, Outcome, Phase, Placement, PlannedOn},
    verdict::{Verdict, VerdictReport},
};

/// One fact about an environment, or about one of its deployments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which deployment; `None` when it concerns the environment.
    pub deployment: Option<DeploymentNumber>,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A request became a deployment.
    Admitted {
        /// What it is for.
        #[serde(flatten)]
        kind: Kind,
        /// The commit.
        sha: CommitSha,
        /// Who asked.
        by: Identity,
        /// Why.
        reason: Option<String>,
        /// The caller's name for the request.
        request_id: Option<RequestId>,
        /// What was live.
        previous: Option<Placement>,
        /// What the plan was made on that somebody agreed to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planned_on: Option<PlannedOn>,
    },
    /// A request was refused.
    Refused {
        /// The commit that was asked for.
        sha: Option<CommitSha>,
        /// Who asked.
        by: Identity,
        /// Why not.
        refusal: Refusal,
    },
    /// The deployment entered a phase: the intent, durable before the phase's effect starts.
    PhaseEntered {
        /// Which phase.
        phase: Phase,
    },
    /// The commit is here, reachable from the branch, and pinned.
    Prepared {
        /// First line of the commit message.
        subject: String,
        /// Author of the commit.
        author: String,
    },
    /// What ran before the first deployment.
    BaselineFound {
        /// Its commit.
        sha: CommitSha,
    },
    /// What a predecessor of this agent had validated, read from its file at the very first start.
    ValidatedImported {
        /// Its commit.
        sha: CommitSha,
    },
    /// The files that are there are saved, and what was saved is verified.
    BackedUp(BackupReport),
    /// The files are those of the commit.
    TreeReset(TreeReport),
    /// The application was restarted.
    Restarted {
        /// What was restarted.
        detail: String,
    },
    /// The application is healthy: the commit is live.
    WentLive {
        /// HTTP status of the last answer.
        status: Option<u16>,
        /// How many tries it took.
        attempts: u32,
    },
    /// It is live, and its health may still undo it, for a while.
    BakeBegan {
        /// For so many milliseconds.
        for_ms: u64,
        /// Whether a verdict is awaited as well; else its health is the verdict.
        verdict_awaited: bool,
    },
    /// It stayed healthy for the whole while.
    Baked,
    /// A step failed.
    StepFailed {
        /// Why.
        failure: Failure,
    },
    /// Verification said something new.
    VerdictReceived {
        /// What.
        report: VerdictReport,
        /// The person who said so, when it was one.
        by: Option<Identity>,
        /// That person's reason.
        reason: Option<String>,
    },
    /// The verdict takes long; people are told once.
    StillPending {
        /// Milliseconds of watching so far.
        after_ms: u64,
        /// What verification says meanwhile.
        #[serde(default)]
        verdict: Verdict,
    },
    /// The commit earned a good verdict.
    Validated,
    /// The deployment may not stay live.
    Condemned {
        /// Why.
        reason: String,
    },
    /// The commit may not be deployed again until its verdict is good.
    Quarantined {
        /// The commit.
        sha: CommitSha,
        /// Why.
        reason: String,
    },
    /// The commit may be deployed again.
    QuarantineLifted {
        /// The commit.
        sha: CommitSha,
    },
    /// A newer deployment took its place.
    Superseded {
        /// Which one.
        by: DeploymentNumber,
    },
    /// An ended deployment stops listening to its verdict.
    ListeningEnded,
    /// A rollback undoes it.
    UndoneBy {
        /// Which rollback.
        rollback: DeploymentNumber,
    },
    /// The rollback's target failed; it goes on with an older one.
    Retargeted {
        /// The older commit.
        sha: CommitSha,
    },
    /// It is over.
    Ended {
        /// How.
        outcome: Outcome,
        /// Why, when the failure does not say it.
        note: Option<String>,
        /// Whether it goes on listening to its verdict: a re-run may change it.
        #[serde(default)]
        listening: bool,
    },
    /// The environment is still stranded; people are told again.
    StillStranded {
        /// Milliseconds since it was.
        after_ms: u64,
    },
    /// The monitor looks at the environment from now on: for the first time, or again after no agent
    /// ran for a while.
    MonitorBegan {
        /// Milliseconds for which nobody looked; they count neither as up nor as down.
        unwatched_ms: u64,
    },
    /// The monitor does not look at the environment any more: its configuration says so.
    MonitorEnded,
    /// The monitor found the application down, and found it so again.
    WentDown {
        /// HTTP status of the last answer, when there was one.
        status: Option<u16>,
        /// It answers, with something else than it should.
        wrong_content: bool,
        /// What was wrong.
        detail: String,
    },
    /// The application is up again.
    CameBack {
        /// Milliseconds for which it was down; those without an agent do not count.
        down_ms: u64,
    },
    /// A certificate, or a list of revoked ones, ends soon; concerns the agent, not an environment.
    CertificateExpires {
        /// What ends, such as `agent certificate`.
        whose: String,
        /// Days left; 0 or less: it has ended.
        days: i64,
    },
    /// Deployments are refused from now on.
    Held {
        /// By whom.
        by: Identity,
        /// Why.
        reason: String,
    },
    /// Deployments are allowed again.
    Resumed {
        /// By whom.
        by: Identity,
    },
    /// The agent started again in the middle of the deployment, and goes on from this phase.
    Recovered {
        /// Which phase.
        phase: Phase,
        /// Milliseconds for which no agent ran, by the clocks of both; they do not count against
        /// the time for a verdict.
        #[serde(default)]
        away_ms: i64,
    },
    /// A probe's try that did not pass.
    ProbeFailed {
        /// Which try, from 1.
        attempt: u32,
        /// What was wrong.
        detail: String,
    },
    /// Something that the operator should know, and that changes nothing.
    Remarked {
        /// What.
        message: String,
    },
    /// A line that a hook, the compose program or a check printed.
    Output {
        /// Which command.
        source: String,
        /// Whether it came from standard error.
        stderr: bool,
        /// The line.
        line: String,
    },
}

impl Event {
    /// The name that programs read; names are added, never changed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Admitted { .. } => "admitted",
            Self::Refused { .. } => "refused",
            Self::PhaseEntered { .. } => "phase_entered",
            Self::Prepared { .. } => "prepared",
            Self::BaselineFound { .. } => "baseline_found",
            Self::ValidatedImported { .. } => "validated_imported",
            Self::BackedUp(_) => "backed_up",
            Self::TreeReset(_) => "tree_reset",
            Self::Restarted { .. } => "restarted",
            Self::WentLive { .. } => "went_live",
            Self::BakeBegan { .. } => "bake_began",
            Self::Baked => "baked",
            Self::StepFailed { .. } => "step_failed",
            Self::VerdictReceived { .. } => "verdict_received",
            Self::StillPending { .. } => "still_pending",
            Self::Validated => "validated",
            Self::Condemned { .. } => "condemned",
            Self::Quarantined { .. } => "quarantined",
            Self::QuarantineLifted { .. } => "quarantine_lifted",
            Self::Superseded { .. } => "superseded",
            Self::ListeningEnded => "listening_ended",
            Self::UndoneBy { .. } => "undone_by",
            Self::Retargeted { .. } => "retargeted",
            Self::Ended { .. } => "ended",
            Self::StillStranded { .. } => "still_stranded",
            Self::MonitorBegan { .. } => "monitor_began",
            Self::MonitorEnded => "monitor_ended",
            Self::WentDown { .. } => "went_down",
            Self::CameBack { .. } => "came_back",
            Self::CertificateExpires { .. } => "certificate_expires",
            Self::Held { .. } => "held",
            Self::Resumed { .. } => "resumed",
            Self::Recovered { .. } => "recovered",
            Self::ProbeFailed { .. } => "probe_failed",
            Self::Remarked { .. } => "remarked",
            Self::Output { .. } => "output",
        }
    }

    /// Whether a deployment found the application unhealthy: before it counted as live, or after.
    #[must_use]
    pub fn finds_unhealthy(&self) -> bool {
        matches!(self, Self::StepFailed { failure } if failure.kind == FailureKind::Unhealthy)
    }

    /// Whether the state is the same with and without it: such events may be told while a step runs.
    #[must_use]
    pub fn is_story_only(&self) -> bool {
        matches!(self, Self::ProbeFailed { .. } | Self::Remarked { .. } | Self::Output { .. })
    }
}
