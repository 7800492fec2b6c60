//! The state of one environment: a fold of its journal, and the questions that may be asked of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    effect::{Effect, Step, Watch},
    event::{Entry, Event},
    ids::{CommitSha, DeploymentNumber, Identity, Timestamp},
    lifecycle::{Deployment, Kind, Outcome, Phase, Placement},
    limits,
    policy::Policy,
    verdict::Verdict,
};

/// What is known of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Environment {
    /// The newest number that was given.
    pub last: DeploymentNumber,
    /// What runs now, as far as is known; `None` before the first deployment and when stranded.
    pub live: Option<Placement>,
    /// Validated and once healthy here, in deployment order: the last is the newest.
    pub validated: Vec<Placement>,
    /// What ran before the first deployment; never validated.
    pub baseline: Option<CommitSha>,
    /// Commits that were rolled back for their verdict.
    pub quarantined: BTreeMap<CommitSha, Quarantine>,
    /// Set: deployments are refused.
    pub hold: Option<Hold>,
    /// Set: a human is needed.
    pub stranded: Option<Stranded>,
    /// Deployments that have not ended, and superseded ones that listen to their verdict.
    pub open: BTreeMap<DeploymentNumber, Deployment>,
    /// The one that mutates, or prepares to.
    pub active: Option<DeploymentNumber>,
    /// The one that waits.
    pub queued: Option<DeploymentNumber>,
    /// When automatic rollbacks ended, the last ones.
    pub automatic_rollbacks: Vec<Timestamp>,
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
}

/// Questions.
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

    /// The live deployment, while its verdict is awaited.
    #[must_use]
    pub fn watched_live(&self) -> Option<&Deployment> {
        let number = self.live?.deployment?;
        self.open.get(&number).filter(|deployment| deployment.phase == Phase::Watching)
    }

    /// What people look at first: the active deployment, else the one whose verdict is awaited.
    #[must_use]
    pub fn foremost(&self) -> Option<&Deployment> {
        self.active_deployment().or_else(|| self.watched_live())
    }

    /// The newest validated placement.
    #[must_use]
    pub fn newest_validated(&self) -> Option<Placement> {
        self.validated.last().copied()
    }

    /// The effect that the state asks for now. The shell runs it unless it runs already.
    #[must_use]
    pub fn wanted(&self) -> Option<Effect> {
        let active = self.active_deployment()?;
        let step = match active.phase {
            Phase::Preparing => Step::Prepare { live: self.live },
            Phase::Resetting => Step::Reset,
            Phase::Restarting => Step::Restart,
            Phase::Probing => Step::Probe,
            Phase::Queued | Phase::Gating | Phase::Watching | Phase::RollingBack | Phase::Ended => {
                return None;
            }
        };
        Some(Effect { deployment: active.number, sha: active.sha, step })
    }

    /// The deployments whose verdict is awaited now.
    pub fn watches(&self) -> impl Iterator<Item = Watch> + '_ {
        self.open.values().filter_map(|deployment| {
            let since = deployment.watching_since?;
            let awaited = match deployment.phase {
                Phase::Watching | Phase::Gating => deployment.condemned.is_none(),
                Phase::Ended => deployment.outcome == Some(Outcome::Superseded),
                Phase::Queued
                | Phase::Preparing
                | Phase::Resetting
                | Phase::Restarting
                | Phase::Probing
                | Phase::RollingBack => false,
            };
            let watch = Watch { deployment: deployment.number, sha: deployment.sha, since };
            awaited.then_some(watch)
        })
    }

    /// When [`crate::Input::Tick`] has something to decide next.
    #[must_use]
    pub fn next_due(&self, policy: &Policy) -> Option<Timestamp> {
        let due = |watch: Watch| {
            let deployment = &self.open[&watch.deployment];
            let notice = (!deployment.notice_given && deployment.phase != Phase::Ended)
                .then(|| watch.since.plus(policy.notice_after_ms));
            let grace = deployment
                .cancelled_at
                .filter(|_| deployment.verdict_value() == Verdict::Cancelled)
                .map(|at| at.plus(policy.cancelled_grace_ms));
            let deadline = Some(watch.since.plus(policy.deadline_ms));
            [notice, grace, deadline].into_iter().flatten().min()
        };
        self.watches().filter_map(due).min()
    }
}

/// The fold.
impl Environment {
    /// Makes this the state after `entry`, which happened at `at`; answers the deployment that
    /// the entry speaks of, as it is afterwards.
    pub fn apply(&mut self, entry: &Entry, at: Timestamp) -> Option<Deployment> {
        let Some(number) = entry.deployment else {
            self.apply_to_environment(&entry.event, at);
            return None;
        };
        if let Some(admitted) = Deployment::admitted(number, &entry.event, at) {
            self.last = self.last.max(number);
            self.open.insert(number, admitted.clone());
            return Some(admitted);
        }
        match self.open.remove(&number) {
            Some(deployment) => Some(self.apply_to_open(deployment, &entry.event, at)),
            None => {
                self.apply_to_closed(number, &entry.event);
                None
            }
        }
    }

