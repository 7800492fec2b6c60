//! What people ask for: deployments, rollbacks, and their own word on a commit.

use super::{Answer, Draft};
use crate::{
    admission::{self, Admission, Refusal},
    event::Event,
    ids::{CommitSha, Identity},
    lifecycle::{Deployment, Kind, Phase, Placement},
    request::{DeployRequest, RollbackRequest},
    verdict::{Verdict, VerdictReport},
};

impl Draft<'_> {
    pub(super) fn deploy(&mut self, request: DeployRequest) -> Answer {
        match admission::admit_deploy(&self.state, &request) {
            Admission::Refuse(refusal) => self.refuse(Some(request.sha), request.by, refusal),
            Admission::Join(number) => Answer::Joined(number),
            Admission::Start | Admission::Queue => {
                let DeployRequest { sha, by, reason, request_id, .. } = request;
                let DeployRequest { redeploy, allow_older, planned_on, .. } = request;
                let overriding = self.state.quarantined.contains_key(&sha);
                if overriding {
                    self.push(None, Event::QuarantineLifted { sha });
                }
                let previous = self.state.live;
                let kind = Kind::Deploy { redeploy, allow_older, overriding };
                let admitted =
                    Event::Admitted { kind, sha, by, reason, request_id, previous, planned_on };
                self.take_in(admitted)
            }
        }
    }

    pub(super) fn rollback(&mut self, request: RollbackRequest) -> Answer {
        match admission::admit_rollback(&self.state, &request) {
            Err(refusal) => self.refuse(None, request.by, refusal),
            Ok((Admission::Refuse(refusal), _)) => self.refuse(None, request.by, refusal),
            Ok((Admission::Join(number), _)) => Answer::Joined(number),
            Ok((Admission::Start | Admission::Queue, target)) => {
                let RollbackRequest { by, reason, request_id, hold, backup, .. } = request;
                let previous = self.state.in_place();
                let undoes = previous.and_then(|live| live.deployment);
                let hold = hold.unwrap_or(self.policy.hold_after_manual_rollback);
                let kind = Kind::Rollback { undoes, automatic: false, hold, backup };
                let sha = target.sha;
                let planned_on = None;
                let admitted =
                    Event::Admitted { kind, sha, by, reason, request_id, previous, planned_on };
                self.take_in(admitted)
            }
        }
    }

    /// Admits; starts at once where nothing runs, else takes the waiting place: whoever waited
    /// there is superseded.
    fn take_in(&mut self, admitted: Event) -> Answer {
        let number = self.state.last.next();
        let waiting = self.state.queued;
        self.push(number, admitted);
        let free = self.state.active.is_none();
        match self.state.open.get(&number).filter(|_| free).cloned() {
            Some(deployment) => self.start(&deployment),
            None => {
                if let Some(replaced) = waiting {
                    self.push(replaced, Event::Superseded { by: number });
                }
                self.enter(number, Phase::Queued);
            }
        }
        Answer::Admitted(number)
    }

    fn refuse(&mut self, sha: Option<CommitSha>, by: Identity, refusal: Refusal) -> Answer {
        self.push(None, Event::Refused { sha, by, refusal: refusal.clone() });
        Answer::Refused(refusal)
    }

    /// A person's word is on the commit: it counts for every deployment of it that is underway.
    pub(super) fn operator_verdict(
        &mut self,
        on: Placement,
        good: bool,
        by: Identity,
        reason: String,
    ) -> Answer {
        let value = if good { Verdict::Success } else { Verdict::Failure };
        let why = format!("{by} gave the verdict {}: {reason}", value.as_str());
        let report = VerdictReport::of(value);
        let (said_by, reason) = (Some(by.clone()), Some(reason));
        self.push(on.deployment, Event::VerdictReceived { report, by: said_by, reason });
        if good {
            self.verdict_is_good(on);
        } else {
            self.person_says_bad(on, by, why);
        }
        self.stop_listening_to(on.sha);
        Answer::Done
    }

    /// A person's word is the last one on what has ended.
    fn stop_listening_to(&mut self, sha: CommitSha) {
        let listens = |other: &&Deployment| other.sha == sha && other.phase == Phase::Ended;
        let listeners: Vec<_> = self.state.open.values().filter(listens).cloned().collect();
        for listener in listeners {
            self.push(listener.number, Event::ListeningEnded);
        }
    }

    fn person_says_bad(&mut self, on: Placement, by: Identity, why: String) {
        let sha = on.sha;
        self.push(on.deployment, Event::Quarantined { sha, reason: why.clone() });
        let same_commit =
            |deployment: &&Deployment| deployment.sha == sha && deployment.phase != Phase::Ended;
        let underway: Vec<_> = self.state.open.values().filter(same_commit).cloned().collect();
        for deployment in underway {
            self.condemn(&deployment, why.clone());
        }
        self.undo_closed_live(sha, by, why);
    }

    /// What is live may be undone after its deployment has ended, too: that is a rollback by the
    /// person who said that it is bad.
    fn undo_closed_live(&mut self, sha: CommitSha, by: Identity, why: String) {
        let stays = self.state.live.filter(|live| self.state.in_place() == Some(*live));
        let Some(live) = stays.filter(|live| live.sha == sha) else { return };
        let open = live.deployment.and_then(|number| self.state.open.get(&number));
        let is_open = open.is_some_and(|deployment| deployment.phase != Phase::Ended);
        let is_leaving = self.state.active_deployment().is_some_and(Deployment::is_rollback);
        let Some(target) = self.state.rollback_point() else { return };
        if is_open || is_leaving {
            return;
        }
        let kind =
            Kind::Rollback { undoes: live.deployment, automatic: false, hold: false, backup: None };
        self.take_in(Event::Admitted {
            kind,
            sha: target.sha,
            by,
            reason: Some(why),
            request_id: None,
            previous: Some(live),
            planned_on: None,
        });
    }
}
