//! What a verdict means: for what is live, for what waits at the gate, and for what is gone.

use super::{Answer, Draft, UnexpectedInput};
use crate::{
    event::Event,
    ids::DeploymentNumber,
    lifecycle::{Deployment, Outcome, Phase, Placement},
    verdict::{Verdict, VerdictReport},
};

impl Draft<'_> {
    pub(super) fn verdict(
        &mut self,
        number: DeploymentNumber,
        report: VerdictReport,
    ) -> Result<Answer, UnexpectedInput> {
        let awaited = self.state.watches().any(|watch| watch.deployment == number);
        let deployment = self.state.open.get(&number).filter(|_| awaited);
        let deployment = deployment.cloned().ok_or(UnexpectedInput { deployment: number })?;
        let news = deployment.verdict.as_ref() != Some(&report);
        let worth_telling = deployment.verdict.is_some() || report.value != Verdict::Pending;
        if news && worth_telling {
            let value = report.value;
            let why = red_reason(&report);
            self.push(number, Event::VerdictReceived { report, by: None, reason: None });
            match value {
                // CI does not make up for health that nobody saw to the end.
                Verdict::Success if deployment.ended_unbaked() => {
                    self.lift_quarantine(deployment.placement());
                }
                Verdict::Success => self.verdict_is_good(deployment.placement()),
                Verdict::Failure => self.source_says_bad(&deployment, why),
                Verdict::Pending | Verdict::Cancelled | Verdict::NoRun | Verdict::Unknown => {}
            }
            self.stop_listening(&deployment, value);
        }
        Ok(Answer::Done)
    }

    /// A deployment that has ended heard what it listened for. Red may turn green where the source
    /// changes its mind, and what is live is listened to for as long as it stays.
    fn stop_listening(&mut self, deployment: &Deployment, value: Verdict) {
        let final_word = match value {
            Verdict::Success => self.state.live != Some(deployment.placement()),
            Verdict::Failure => !self.policy.late_verdicts,
            Verdict::Pending | Verdict::Cancelled | Verdict::NoRun | Verdict::Unknown => false,
        };
        if final_word && deployment.phase == Phase::Ended {
            self.push(deployment.number, Event::ListeningEnded);
        }
    }

    fn lift_quarantine(&mut self, on: Placement) {
        if self.state.quarantined.contains_key(&on.sha) {
            self.push(on.deployment, Event::QuarantineLifted { sha: on.sha });
        }
    }

    pub(super) fn verdict_is_good(&mut self, on: Placement) {
        self.lift_quarantine(on);
        let open = on.deployment.and_then(|number| self.state.open.get(&number)).cloned();
        match open {
            Some(gated) if gated.phase == Phase::Gating => {
                self.unless_refused(&gated, |draft| draft.pass_the_gate(gated.number));
            }
            // Its health may still undo it.
            Some(baking) if baking.is_baking() => {}
            Some(watched) if watched.phase == Phase::Watching => self.validate(on),
            Some(_) | None => self.remember_validated(on),
        }
    }

    /// Ends a healthy deployment as validated.
    pub(super) fn validate(&mut self, on: Placement) {
        self.remember_validated(on);
        if let Some(number) = on.deployment {
            self.end_listening(number, Outcome::Validated, None);
        }
    }

    /// Only what was healthy here counts, and only for the very commit: a rollback may have gone on
    /// with another one.
    fn remember_validated(&mut self, on: Placement) {
        let is_live = self.state.live == Some(on);
        let open = on.deployment.and_then(|number| self.state.open.get(&number));
        let open = open.filter(|deployment| deployment.sha == on.sha);
        let was_healthy = is_live || open.is_some_and(|deployment| deployment.live_at.is_some());
        let known = self.state.validated.iter().any(|earned| earned.placement == on);
        if was_healthy && !known {
            self.push(on.deployment, Event::Validated);
        }
    }

    /// After validation a later red only alerts.
    pub(super) fn source_says_bad(&mut self, deployment: &Deployment, why: String) {
        let validated = self.state.was_validated(deployment.sha);
        if !validated && !self.state.quarantined.contains_key(&deployment.sha) {
            let (number, sha) = (deployment.number, deployment.sha);
            self.push(number, Event::Quarantined { sha, reason: why.clone() });
        }
        match reason_to_stay(deployment, validated) {
            // Its health may still undo it, and CI may still change its mind.
            Some(_) if deployment.is_baking() => {}
            Some(reason) if deployment.phase == Phase::Watching => {
                self.stay_live(deployment.number, &why, reason);
            }
            Some(_) if deployment.phase == Phase::Ended => {}
            Some(_) | None => self.condemn(deployment, why),
        }
    }

    /// Ends a live deployment that its verdict does not undo.
    pub(super) fn stay_live(&mut self, number: DeploymentNumber, why: &str, reason: &str) {
        let note = format!("{why}; it stays live, because {reason}");
        self.end_listening(number, Outcome::Live, Some(note));
    }

    /// What a bad verdict means for an open deployment: what waits ends, what runs is undone at its
    /// next seam, and what is gone already stays as it is.
    pub(super) fn condemn(&mut self, deployment: &Deployment, why: String) {
        match deployment.phase {
            Phase::Queued => self.end(deployment.number, Outcome::Failed, Some(why)),
            Phase::Gating => self.end_listening(deployment.number, Outcome::Failed, Some(why)),
            Phase::Preparing
            | Phase::BackingUp
            | Phase::Resetting
            | Phase::Restarting
            | Phase::Probing
            | Phase::Watching => self.push(deployment.number, Event::Condemned { reason: why }),
            Phase::Ended if self.runs_unvalidated(deployment) => {
                self.push(deployment.number, Event::Condemned { reason: why });
            }
            Phase::RollingBack | Phase::Ended => {}
        }
    }

    /// It ended without a verdict, and is live all the same.
    fn runs_unvalidated(&self, deployment: &Deployment) -> bool {
        let ended_live = deployment.outcome == Some(Outcome::Live);
        ended_live && self.state.live == Some(deployment.placement())
    }
}

/// Why a deployment stays live whatever its verdict is.
pub(super) fn reason_to_stay(deployment: &Deployment, validated: bool) -> Option<&'static str> {
    if validated {
        return Some("it was validated before");
    }
    deployment.is_overriding().then_some("its quarantine was overridden")
}

/// Why a red verdict speaks against a commit.
pub(super) fn red_reason(report: &VerdictReport) -> String {
    if report.jobs.is_empty() {
        return "CI failed".to_owned();
    }
    format!("CI failed: {}", report.jobs.join(", "))
}