    fn apply_to_environment(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Held { by, reason } => {
                self.hold = Some(Hold { by: by.clone(), reason: reason.clone(), since: at });
            }
            Event::Resumed { .. } => self.hold = None,
            Event::Quarantined { sha, reason } => {
                let quarantine = Quarantine { reason: reason.clone(), since: at };
                self.quarantined.insert(*sha, quarantine);
                self.forget_oldest_quarantine();
            }
            Event::QuarantineLifted { sha } => {
                self.quarantined.remove(sha);
            }
            Event::Admitted { .. }
            | Event::Refused { .. }
            | Event::PhaseEntered { .. }
            | Event::Prepared { .. }
            | Event::BaselineFound { .. }
            | Event::TreeReset(_)
            | Event::Restarted { .. }
            | Event::WentLive { .. }
            | Event::StepFailed { .. }
            | Event::VerdictReceived { .. }
            | Event::StillPending { .. }
            | Event::Validated
            | Event::Condemned { .. }
            | Event::Superseded { .. }
            | Event::ListeningEnded
            | Event::UndoneBy { .. }
            | Event::Retargeted { .. }
            | Event::Ended { .. }
            | Event::Recovered { .. }
            | Event::ProbeFailed { .. }
            | Event::Remarked { .. }
            | Event::Output { .. } => {}
        }
    }

    fn apply_to_open(
        &mut self,
        mut deployment: Deployment,
        event: &Event,
        at: Timestamp,
    ) -> Deployment {
        deployment.apply(event, at);
        self.follow(&deployment, event, at);
        if !deployment.is_forgotten() {
            self.open.insert(deployment.number, deployment.clone());
        }
        self.forget_oldest_listener();
        deployment
    }

    /// A person may validate what is live after its deployment has ended.
    fn apply_to_closed(&mut self, number: DeploymentNumber, event: &Event) {
        let live = self.live.filter(|live| live.deployment == Some(number));
        if let (Event::Validated, Some(live)) = (event, live) {
            self.remember_validated(live);
        }
    }

    /// What an event of `deployment` means for the environment.
    fn follow(&mut self, deployment: &Deployment, event: &Event, at: Timestamp) {
        let number = deployment.number;
        match event {
            Event::PhaseEntered { phase: Phase::Queued } => self.queued = Some(number),
            Event::PhaseEntered { phase } => {
                self.leave_places(number);
                if *phase != Phase::Watching {
                    self.active = Some(number);
                }
            }
            Event::UndoneBy { .. } | Event::Superseded { .. } | Event::Ended { .. } => {
                self.leave_places(number);
                self.follow_ending(deployment, at);
            }
            Event::WentLive { .. } => {
                self.live = Some(deployment.placement());
                self.stranded = None;
                self.withdraw_undone(deployment);
            }
            Event::Validated => self.remember_validated(deployment.placement()),
            Event::BaselineFound { sha } => self.baseline = Some(*sha),
            Event::Admitted { .. }
            | Event::Refused { .. }
            | Event::Prepared { .. }
            | Event::TreeReset(_)
            | Event::Restarted { .. }
            | Event::StepFailed { .. }
            | Event::VerdictReceived { .. }
            | Event::StillPending { .. }
            | Event::Condemned { .. }
            | Event::Quarantined { .. }
            | Event::QuarantineLifted { .. }
            | Event::ListeningEnded
            | Event::Retargeted { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::Recovered { .. }
            | Event::ProbeFailed { .. }
            | Event::Remarked { .. }
            | Event::Output { .. } => {}
        }
    }

    fn leave_places(&mut self, number: DeploymentNumber) {
        self.active = self.active.filter(|active| *active != number);
        self.queued = self.queued.filter(|queued| *queued != number);
    }

    fn follow_ending(&mut self, deployment: &Deployment, at: Timestamp) {
        let automatic = matches!(deployment.kind, Kind::Rollback { automatic: true, .. });
        match deployment.outcome {
            Some(Outcome::Stranded) => {
                let reason = deployment.explanation().unwrap_or("unknown").to_owned();
                self.live = None;
                self.stranded = Some(Stranded { deployment: deployment.number, reason, since: at });
            }
            Some(Outcome::Live | Outcome::Validated) if automatic => {
                self.automatic_rollbacks
                    .retain(|earlier| at.since(*earlier) < limits::FLAPPING_WINDOW_MS);
                self.automatic_rollbacks.push(at);
            }
            Some(
                Outcome::Live
                | Outcome::Validated
                | Outcome::RolledBack
                | Outcome::Failed
                | Outcome::Superseded
                | Outcome::Refused,
            )
            | None => {}
        }
    }

    /// A commit that was rolled back is not a target any more: rolling back twice goes back twice.
    fn withdraw_undone(&mut self, rollback: &Deployment) {
        let left = rollback.previous.filter(|previous| previous.sha != rollback.sha);
        if let (true, Some(left)) = (rollback.is_rollback(), left) {
            self.validated.retain(|placement| placement.sha != left.sha);
        }
    }

    /// `validated` never moves back in deployment order.
    fn remember_validated(&mut self, placement: Placement) {
        let newest = self.newest_validated().and_then(|newest| newest.deployment);
        if placement.deployment <= newest {
            return;
        }
        self.validated.retain(|older| older.sha != placement.sha);
        self.validated.push(placement);
        let surplus = self.validated.len().saturating_sub(limits::ROLLBACK_TARGETS);
        self.validated.drain(..surplus);
    }

    fn forget_oldest_quarantine(&mut self) {
        if self.quarantined.len() > limits::QUARANTINED {
            let oldest = self.quarantined.iter().min_by_key(|(_, quarantine)| quarantine.since);
            let oldest = oldest.map(|(sha, _)| *sha);
            oldest.map(|sha| self.quarantined.remove(&sha));
        }
    }

    fn forget_oldest_listener(&mut self) {
        let ended = |deployment: &&Deployment| deployment.phase == Phase::Ended;
        if self.open.values().filter(ended).count() > limits::SUPERSEDED_LISTENING {
            let oldest = self.open.values().find(ended).map(|deployment| deployment.number);
            oldest.map(|number| self.open.remove(&number));
        }
    }
}

