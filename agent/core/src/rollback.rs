//! Where a rollback leads. A target is never invented: validated and once healthy here, or the baseline.

use crate::{
    environment::Environment,
    ids::CommitSha,
    lifecycle::{Deployment, Placement},
    limits,
};

impl Environment {
    /// Where the environment would go back to: the newest validated placement that is neither
    /// quarantined nor left by a rollback, else the baseline.
    #[must_use]
    pub fn rollback_point(&self) -> Option<Placement> {
        self.newest_target_except(&[])
    }

    /// Where a rollback without a target leads: the rollback point, or the one before when the
    /// rollback point is what runs.
    #[must_use]
    pub(crate) fn manual_rollback_target(&self) -> Option<Placement> {
        let left: Vec<CommitSha> = self.in_place().iter().map(|left| left.sha).collect();
        self.newest_target_except(&left)
    }

    /// Where the way leads back from `sha`, should it fail.
    #[must_use]
    pub fn way_back_from(&self, sha: CommitSha) -> Option<Placement> {
        self.newest_target_except(&[sha])
    }

    /// Where an automatic rollback of `deployment` leads.
    pub(crate) fn automatic_rollback_target(&self, deployment: &Deployment) -> Option<Placement> {
        self.way_back_from(deployment.sha)
    }

    /// Where a rollback goes on after its target failed, if it may try once more.
    pub(crate) fn older_target(&self, rollback: &Deployment) -> Option<Placement> {
        if rollback.poisoned.len() >= limits::OLDER_TARGETS_TRIED {
            return None;
        }
        let mut tried = rollback.poisoned.clone();
        tried.push(rollback.sha);
        tried.extend(rollback.previous.map(|left| left.sha));
        self.newest_target_except(&tried)
    }

    fn newest_target_except(&self, except: &[CommitSha]) -> Option<Placement> {
        let usable = |sha: &CommitSha| !except.contains(sha) && !self.quarantined.contains_key(sha);
        let target = |placement: &&Placement| {
            usable(&placement.sha) && !self.withdrawn.contains(&placement.sha)
        };
        let mut validated = self.validated.iter().rev().map(|earned| &earned.placement);
        let validated = validated.find(target);
        let baseline = self.baseline.filter(usable);
        validated.copied().or(baseline.map(|sha| Placement { deployment: None, sha }))
    }
}
