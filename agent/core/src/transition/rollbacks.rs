//! Going back: how a rollback is ordered, how it ends, and what becomes of what it undoes.

use super::Draft;
use crate::{
    event::Event,
    failure::{Failure, FailureKind},
    ids::{DeploymentNumber, Identity},
    lifecycle::{Deployment, Kind, Outcome, Phase, Placement},
    limits,
    verdict::Verdict,
};

impl Draft<'_> {
    pub(super) fn order_rollback(&mut self, deployment: &Deployment, reason: &str) {
        let Some(target) = self.state.automatic_rollback_target(deployment) else {
            let note = format!("{reason}; there is nothing to roll back to");
            return self.end_listening(deployment.number, Outcome::Stranded, Some(note));
        };
        let number = self.state.last.next();
        let undoes = Some(deployment.number);
        let kind = Kind::Rollback { undoes, automatic: true, hold: false, backup: None };
        let admitted = Event::Admitted {
            kind,
            sha: target.sha,
            by: Identity::agent(),
            reason: Some(reason.to_owned()),
            request_id: None,
            previous: Some(deployment.placement()),
            planned_on: None,
        };
        self.push(number, admitted);
        self.push(deployment.number, Event::UndoneBy { rollback: number });
        self.enter(number, Phase::Resetting);
    }

    pub(super) fn rollback_went_live(&mut self, rollback: &Deployment) {
        let number = rollback.number;
        if self.state.has_earned_validation(rollback.sha) && rollback.condemned.is_none() {
            self.push(number, Event::Validated);
            self.end(number, Outcome::Validated, None);
        } else {
            let note = "it runs again; it is not validated".to_owned();
            self.end(number, Outcome::Live, Some(note));
        }
        let automatic = matches!(rollback.kind, Kind::Rollback { automatic: true, .. });
        for undone in self.undone_by(number) {
            if undone.live_at.is_none() {
                self.end(undone.number, Outcome::Failed, None);
            } else if automatic && undone.verdict_value() != Verdict::Success {
                self.end_listening(undone.number, Outcome::RolledBack, None);
            } else {
                self.end(undone.number, Outcome::RolledBack, None);
            }
        }
        self.hold_after(rollback);
    }

    /// Going back to what runs touches nothing.
    pub(super) fn end_where_it_is(&mut self, rollback: &Deployment) {
        let validated = self.state.has_earned_validation(rollback.sha);
        let outcome = if validated { Outcome::Validated } else { Outcome::Live };
        self.end(rollback.number, outcome, Some(format!("{} runs already", rollback.sha.short())));
        self.hold_after(rollback);
    }

    pub(super) fn undone_by(&self, rollback: DeploymentNumber) -> Vec<Deployment> {
        let is_undone = |other: &&Deployment| other.undone_by == Some(rollback);
        self.state.open.values().filter(is_undone).cloned().collect()
    }

    fn hold_after(&mut self, rollback: &Deployment) {
        let Kind::Rollback { automatic, hold, .. } = rollback.kind else { return };
        if hold {
            let reason = format!("after rollback {}", rollback.number);
            self.push(rollback.number, Event::Held { by: rollback.by.clone(), reason });
        }
        let flapping = self.state.automatic_rollbacks.len() >= limits::FLAPPING_ROLLBACKS;
        if automatic && flapping && self.state.hold.is_none() {
            let reason = "flapping: three automatic rollbacks within an hour".to_owned();
            self.push(rollback.number, Event::Held { by: Identity::agent(), reason });
        }
    }

    /// Goes on with the next older target, when there is one to try.
    pub(super) fn retarget(&mut self, rollback: &Deployment) -> bool {
        let older = self.state.older_target(rollback);
        self.go_on_with(rollback, older)
    }

    /// Better what is left, made anew, than what is red: nothing else is there.
    pub(super) fn retarget_to_the_point(&mut self, rollback: &Deployment) -> bool {
        let point = self.state.rollback_point().filter(|point| point.sha != rollback.sha);
        self.go_on_with(rollback, point)
    }

    fn go_on_with(&mut self, rollback: &Deployment, target: Option<Placement>) -> bool {
        let Some(target) = target else { return false };
        self.push(rollback.number, Event::Retargeted { sha: target.sha });
        self.enter(rollback.number, Phase::Resetting);
        true
    }

    /// What ran when a person asked for the rollback goes on: nothing unfinished is undone, and the
    /// rollback's own first step has touched nothing.
    fn leaves_all_as_it_is(&self, rollback: &Deployment) -> bool {
        let is_first_step = rollback.poisoned.is_empty() && rollback.resumed_at.is_none();
        is_first_step && self.undone_by(rollback.number).is_empty() && self.state.live.is_some()
    }

    pub(super) fn rollback_failed(&mut self, rollback: &Deployment, failure: &Failure) {
        let number = rollback.number;
        if failure.kind == FailureKind::Unrestorable && self.leaves_all_as_it_is(rollback) {
            return self.end(number, Outcome::Failed, None);
        }
        if self.retarget(rollback) {
            return;
        }
        let why = &failure.message;
        for undone in self.undone_by(number) {
            let note = format!("rollback {number} failed: {why}");
            self.end(undone.number, Outcome::Stranded, Some(note));
        }
        self.end(number, Outcome::Stranded, None);
    }
}
