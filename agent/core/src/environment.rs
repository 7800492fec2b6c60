//! The state of one environment, and the questions that may be asked of it; `fold` makes it from the journal.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    effect::{Effect, Files, Step, Watch},
    ids::{CommitSha, DeploymentNumber, Identity, Timestamp},
    lifecycle::{Bake, Deployment, Kind, Outcome, Phase, Placement},
    limits,
    monitor::Monitored,
    policy::Policy,
};

/// What is known of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Environment {
    /// The newest number that was given.
    pub last: DeploymentNumber,
    /// What runs now, as far as is known; `None` before the first deployment, and when stranded
    /// half-way. A red commit that nothing can replace goes on running, and stays here.
    pub live: Option<Placement>,
    /// Validated and once healthy here, in the order in which they went live: the last is the newest.
    pub validated: Vec<Earned>,
    /// How many times something went live here.
    #[serde(default)]
    pub turns: u64,
    /// Those of them that a rollback left: no targets any more, until they are validated anew.
    #[serde(default)]
    pub withdrawn: BTreeSet<CommitSha>,
    /// The turn of the newest rollback: what it left is no target any more, whatever becomes of
    /// its verdict.
    #[serde(default)]
    pub last_rollback: u64,
    /// What ran before the first deployment; never validated.
    pub baseline: Option<CommitSha>,
    /// Commits that were rolled back for their verdict.
    pub quarantined: BTreeMap<CommitSha, Quarantine>,
    /// Set: deployments are refused.
    pub hold: Option<Hold>,
    /// Set: a human is needed.
    pub stranded: Option<Stranded>,
    /// Deployments that have not ended, and ended ones that listen to their verdict.
    pub open: BTreeMap<DeploymentNumber, Deployment>,
    /// The one that mutates, or prepares to.
    pub active: Option<DeploymentNumber>,
    /// The one that waits.
    pub queued: Option<DeploymentNumber>,
    /// When automatic rollbacks ended, the last ones.
    pub automatic_rollbacks: Vec<Timestamp>,
    /// What the monitor knows; `None` before its first look.
    #[serde(default)]
    pub monitored: Option<Monitored>,
    /// Days left as they were told last, by whose certificate it is. Only the agent's own state,
    /// that of [`crate::EnvironmentName::agent`], has any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expiries_told: BTreeMap<String, i64>,
}

/// A placement that earned a good verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earned {
    /// What, and by which deployment.
    #[serde(flatten)]
    pub placement: Placement,
    /// Which turn of [`Environment::turns`] put it live. Numbers are given at admission, and an
    /// automatic rollback overtakes what waits.
    #[serde(default)]
    pub turn: u64,
}

/// Why a commit may not be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// What its verdict was.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Why deployments are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who asked for it.
    pub by: Identity,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Why a human is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranded {
    /// The deployment that could not be undone.
    pub deployment: DeploymentNumber,
    /// What went wrong.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// How often people were told again.
    #[serde(default)]
    pub reminders: usize,
}

impl Stranded {
    /// When people are to be told again.
    pub(crate) fn reminder_due(&self) -> Option<Timestamp> {
        let after = limits::STRANDED_REMINDERS_MS.get(self.reminders)?;
        Some(self.since.plus(*after))
    }
}

impl Environment {
    /// The deployment that mutates, or prepares to.
    #[must_use]
    pub fn active_deployment(&self) -> Option<&Deployment> {
        self.active.and_then(|number| self.open.get(&number))
    }

    /// The deployment that waits.
    #[must_use]
    pub fn queued_deployment(&self) -> Option<&Deployment> {
        self.queued.and_then(|number| self.open.get(&number))
    }

    /// Whether a newcomer has to wait. A gate is not waited for: a newer commit takes its place.
    #[must_use]
    pub fn is_mutating(&self) -> bool {
        self.active_deployment().is_some_and(|active| active.phase != Phase::Gating)
    }