impl Deployment {
    /// The deployment that an admission makes.
    fn admitted(number: DeploymentNumber, event: &Event, at: Timestamp) -> Option<Self> {
        let Event::Admitted { kind, sha, by, reason, request_id, previous } = event else {
            return None;
        };
        Some(Self {
            number,
            kind: kind.clone(),
            sha: *sha,
            by: by.clone(),
            reason: reason.clone(),
            request_id: request_id.clone(),
            previous: *previous,
            phase: Phase::Queued,
            outcome: None,
            subject: None,
            author: None,
            verdict: None,
            failure: None,
            note: None,
            condemned: None,
            superseded_by: None,
            undone_by: None,
            poisoned: Vec::new(),
            admitted_at: at,
            live_at: None,
            watching_since: None,
            cancelled_at: None,
            notice_given: false,
            finished_at: None,
            timings_ms: BTreeMap::new(),
        })
    }

    fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::PhaseEntered { phase } => {
                self.leave_phase(at);
                self.phase = *phase;
                if matches!(phase, Phase::Watching | Phase::Gating) {
                    self.watching_since = Some(at);
                }
            }
            Event::Prepared { subject, author } => {
                self.subject = Some(subject.clone());
                self.author = Some(author.clone());
            }
            Event::BaselineFound { sha } => {
                self.previous = Some(Placement { deployment: None, sha: *sha });
            }
            Event::WentLive { .. } => {
                self.leave_phase(at);
                self.live_at = Some(at);
                self.timings_ms.insert("live".to_owned(), at.since(self.admitted_at));
            }
            Event::StepFailed { failure } => self.failure = Some(failure.clone()),
            Event::VerdictReceived { report, .. } => {
                let cancelled = report.value == Verdict::Cancelled;
                self.cancelled_at = cancelled.then(|| self.cancelled_at.unwrap_or(at));
                self.verdict = Some(report.clone());
            }
            Event::StillPending { .. } => self.notice_given = true,
            Event::Condemned { reason } => {
                self.condemned = Some(reason.clone());
                self.note = Some(reason.clone());
            }
            Event::Superseded { by } => {
                self.superseded_by = Some(*by);
                self.end(Outcome::Superseded, at);
            }
            Event::UndoneBy { rollback } => {
                self.leave_phase(at);
                self.undone_by = Some(*rollback);
                self.phase = Phase::RollingBack;
            }
            Event::Retargeted { sha } => {
                self.poisoned.push(self.sha);
                self.sha = *sha;
            }
            Event::Ended { outcome, note } => {
                if note.is_some() {
                    self.note.clone_from(note);
                }
                self.end(*outcome, at);
            }
            Event::ListeningEnded => self.watching_since = None,
            Event::Recovered { phase } => self.phase = *phase,
            Event::Admitted { .. }
            | Event::Refused { .. }
            | Event::TreeReset(_)
            | Event::Restarted { .. }
            | Event::Validated
            | Event::Quarantined { .. }
            | Event::QuarantineLifted { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::ProbeFailed { .. }
            | Event::Remarked { .. }
            | Event::Output { .. } => {}
        }
    }

    fn leave_phase(&mut self, at: Timestamp) {
        let elapsed = at.since(self.admitted_at);
        self.timings_ms.insert(self.phase.as_str().to_owned(), elapsed);
    }

    fn end(&mut self, outcome: Outcome, at: Timestamp) {
        self.leave_phase(at);
        self.timings_ms.insert("total".to_owned(), at.since(self.admitted_at));
        self.phase = Phase::Ended;
        self.outcome = Some(outcome);
        self.finished_at = Some(at);
    }

    /// Ended, and its verdict is not awaited any more.
    fn is_forgotten(&self) -> bool {
        let decided = matches!(self.verdict_value(), Verdict::Success | Verdict::Failure);
        let listens = self.outcome == Some(Outcome::Superseded)
            && self.live_at.is_some()
            && self.watching_since.is_some()
            && !decided;
        self.phase == Phase::Ended && !listens
    }
}
