//! The fold: what each fact of the journal makes of an environment. Decides nothing.

mod deployment;
mod targets;

use crate::{
    environment::{Environment, Hold, Quarantine, Stranded},
    event::{Entry, Event},
    ids::{DeploymentNumber, Timestamp},
    lifecycle::{Deployment, Kind, Outcome, Phase, Placement},
    limits,
    monitor::Monitored,
};

impl Environment {
    /// Makes this the state after `entry`, which happened at `at`; answers the deployment that
    /// the entry speaks of, as it is afterwards.
    pub fn apply(&mut self, entry: &Entry, at: Timestamp) -> Option<Deployment> {
        self.apply_to_environment(&entry.event, at);
        let number = entry.deployment?;
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
            Event::StillStranded { .. } => self.count_reminder(),
            Event::ValidatedImported { sha } => {
                self.remember_validated(Placement { deployment: None, sha: *sha }, 0);
            }
            Event::Quarantined { sha, reason } => {
                let quarantine = Quarantine { reason: reason.clone(), since: at };
                self.quarantined.insert(*sha, quarantine);
                self.forget_oldest_quarantine();
            }
            Event::QuarantineLifted { sha } => {
                self.quarantined.remove(sha);
            }
            Event::MonitorBegan { unwatched_ms } => {
                let again = self.monitored.map(|it| it.after_a_pause(*unwatched_ms));
                self.monitored = Some(again.unwrap_or(Monitored::from(at)));
            }
            Event::MonitorEnded => self.monitored = None,
            Event::WentDown { .. } => self.note_down(Some(at)),
            Event::CameBack { .. } => self.note_down(None),
            Event::CertificateExpires { whose, days } => {
                self.expiries_told.insert(whose.clone(), *days);
            }
            Event::Admitted { .. }
            | Event::Refused { .. }
            | Event::PhaseEntered { .. }
            | Event::Prepared { .. }
            | Event::BaselineFound { .. }
            | Event::BackedUp(_)
            | Event::TreeReset(_)
            | Event::Restarted { .. }
            | Event::WentLive { .. }
            | Event::BakeBegan { .. }
            | Event::Baked
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
        deployment.apply(event, at, self.turns);
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
            self.remember_validated(live, self.turns);
        }
    }

    /// What an event of `deployment` means for the environment.
    fn follow(&mut self, deployment: &Deployment, event: &Event, at: Timestamp) {
        let number = deployment.number;
        match event {
            Event::PhaseEntered { phase: Phase::Queued } => {
                self.leave_places(number);
                self.queued = Some(number);
            }
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
                self.take_turn(deployment);
                self.live = Some(deployment.placement());
                self.stranded = None;
            }
            Event::Validated => {
                let is_live = self.live == Some(deployment.placement());
                self.stranded = self.stranded.take().filter(|_| !is_live);
                self.remember_validated(deployment.placement(), deployment.turn);
            }
            Event::BaselineFound { sha } => self.baseline = Some(*sha),
            Event::Admitted { .. }
            | Event::Refused { .. }
            | Event::Prepared { .. }
            | Event::ValidatedImported { .. }
            | Event::BackedUp(_)
            | Event::TreeReset(_)
            | Event::Restarted { .. }
            | Event::BakeBegan { .. }
            | Event::Baked
            | Event::StepFailed { .. }
            | Event::VerdictReceived { .. }
            | Event::StillPending { .. }
            | Event::Condemned { .. }
            | Event::Quarantined { .. }
            | Event::QuarantineLifted { .. }
            | Event::ListeningEnded
            | Event::MonitorBegan { .. }
            | Event::MonitorEnded
            | Event::WentDown { .. }
            | Event::CameBack { .. }
            | Event::CertificateExpires { .. }
            | Event::Retargeted { .. }
            | Event::StillStranded { .. }
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
                let deployment = deployment.number;
                self.stranded = Some(Stranded { deployment, reason, since: at, reminders: 0 });
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

    fn note_down(&mut self, since: Option<Timestamp>) {
        if let Some(monitored) = &mut self.monitored {
            monitored.down_since = since;
        }
    }

    fn count_reminder(&mut self) {
        if let Some(stranded) = &mut self.stranded {
            stranded.reminders += 1;
        }
    }

    fn forget_oldest_quarantine(&mut self) {
        if self.quarantined.len() > limits::QUARANTINED {
            let oldest = self.quarantined.iter().min_by_key(|(_, quarantine)| quarantine.since);
            let oldest = oldest.map(|(sha, _)| *sha);
            oldest.map(|sha| self.quarantined.remove(&sha));
        }
    }

    fn forget_oldest_listener(&mut self) {
        let live = self.live.and_then(|live| live.deployment);
        let gone = |deployment: &&Deployment| {
            deployment.phase == Phase::Ended && Some(deployment.number) != live
        };
        if self.open.values().filter(gone).count() > limits::ENDED_LISTENING {
            let oldest = self.open.values().find(gone).map(|deployment| deployment.number);
            oldest.map(|number| self.open.remove(&number));
        }
    }
}
