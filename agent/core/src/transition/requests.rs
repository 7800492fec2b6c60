//! What people ask for: deployments, rollbacks, and their own word on a commit.

use super::{Answer, Draft};
use crate::{
    admission::{self, Admission, Refusal},
    event::Event,
    ids::{CommitSha, DeploymentNumber, Identity},
    lifecycle::{Kind, Phase, Placement},
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
                let DeployRequest { redeploy, allow_older, .. } = request;
                let previous = self.state.live;
                let kind = Kind::Deploy { redeploy, allow_older };
                let admitted = Event::Admitted { kind, sha, by, reason, request_id, previous };
                self.queue(admitted)
            }
        }
    }

    pub(super) fn rollback(&mut self, request: RollbackRequest) -> Answer {
        match admission::admit_rollback(&self.state, &request) {
            Err(refusal) => self.refuse(None, request.by, refusal),
            Ok((Admission::Refuse(refusal), _)) => self.refuse(None, request.by, refusal),
            Ok((Admission::Join(number), _)) => Answer::Joined(number),
            Ok((Admission::Start | Admission::Queue, target)) => {
                let RollbackRequest { by, reason, request_id, hold, .. } = request;
                let previous = self.state.live;
                let undoes = previous.and_then(|live| live.deployment);
                let hold = hold.unwrap_or(self.policy.hold_after_manual_rollback);
                let kind = Kind::Rollback { undoes, automatic: false, hold };
                let sha = target.sha;
                self.queue(Event::Admitted { kind, sha, by, reason, request_id, previous })
            }
        }
    }

    /// Admits, and takes the waiting place; whoever waited there is superseded.
    fn queue(&mut self, admitted: Event) -> Answer {
        let number = self.state.last.next();
        let waiting = self.state.queued;
        self.push(number, admitted);
        if let Some(replaced) = waiting {
            self.push(replaced, Event::Superseded { by: number });
        }
        self.enter(number, Phase::Queued);
        Answer::Admitted(number)
    }

    fn refuse(&mut self, sha: Option<CommitSha>, by: Identity, refusal: Refusal) -> Answer {
        self.push(None, Event::Refused { sha, by, refusal: refusal.clone() });
        Answer::Refused(refusal)
    }

    pub(super) fn operator_verdict(
        &mut self,
        on: Placement,
        good: bool,
        by: Identity,
        reason: String,
    ) -> Answer {
        let value = if good { Verdict::Success } else { Verdict::Failure };
        let report = VerdictReport::of(value);
        let why = format!("{by} gave the verdict {}: {reason}", value.as_str());
        if let Some(number) = on.deployment {
            let event = Event::VerdictReceived { report, by: Some(by), reason: Some(reason) };
            self.push(number, event);
            self.follow_verdict(on, value, why.clone());
            self.undo_if_closed(number, good, why);
        }
        Answer::Done
    }

    /// A person's bad verdict also undoes what is live after its deployment has ended.
    fn undo_if_closed(&mut self, number: DeploymentNumber, good: bool, reason: String) {
        let live = self.state.live.filter(|live| live.deployment == Some(number));
        let closed = !self.state.open.contains_key(&number);
        let (Some(live), Some(target)) = (live, self.state.rollback_point()) else { return };
        if good || !closed || target.sha == live.sha {
            return;
        }
        let kind = Kind::Rollback { undoes: Some(number), automatic: false, hold: false };
        let by = Identity::agent();
        let (reason, sha, previous) = (Some(reason), target.sha, Some(live));
        self.queue(Event::Admitted { kind, sha, by, reason, request_id: None, previous });
    }
}
