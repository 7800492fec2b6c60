//! What a rollback may lead to, as facts change it: who earned a good verdict, and what was left.

use std::collections::BTreeSet;

use crate::{
    environment::{Earned, Environment},
    ids::CommitSha,
    lifecycle::{Deployment, Placement},
    limits,
};

impl Environment {
    /// `deployment` goes live. What a rollback leaves is no target any more: rolling back twice
    /// goes back twice.
    pub(super) fn take_turn(&mut self, deployment: &Deployment) {
        self.turns = deployment.turn;
        if !deployment.is_rollback() {
            return;
        }
        self.last_rollback = self.turns;
        for left in [self.live, deployment.previous].into_iter().flatten() {
            if left.sha != deployment.sha && self.was_validated(left.sha) {
                self.withdrawn.insert(left.sha);
            }
        }
    }

    /// A late verdict on what went live earlier goes where it belongs: the newest never moves back.
    pub(super) fn remember_validated(&mut self, placement: Placement, turn: u64) {
        let sha = placement.sha;
        let same = |other: &Earned| other.placement.sha == sha;
        if self.validated.iter().any(|other| same(other) && other.turn >= turn) {
            return;
        }
        self.validated.retain(|other| !same(other));
        let place = self.validated.partition_point(|other| other.turn < turn);
        self.validated.insert(place, Earned { placement, turn });
        let surplus = self.validated.len().saturating_sub(limits::ROLLBACK_TARGETS);
        self.validated.drain(..surplus);
        self.withdrawn.remove(&sha);
        if turn < self.last_rollback {
            self.withdrawn.insert(sha);
        }
        let known: BTreeSet<CommitSha> = self.validated.iter().map(|it| it.placement.sha).collect();
        self.withdrawn.retain(|sha| known.contains(sha));
    }
}
