//! What becomes of a verdict that does not come: a notice, a grace, a deadline.

use super::{Answer, Draft, verdicts::reason_to_stay};
use crate::{
    event::Event,
    ids::Timestamp,
    lifecycle::{Deployment, Outcome, Phase},
    policy::OnDeadline,
    verdict::Verdict,
};

impl Draft<'_> {
    pub(super) fn tick(&mut self) -> Answer {
        let watched: Vec<Deployment> =
            self.state.watches().map(|watch| self.state.open[&watch.deployment].clone()).collect();
        for deployment in watched {
            self.tick_one(&deployment);
        }
        self.remind_of_stranded();
        Answer::Done
    }

    fn tick_one(&mut self, deployment: &Deployment) {
        let number = deployment.number;
        let Some(since) = deployment.watching_since else { return };
        let watched_ms = self.now.since(since);
        let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= self.now);
        let is_over = is_due(deployment.deadline_due(self.policy));
        if deployment.phase == Phase::Ended {
            if is_over {
                self.push(number, Event::ListeningEnded);
            }
            return;
        }
        if is_due(deployment.grace_due(self.policy)) {
            return self.give_up(deployment, "CI was cancelled, and nothing newer came".to_owned());
        }
        if is_over {
            return self.deadline_passed(deployment, watched_ms);
        }
        if is_due(deployment.notice_due(self.policy)) {
            let verdict = deployment.verdict_value();
            self.push(number, Event::StillPending { after_ms: watched_ms, verdict });
        }
    }

    fn deadline_passed(&mut self, deployment: &Deployment, watched_ms: u64) {
        let minutes = watched_ms / 60_000;
        let reason = match deployment.verdict_value() {
            Verdict::NoRun => format!("no CI run was found within {minutes} min"),
            Verdict::Pending
            | Verdict::Success
            | Verdict::Failure
            | Verdict::Cancelled
            | Verdict::Unknown => format!("no verdict within {minutes} min"),
        };
        let keep = self.policy.on_deadline == OnDeadline::Keep
            || deployment.verdict_value() == Verdict::NoRun;
        if keep && deployment.phase == Phase::Watching {
            let note = format!("{reason}; it stays live, not validated");
            return self.end_listening(deployment.number, Outcome::Live, Some(note));
        }
        self.give_up(deployment, reason);
    }

    fn give_up(&mut self, deployment: &Deployment, reason: String) {
        let validated = self.state.was_validated(deployment.sha);
        if deployment.phase == Phase::Gating {
            self.end_listening(deployment.number, Outcome::Failed, Some(reason));
        } else if let Some(stays) = reason_to_stay(deployment, validated) {
            self.stay_live(deployment.number, &reason, stays);
        } else {
            self.push(deployment.number, Event::Condemned { reason });
        }
    }

    fn remind_of_stranded(&mut self) {
        let Some(stranded) = &self.state.stranded else { return };
        if stranded.reminder_due().is_some_and(|due| due <= self.now) {
            let after_ms = self.now.since(stranded.since);
            self.push(None, Event::StillStranded { after_ms });
        }
    }
}
