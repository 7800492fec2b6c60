//! What a verdict means: for what is live, for what waits at the gate, and for what is gone.

use super::{Answer, Draft, UnexpectedInput};
use crate::{
    event::Event,
    ids::DeploymentNumber,
    lifecycle::{Outcome, Phase, Placement},
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
            self.follow_verdict(deployment.placement(), value, why);
        }
        Ok(Answer::Done)
    }

    pub(super) fn follow_verdict(&mut self, on: Placement, value: Verdict, why: String) {
        match value {
            Verdict::Success => self.verdict_is_good(on),
            Verdict::Failure => self.verdict_is_bad(on, why),
            Verdict::Pending | Verdict::Cancelled | Verdict::NoRun | Verdict::Unknown => {}
        }
    }

    fn verdict_is_good(&mut self, on: Placement) {
        let phase = on.deployment.and_then(|number| self.state.open.get(&number)).map(|d| d.phase);
        match (on.deployment, phase) {
            (Some(number), Some(Phase::Gating)) => self.touch(number),
            (Some(_), Some(Phase::Watching)) => self.validate(on),
            (_, _) => self.validate_placement(on),
        }
    }

    /// Ends a healthy deployment as validated.
    pub(super) fn validate(&mut self, on: Placement) {
        self.validate_placement(on);
        if let Some(number) = on.deployment {
            self.end(number, Outcome::Validated, None);
        }
    }

    fn validate_placement(&mut self, on: Placement) {
        if self.state.quarantined.contains_key(&on.sha) {
            self.push(None, Event::QuarantineLifted { sha: on.sha });
        }
        let is_live = self.state.live.is_some_and(|live| live.deployment == on.deployment);
        let open = on.deployment.and_then(|number| self.state.open.get(&number));
        if is_live || open.is_some_and(|deployment| deployment.live_at.is_some()) {
            self.push(on.deployment, Event::Validated);
        }
    }

    fn verdict_is_bad(&mut self, on: Placement, why: String) {
        let validated_before = self.state.validated.iter().any(|placement| placement.sha == on.sha);
        let phase = on.deployment.and_then(|number| self.state.open.get(&number)).map(|d| d.phase);
        let Some(number) = on.deployment else { return };
        if validated_before && phase == Some(Phase::Watching) {
            let note = format!("{why}; it stays live, because it was validated before");
            return self.end(number, Outcome::Live, Some(note));
        }
        self.push(None, Event::Quarantined { sha: on.sha, reason: why.clone() });
        match phase {
            Some(Phase::Watching) => self.push(number, Event::Condemned { reason: why }),
            Some(Phase::Gating) => self.end(number, Outcome::Failed, Some(why)),
            Some(
                Phase::Queued
                | Phase::Preparing
                | Phase::Resetting
                | Phase::Restarting
                | Phase::Probing
                | Phase::RollingBack
                | Phase::Ended,
            )
            | None => {}
        }
    }
}

fn red_reason(report: &VerdictReport) -> String {
    if report.jobs.is_empty() {
        return "CI failed".to_owned();
    }
    format!("CI failed: {}", report.jobs.join(", "))
}
