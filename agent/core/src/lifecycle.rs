//! One deployment: what it is, where it stands, how it ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    ids::{BackupId, CommitSha, DeploymentNumber, Identity, RequestId, Timestamp},
    verdict::{Verdict, VerdictReport},
};

/// A commit, and the deployment that put it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// `None`: what ran before the first deployment.
    pub deployment: Option<DeploymentNumber>,
    /// The commit.
    pub sha: CommitSha,
}

/// What a plan was made on: it holds only as long as that is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOn {
    /// What was live.
    pub live: Option<Placement>,
}

/// What a deployment is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A commit goes live.
    Deploy {
        /// Deploy again although the commit is live.
        redeploy: bool,
        /// An ancestor of the live commit is fine.
        allow_older: bool,
        /// A person lifted the commit's quarantine for it: CI's verdict does not undo it.
        #[serde(default)]
        overriding: bool,
    },
    /// The environment goes back.
    Rollback {
        /// The deployment that is undone, when there is one.
        undoes: Option<DeploymentNumber>,
        /// Decided by the agent, not by a person.
        automatic: bool,
        /// Hold the environment afterwards.
        hold: bool,
        /// The backup that a person asked for. A deployment writes its kind beside its own backup:
        /// on disk the two need two names.
        #[serde(rename = "restores", default, skip_serializing_if = "Option::is_none")]
        backup: Option<BackupId>,
    },
}

/// A time after going live in which the application has to stay healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bake {
    /// Since when; later than it was, by the time in which no agent looked.
    pub since: Timestamp,
    /// For so many milliseconds.
    pub for_ms: u64,
}

impl Bake {
    /// When it is over.
    #[must_use]
    pub fn until(self) -> Timestamp {
        self.since.plus(self.for_ms)
    }
}

/// Where a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for the running one.
    Queued,
    /// Fetches, verifies and pins the commit; nothing is touched.
    Preparing,
    /// Waits for success before anything is touched (`verify.when = "before"`).
    Gating,
    /// Saves the files that are there; nothing is touched.
    BackingUp,
    /// Brings the files of the commit.
    Resetting,
    /// Restarts the application.
    Restarting,
    /// Asks the application whether it is healthy.
    Probing,
    /// Live; waits for the verdict.
    Watching,
    /// A rollback undoes it.
    RollingBack,
    /// Ended, with an outcome.
    Ended,
}

impl Phase {
    /// The word that programs read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Preparing => "preparing",
            Self::Gating => "gating",
            Self::BackingUp => "backing_up",
            Self::Resetting => "resetting",
            Self::Restarting => "restarting",
            Self::Probing => "probing",
            Self::Watching => "watching",
            Self::RollingBack => "rolling_back",
            Self::Ended => "ended",
        }
    }

    /// Whether the work tree or the application may differ from before the deployment.
    #[must_use]
    pub fn has_touched(self) -> bool {
        match self {
            Self::Queued | Self::Preparing | Self::Gating | Self::BackingUp => false,
            Self::Resetting
            | Self::Restarting
            | Self::Probing
            | Self::Watching
            | Self::RollingBack
            | Self::Ended => true,
        }
    }
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Healthy and serving, without a good verdict.
    Live,
    /// Healthy, and its verdict is good.
    Validated,
    /// Its verdict was bad; what it replaced, or something older, serves again.
    RolledBack,
    /// It did not become live; an older version serves, or nothing was touched.
    Failed,
    /// A newer deployment took its place.
    Superseded,
    /// Not allowed, found before anything was touched.
    Refused,
    /// Nothing more is tried: a human is needed.
    Stranded,
}

impl Outcome {
    /// The word that programs read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Validated => "validated",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
            Self::Stranded => "stranded",
        }
    }
}

