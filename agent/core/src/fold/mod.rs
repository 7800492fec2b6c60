//! The fold: what each fact of the journal makes of an environment. Decides nothing.

mod deployment;

use std::collections::BTreeSet;

use crate::{
    environment::{Environment, Hold, Quarantine, Stranded},
    event::{Entry, Event},
    ids::{CommitSha, DeploymentNumber, Timestamp},
    lifecycle::{Deployment, Kind, Outcome, Phase, Placement},
    limits,
};

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
            Event::ValidatedImported { sha } => {
                self.validated.push(Placement { deployment: None, sha: *sha });
            }
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
            self.stranded = None;
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
                self.withdraw_left(deployment);
                self.live = Some(deployment.placement());
                self.stranded = None;
            }
            Event::Validated => self.remember_validated(deployment.placement()),
            Event::BaselineFound { sha } => self.baseline = Some(*sha),
            Event::Admitted { .. }
            | Event::Refused { .. }
            | Event::Prepared { .. }
            | Event::ValidatedImported { .. }
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
                self.live = self.live.filter(|live| *live == deployment.placement());
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
    fn withdraw_left(&mut self, rollback: &Deployment) {
        if !rollback.is_rollback() {
            return;
        }
        for left in [self.live, rollback.previous].into_iter().flatten() {
            if left.sha != rollback.sha && self.was_validated(left.sha) {
                self.withdrawn.insert(left.sha);
            }
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
        let validated: BTreeSet<CommitSha> = self.validated.iter().map(|it| it.sha).collect();
        self.withdrawn.retain(|sha| *sha != placement.sha && validated.contains(sha));
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
