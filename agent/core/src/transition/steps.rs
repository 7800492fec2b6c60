//! The seams between the steps of the active deployment: what a result leads to.

use super::{Answer, Draft, UnexpectedInput};
use crate::{
    admission::Refusal,
    effect::StepDone,
    event::Event,
    failure::Failure,
    ids::{CommitSha, DeploymentNumber},
    lifecycle::{Deployment, Kind, Outcome, Phase},
    policy::VerifyWhen,
    verdict::Verdict,
};

impl Draft<'_> {
    pub(super) fn step_ended(
        &mut self,
        number: DeploymentNumber,
        result: Result<StepDone, Failure>,
    ) -> Result<Answer, UnexpectedInput> {
        let unexpected = UnexpectedInput { deployment: number };
        let wanted = self.state.wanted().filter(|wanted| wanted.deployment == number);
        let active = self.state.active_deployment().filter(|_| wanted.is_some());
        let active = active.cloned().ok_or_else(|| unexpected.clone())?;
        match (active.phase, result) {
            (
                Phase::Preparing,
                Ok(StepDone::Prepared { subject, author, older_than_live, head }),
            ) => {
                self.push(number, Event::Prepared { subject, author });
                self.note_baseline(number, head);
                self.go_on(&active, |draft| {
                    draft.unless_refused(&active, |draft| draft.prepared(&active, older_than_live));
                });
            }
            (Phase::BackingUp, Ok(StepDone::BackedUp(report))) => {
                self.push(number, Event::BackedUp(report));
                self.go_on(&active, |draft| {
                    draft.unless_refused(&active, |draft| draft.touch(number));
                });
            }
            (Phase::Resetting, Ok(StepDone::Reset(report))) => {
                self.push(number, Event::TreeReset(report));
                self.go_on(&active, |draft| draft.enter(number, Phase::Restarting));
            }
            (Phase::Restarting, Ok(StepDone::Restarted { detail })) => {
                self.push(number, Event::Restarted { detail });
                self.go_on(&active, |draft| draft.enter(number, Phase::Probing));
            }
            (Phase::Probing, Ok(StepDone::Healthy { status, attempts })) => {
                self.go_on(&active, |draft| {
                    draft.push(number, Event::WentLive { status, attempts });
                    draft.is_up();
                    draft.went_live(&active);
                });
            }
            (_, Err(failure)) => {
                self.push(number, Event::StepFailed { failure: failure.clone() });
                self.go_on(&active, |draft| draft.step_failed(&active, &failure));
            }
            (_, Ok(_)) => return Err(unexpected),
        }
        Ok(Answer::Done)
    }

    fn note_baseline(&mut self, number: DeploymentNumber, head: Option<CommitSha>) {
        let untouched = self.state.live.is_none() && self.state.stranded.is_none();
        let first = untouched && self.state.baseline.is_none();
        if let (true, Some(sha)) = (first, head) {
            self.push(number, Event::BaselineFound { sha });
        }
    }

    /// Goes on with `active`, unless a rollback by a person waits, or a person called the commit
    /// bad: then this is the seam at which it stops.
    fn go_on(&mut self, active: &Deployment, next: impl FnOnce(&mut Self)) {
        let waiting = self.state.queued_deployment().filter(|queued| queued.is_rollback());
        let waiting = waiting.map(|rollback| rollback.number).filter(|_| !active.is_rollback());
        match (waiting, &active.condemned) {
            (Some(rollback), _) => self.yield_to(active, rollback),
            (None, Some(reason)) => self.stop_condemned(active, reason, next),
            (None, None) => next(self),
        }
    }

    fn stop_condemned(&mut self, active: &Deployment, reason: &str, next: impl FnOnce(&mut Self)) {
        if active.is_rollback() {
            if !self.retarget(active) {
                next(self);
            }
        } else if active.phase.has_touched() {
            self.order_rollback(active, reason);
        } else {
            self.end(active.number, Outcome::Failed, Some(reason.to_owned()));
        }
    }

    fn yield_to(&mut self, active: &Deployment, rollback: DeploymentNumber) {
        if active.phase.has_touched() {
            self.push(
                active.number,
                Event::Condemned { reason: format!("rolled back by {rollback}") },
            );
            self.push(active.number, Event::UndoneBy { rollback });
        } else {
            self.push(active.number, Event::Superseded { by: rollback });
        }
    }

    fn prepared(&mut self, active: &Deployment, older_than_live: bool) {
        let number = active.number;
        let allowed = matches!(active.kind, Kind::Deploy { allow_older: true, .. });
        match self.state.live {
            Some(live) if older_than_live && !allowed => {
                let refusal = Refusal::OlderThanLive { sha: active.sha, live: live.sha };
                self.end(number, Outcome::Refused, Some(refusal.to_string()));
            }
            Some(_) | None if self.has_gate(number) => {
                self.enter(number, Phase::Gating);
            }
            Some(_) | None => self.pass_the_gate(number),
        }
    }

    /// Goes on to the first step that touches something, or to saving what it will touch.
    pub(super) fn pass_the_gate(&mut self, number: DeploymentNumber) {
        if self.policy.backs_up {
            self.enter(number, Phase::BackingUp);
        } else {
            self.touch(number);
        }
    }

    /// The classic gate, unless the verdict is good already, or a person does not ask for it.
    fn has_gate(&self, number: DeploymentNumber) -> bool {
        let passes = |deployment: &Deployment| {
            deployment.is_overriding() || deployment.verdict_value() == Verdict::Success
        };
        let passes = self.state.open.get(&number).is_some_and(passes);
        self.policy.when == VerifyWhen::Before && !passes
    }

    /// A red verdict on an earlier deployment of the commit, while this one waited or prepared.
    pub(super) fn refused_meanwhile(&self, deployment: &Deployment) -> Option<Refusal> {
        let quarantine = self.state.quarantined.get(&deployment.sha)?;
        Some(Refusal::Quarantined { sha: deployment.sha, why: quarantine.reason.clone() })
    }

    /// From here on the environment differs: what was live is not what is watched any more.
    pub(super) fn touch(&mut self, number: DeploymentNumber) {
        let watched = self.state.watched_live().map(|watched| watched.number);
        if let Some(watched) = watched {
            self.push(watched, Event::Superseded { by: number });
        }
        let good = |live: &&Deployment| {
            let green = live.verdict_value() == Verdict::Success && live.ended_unbaked();
            live.outcome == Some(Outcome::Validated) || green
        };
        let heard = self.state.listening_live().filter(good).map(|live| live.number);
        if let Some(heard) = heard {
            self.push(heard, Event::ListeningEnded);
        }
        self.enter(number, Phase::Resetting);
    }

    fn went_live(&mut self, active: &Deployment) {
        if active.is_rollback() {
            return self.rollback_went_live(active);
        }
        let is_good = active.verdict_value() == Verdict::Success;
        self.bake_or_end(active, self.policy.when != VerifyWhen::None && !is_good);
    }

    fn step_failed(&mut self, active: &Deployment, failure: &Failure) {
        let number = active.number;
        if active.is_rollback() {
            self.rollback_failed(active, failure);
        } else if active.phase.has_touched() {
            self.order_rollback(active, &failure.message);
        } else {
            let refused = failure.kind.is_refusal();
            let outcome = if refused { Outcome::Refused } else { Outcome::Failed };
            self.end(number, outcome, None);
        }
    }
}
