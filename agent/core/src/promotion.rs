//! What another environment may take from this one: what it has validated, and stands behind still.

use crate::{
    environment::Environment,
    ids::CommitSha,
    lifecycle::{Deployment, Outcome, Placement},
};

/// Why a commit should not be taken from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// It is in quarantine.
    Quarantined(String),
    /// A rollback left it.
    Left,
    /// It never earned a good verdict, as far back as the state remembers.
    NotValidated,
}

impl Environment {
    /// The newest placement that was validated here, and that nobody objects to.
    #[must_use]
    pub fn newest_sound(&self) -> Option<Placement> {
        let sound = |placement: &Placement| self.objection(placement.sha).is_none();
        self.validated.iter().rev().map(|earned| earned.placement).find(sound)
    }

    /// Whether a commit is sound that was validated so long ago that the state has forgotten it, going
    /// by its newest deployment here. What a rollback may have left is not: that is forgotten, too.
    #[must_use]
    pub fn stood_behind(&self, deployment: &Deployment) -> bool {
        deployment.outcome == Some(Outcome::Validated) && deployment.turn >= self.last_rollback
    }

    /// What speaks against taking `sha` from here.
    #[must_use]
    pub fn objection(&self, sha: CommitSha) -> Option<Objection> {
        if let Some(quarantine) = self.quarantined.get(&sha) {
            return Some(Objection::Quarantined(quarantine.reason.clone()));
        }
        if self.withdrawn.contains(&sha) {
            return Some(Objection::Left);
        }
        (!self.has_earned_validation(sha)).then_some(Objection::NotValidated)
    }
}
