//! What the state as a whole asks for, by level: whoever waits starts, whatever is red is undone.

use super::Draft;
use crate::{
    admission::{self, Refusal},
    event::Event,
    ids::DeploymentNumber,
    lifecycle::{Deployment, Outcome, Phase},
    policy::VerifyWhen,
};

impl Draft<'_> {
    pub(super) fn settle(&mut self) {
        while let Some(next) = self.next_move() {
            match next {
                Move::LeaveGate { number, newer } => {
                    self.push(number, Event::Superseded { by: newer });
                }
                Move::LeaveGateForNow(gated) => self.enter(gated, Phase::Queued),
                Move::Start(queued) => self.start(&queued),
                Move::Undo(condemned) => {
                    let reason = condemned.condemned.clone().unwrap_or_default();
                    self.order_rollback(&condemned, &reason);
                }
            }
        }
    }

    fn next_move(&self) -> Option<Move> {
        let queued = self.state.queued_deployment();
        let condemned = self.state.condemned_live();
        match (self.state.active_deployment(), queued) {
            (Some(active), newer) if active.phase == Phase::Gating => {
                let newer = newer.map(|newer| newer.number);
                let superseded =
                    newer.map(|newer| Move::LeaveGate { number: active.number, newer });
                superseded.or(condemned.map(|_| Move::LeaveGateForNow(active.number)))
            }
            (Some(_), _) => None,
            // What may not stay goes at once where whatever comes next has to wait for its CI.
            (None, Some(next)) if condemned.is_none() || !self.waits_for_ci(next) => {
                Some(Move::Start(next.clone()))
            }
            (None, _) => condemned.cloned().map(Move::Undo),
        }
    }

    fn waits_for_ci(&self, next: &Deployment) -> bool {
        self.policy.when == VerifyWhen::Before && !next.is_rollback()
    }

    pub(super) fn start(&mut self, queued: &Deployment) {
        let number = queued.number;
        if queued.is_rollback() {
            return self.start_rollback(queued);
        }
        self.unless_refused(queued, |draft| draft.enter(number, Phase::Preparing));
    }

    /// Goes on with a deployment that has touched nothing yet, unless it is not allowed any more.
    pub(super) fn unless_refused(&mut self, deployment: &Deployment, next: impl FnOnce(&mut Self)) {
        let held = self.state.hold.as_ref();
        let held = held.map(|hold| Refusal::Held { by: hold.by.clone(), why: hold.reason.clone() });
        let refusal = held.or_else(|| self.refused_meanwhile(deployment));
        match refusal.or_else(|| admission::refuse_changed(&self.state, deployment.planned_on)) {
            Some(refusal) => {
                self.end(deployment.number, Outcome::Refused, Some(refusal.to_string()));
            }
            None => next(self),
        }
    }

    fn start_rollback(&mut self, rollback: &Deployment) {
        let number = rollback.number;
        let nothing_touched = self.undone_by(number).is_empty();
        let is_there = self.state.live.is_some_and(|live| live.sha == rollback.sha);
        if nothing_touched && is_there && rollback.restores().is_none() {
            return self.end_where_it_is(rollback);
        }
        match self.refused_meanwhile(rollback) {
            Some(refusal) if nothing_touched => {
                return self.end(number, Outcome::Refused, Some(refusal.to_string()));
            }
            Some(_) if self.retarget(rollback) || self.retarget_to_the_point(rollback) => return,
            Some(_) | None => {}
        }
        if let Some(left) = self.state.listening_live().map(|live| live.number) {
            self.push(left, Event::ListeningEnded);
        }
        let watched = self.state.watched_live().map(|watched| watched.number);
        if let Some(watched) = watched {
            let reason = format!("rolled back by {}", rollback.by);
            self.push(watched, Event::Condemned { reason });
            self.push(watched, Event::UndoneBy { rollback: number });
        }
        self.enter(number, Phase::Resetting);
    }
}

enum Move {
    /// A newer deployment does not wait for an older one's gate.
    LeaveGate {
        number: DeploymentNumber,
        newer: DeploymentNumber,
    },
    /// It comes back when what is undone meanwhile is gone.
    LeaveGateForNow(DeploymentNumber),
    Start(Deployment),
    Undo(Deployment),
}