    /// Whether files or application are being changed just now: how it looks says nothing.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.active_deployment().is_some_and(|active| active.phase.has_touched())
    }

    /// The live deployment, while its verdict is awaited.
    #[must_use]
    pub fn watched_live(&self) -> Option<&Deployment> {
        let number = self.live?.deployment?;
        self.open.get(&number).filter(|deployment| deployment.phase == Phase::Watching)
    }

    /// The live deployment, when it may not stay live and nothing undoes it yet.
    pub(crate) fn condemned_live(&self) -> Option<&Deployment> {
        let live = self.open.get(&self.live?.deployment?)?;
        let ended_live = live.outcome == Some(Outcome::Live);
        let stays = live.phase == Phase::Watching || ended_live;
        (stays && live.condemned.is_some()).then_some(live)
    }

    fn is_about_to_leave(&self, deployment: &Deployment) -> bool {
        self.condemned_live().is_some_and(|condemned| condemned.number == deployment.number)
    }

    /// The live deployment, when it has ended and listens to its verdict.
    pub(crate) fn listening_live(&self) -> Option<&Deployment> {
        let live = self.open.get(&self.live?.deployment?)?;
        live.is_listening().then_some(live)
    }

    /// What people look at first: the active deployment, else the one whose verdict is awaited.
    #[must_use]
    pub fn foremost(&self) -> Option<&Deployment> {
        self.active_deployment().or_else(|| self.watched_live())
    }

    /// What a rollback would leave: what an unfinished deployment put there, else what is live.
    pub(crate) fn in_place(&self) -> Option<Placement> {
        let active = self.active_deployment().filter(|active| !active.is_rollback());
        let touched = active.filter(|active| active.phase.has_touched());
        touched.map(Deployment::placement).or(self.live)
    }

    /// The newest validated placement.
    #[must_use]
    pub fn newest_validated(&self) -> Option<Placement> {
        self.validated.last().map(|earned| earned.placement)
    }

    /// Whether the commit earned a good verdict here, as far back as that is remembered.
    pub(crate) fn has_earned_validation(&self, sha: CommitSha) -> bool {
        self.validated.iter().any(|earned| earned.placement.sha == sha)
    }

    /// Whether the commit earned a good verdict here, and was not left since.
    pub(crate) fn was_validated(&self, sha: CommitSha) -> bool {
        self.has_earned_validation(sha) && !self.withdrawn.contains(&sha)
    }

    /// The commits that a rollback may need, now or later: they stay pinned.
    #[must_use]
    pub fn needed_commits(&self) -> BTreeSet<CommitSha> {
        let validated = self.validated.iter().map(|earned| earned.placement.sha);
        let live = self.live.map(|live| live.sha);
        let open = self.open.values().map(|deployment| deployment.sha);
        validated.chain(live).chain(self.baseline).chain(open).collect()
    }

    /// The effect that the state asks for now. The shell runs it unless it runs already.
    #[must_use]
    pub fn wanted(&self) -> Option<Effect> {
        let active = self.active_deployment()?;
        let step = match active.phase {
            Phase::Preparing => Step::Prepare { live: self.live },
            Phase::BackingUp => Step::BackUp { of: self.files_now() },
            Phase::Resetting => Step::Reset { files: files_of(active) },
            Phase::Restarting => Step::Restart,
            Phase::Probing => Step::Probe,
            Phase::Queued | Phase::Gating | Phase::Watching | Phase::RollingBack | Phase::Ended => {
                return None;
            }
        };
        Some(Effect { deployment: active.number, sha: active.sha, step })
    }

    /// What the files are, while nothing touches them; `None` when nobody knows.
    fn files_now(&self) -> Option<Placement> {
        let untouched = self.baseline.filter(|_| self.stranded.is_none());
        self.live.or(untouched.map(|sha| Placement { deployment: None, sha }))
    }

    /// The deployments whose health may still undo them.
    pub fn bakes(&self) -> impl Iterator<Item = (DeploymentNumber, Bake)> + '_ {
        let bakes = |it: &&Deployment| it.phase == Phase::Watching && it.condemned.is_none();
        self.open.values().filter(bakes).filter_map(|it| Some((it.number, it.bake?)))
    }

    /// The deployments whose verdict is awaited now.
    pub fn watches(&self) -> impl Iterator<Item = Watch> + '_ {
        self.open.values().filter_map(|deployment| {
            let since = deployment.watching_since?;
            let pace = deployment.pace();
            let awaited = match deployment.phase {
                Phase::Watching | Phase::Gating => {
                    deployment.condemned.is_none() && !deployment.only_bakes()
                }
                Phase::Ended => deployment.is_listening() && !self.is_about_to_leave(deployment),
                Phase::Queued
                | Phase::Preparing
                | Phase::BackingUp
                | Phase::Resetting
                | Phase::Restarting
                | Phase::Probing
                | Phase::RollingBack => false,
            };
            let (deployment, sha) = (deployment.number, deployment.sha);
            let watch = Watch { deployment, sha, since, pace };
            awaited.then_some(watch)
        })
    }

    /// When [`crate::Input::Tick`] has something to decide next.
    #[must_use]
    pub fn next_due(&self, policy: &Policy) -> Option<Timestamp> {
        let due = |watch: Watch| {
            let deployment = self.open.get(&watch.deployment)?;
            let (notice, grace) = (deployment.notice_due(policy), deployment.grace_due(policy));
            let deadline = deployment.deadline_due(policy);
            [notice, grace, deadline].into_iter().flatten().min()
        };
        let reminder = self.stranded.as_ref().and_then(Stranded::reminder_due);
        self.watches().filter_map(due).chain(reminder).min()
    }
}

/// A rollback goes to what ran, a deployment to what its commit says. A rollback that goes on with an
/// older target has left the backup that was asked for behind.
fn files_of(active: &Deployment) -> Files {
    match &active.kind {
        Kind::Deploy { .. } => Files::Commit,
        Kind::Rollback { backup: Some(backup), .. } if active.poisoned.is_empty() => {
            Files::Backup(backup.clone())
        }
        Kind::Rollback { .. } => Files::AsTheyWere,
    }
}
