//! What the state as a whole asks for, by level: whoever waits starts, whatever is red is undone.

use super::Draft;
use crate::{
    admission::{self, Refusal},
    event::Event,
    ids::DeploymentNumber,
    lifecycle::{Deployment, Outcome, Phase},
};

impl Draft<'_> {
    pub(super) fn settle(&mut self) {
        while let Some(next) = self.next_move() {
            match next {
                Move::LeaveGate { number, newer } => {
                    self.push(number, Event::Superseded { by: newer });
                }
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
        match (self.state.active_deployment(), queued) {
            (Some(active), Some(newer)) if active.phase == Phase::Gating => {
                Some(Move::LeaveGate { number: active.number, newer: newer.number })
            }
            (Some(_), _) => None,
            (None, Some(queued)) => Some(Move::Start(queued.clone())),
            (None, None) => self.state.condemned_live().cloned().map(Move::Undo),
        }
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
            Some(_) if self.retarget(rollback) => return,
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
    Start(Deployment),
    Undo(Deployment),
}
