//! The VM: the work tree, Docker, the git remote, and commits that are never healthy.

use std::collections::BTreeSet;

use ripcord_core::{CommitSha, Effect, Failure, FailureKind, Placement, Step, StepDone, Timestamp};

use crate::{
    day::SECOND,
    model::{backup::backup_before, sha},
    town::Town,
};

/// A commit that is on no branch of ours.
pub const FOREIGN: u8 = 250;

#[derive(Default)]
pub struct Machine {
    /// What HEAD names.
    pub tree: Option<CommitSha>,
    pub docker_down: bool,
    pub remote_down: bool,
    pub sick: BTreeSet<CommitSha>,
    /// On the disk: when the agent last noted that it is alive.
    pub alive_until: Timestamp,
}

impl Town {
    /// How long a step takes.
    pub fn lasts(&mut self, step: &Step) -> u64 {
        let longest = match step {
            Step::Prepare { .. } => 20,
            Step::BackUp { .. } => 40,
            Step::Reset { .. } => 5,
            Step::Restart if self.machine.docker_down => 120,
            Step::Restart => 30,
            Step::Probe => 60,
        };
        self.dice.between(200, longest * SECOND)
    }

    /// What a step that ends now did, and found out.
    pub fn perform(&mut self, effect: &Effect) -> Result<StepDone, Failure> {
        let by_itself = !self.is_evening && self.dice.chance(self.day.faults);
        match &effect.step {
            Step::Prepare { live } => self.prepare(effect.sha, *live, by_itself),
            Step::BackUp { .. } if by_itself => broke(FailureKind::Backup),
            Step::BackUp { of } => {
                let report = backup_before(effect.deployment);
                self.world.backups.push((report.id.clone(), *of));
                Ok(StepDone::BackedUp(report))
            }
            Step::Reset { .. } if by_itself => broke(FailureKind::Tree),
            Step::Reset { .. } => {
                self.machine.tree = Some(effect.sha);
                Ok(StepDone::Reset(Default::default()))
            }
            Step::Restart if by_itself || self.machine.docker_down => broke(FailureKind::Runtime),
            Step::Restart => Ok(StepDone::Restarted { detail: "restarted".to_owned() }),
            Step::Probe => self.probe(effect.sha, by_itself),
        }
    }

    /// Whether somebody who looks finds what runs healthy.
    pub fn serves(&self) -> bool {
        let runs = self.world.runs.filter(|runs| !self.machine.sick.contains(runs));
        runs.is_some() && !self.machine.docker_down
    }

    fn prepare(
        &self,
        commit: CommitSha,
        live: Option<Placement>,
        by_itself: bool,
    ) -> Result<StepDone, Failure> {
        if by_itself || self.machine.remote_down {
            return broke(FailureKind::Remote);
        }
        if commit == sha(FOREIGN) {
            return broke(FailureKind::UnknownCommit);
        }
        let (subject, author) = ("a commit".to_owned(), "ada".to_owned());
        let older_than_live = live.is_some_and(|live| commit < live.sha);
        Ok(StepDone::Prepared { subject, author, older_than_live, head: self.machine.tree })
    }

    fn probe(&mut self, commit: CommitSha, by_itself: bool) -> Result<StepDone, Failure> {
        let sick = self.machine.sick.contains(&commit) || self.machine.docker_down;
        if by_itself || sick {
            return broke(FailureKind::Unhealthy);
        }
        self.world.runs = Some(commit);
        Ok(StepDone::Healthy { status: Some(200), attempts: 1 })
    }
}

fn broke(kind: FailureKind) -> Result<StepDone, Failure> {
    Err(Failure::new(kind, "it broke"))
}