/// One numbered attempt on one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its number.
    pub number: DeploymentNumber,
    /// What it is for.
    #[serde(flatten)]
    pub kind: Kind,
    /// The commit that it puts live.
    pub sha: CommitSha,
    /// Who asked.
    pub by: Identity,
    /// Why.
    pub reason: Option<String>,
    /// The caller's name for the request.
    pub request_id: Option<RequestId>,
    /// What was live when it was admitted.
    pub previous: Option<Placement>,
    /// What was live when the plan was shown that somebody agreed to; `None`: nobody saw a plan.
    #[serde(default)]
    pub planned_on: Option<PlannedOn>,
    /// The backup that was made before anything was touched.
    #[serde(default)]
    pub backup: Option<BackupId>,
    /// The folder that holds it.
    #[serde(default)]
    pub backup_folder: Option<String>,
    /// The backup that its files came from, where they came from one.
    #[serde(default)]
    pub restored_from: Option<BackupId>,
    /// Until when its health may still undo it. It stays with what was undone or replaced before
    /// that was over.
    #[serde(default)]
    pub bake: Option<Bake>,
    /// Where it stands.
    pub phase: Phase,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// First line of the commit message.
    pub subject: Option<String>,
    /// Author of the commit.
    pub author: Option<String>,
    /// What verification says.
    pub verdict: Option<VerdictReport>,
    /// Whether it was ever good or bad, be it run again now.
    #[serde(default)]
    pub was_judged: bool,
    /// What went wrong first.
    pub failure: Option<Failure>,
    /// Why it ended as it did, when the failure does not say it.
    pub note: Option<String>,
    /// Why it may not stay live, once that is decided.
    pub condemned: Option<String>,
    /// The newer deployment that took its place.
    pub superseded_by: Option<DeploymentNumber>,
    /// The rollback that undoes it.
    pub undone_by: Option<DeploymentNumber>,
    /// For a rollback: targets that were tried and failed.
    pub poisoned: Vec<CommitSha>,
    /// When it was admitted.
    pub admitted_at: Timestamp,
    /// When its commit was first found healthy here.
    pub live_at: Option<Timestamp>,
    /// Which turn of the environment it took, when it went live.
    #[serde(default)]
    pub turn: u64,
    /// When watching began.
    pub watching_since: Option<Timestamp>,
    /// When the verdict became `cancelled`.
    pub cancelled_at: Option<Timestamp>,
    /// Since when the source of verdicts cannot be asked.
    pub unknown_since: Option<Timestamp>,
    /// Milliseconds for which it could not be asked before; they do not count against the deadline.
    pub unknown_ms: u64,
    /// When the agent last started again in the middle of watching.
    pub resumed_at: Option<Timestamp>,
    /// Whether people were told that the verdict takes long.
    pub notice_given: bool,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Milliseconds from the admission to the end of each phase.
    pub timings_ms: BTreeMap<String, u64>,
}

impl Deployment {
    /// Its commit with its number.
    #[must_use]
    pub fn placement(&self) -> Placement {
        Placement { deployment: Some(self.number), sha: self.sha }
    }

    /// Whether a person deployed it although its verdict is bad.
    #[must_use]
    pub fn is_overriding(&self) -> bool {
        matches!(self.kind, Kind::Deploy { overriding: true, .. })
    }

    /// Whether it has ended, and a verdict on it still means something.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        let was_live = self.live_at.is_some();
        let means_something = match self.outcome {
            Some(Outcome::Superseded) => was_live && self.condemned.is_none(),
            Some(
                Outcome::Live
                | Outcome::Validated
                | Outcome::RolledBack
                | Outcome::Failed
                | Outcome::Stranded,
            ) => true,
            Some(Outcome::Refused) | None => false,
        };
        self.phase == Phase::Ended && self.watching_since.is_some() && means_something
    }

    /// Whether it is live, and its health may still undo it.
    #[must_use]
    pub fn is_baking(&self) -> bool {
        self.phase == Phase::Watching && self.bake.is_some()
    }

    /// Whether its verdict is good already, and only its health may still undo it.
    pub(crate) fn only_bakes(&self) -> bool {
        self.is_baking() && self.verdict_value() == Verdict::Success
    }

    /// Whether it ended before it had stayed healthy for as long as it has to.
    pub(crate) fn ended_unbaked(&self) -> bool {
        self.phase == Phase::Ended && self.bake.is_some()
    }

    /// Whether its verdict was waited for before anything was touched.
    pub(crate) fn was_gated(&self) -> bool {
        self.timings_ms.contains_key(Phase::Gating.as_str())
    }

    /// The backup that a person asked to go back to.
    #[must_use]
    pub fn restores(&self) -> Option<&BackupId> {
        match &self.kind {
            Kind::Rollback { backup, .. } => backup.as_ref(),
            Kind::Deploy { .. } => None,
        }
    }

    /// Whether it is a rollback.
    #[must_use]
    pub fn is_rollback(&self) -> bool {
        matches!(self.kind, Kind::Rollback { .. })
    }

    /// What its verdict is; `pending` when nobody looked yet.
    #[must_use]
    pub fn verdict_value(&self) -> Verdict {
        self.verdict.as_ref().map_or(Verdict::Pending, |report| report.value)
    }

    /// Why it ended as it did, or what went wrong so far.
    #[must_use]
    pub fn explanation(&self) -> Option<&str> {
        self.note.as_deref().or(self.failure.as_ref().map(|failure| failure.message.as_str()))
    }
}
