//! The time after going live in which the application has to stay healthy.

use super::{Answer, Draft, UnexpectedInput, verdicts::red_reason};
use crate::{
    event::Event,
    failure::{Failure, FailureKind},
    ids::DeploymentNumber,
    lifecycle::{Deployment, Phase},
    verdict::Verdict,
};

impl Draft<'_> {
    /// Ends what is live and good already; else what is still missing is waited for.
    pub(super) fn bake_or_end(&mut self, active: &Deployment, verdict_awaited: bool) {
        let (number, for_ms) = (active.number, self.policy.bake_ms);
        if !verdict_awaited && for_ms == 0 {
            return self.validate(active.placement());
        }
        self.enter(number, Phase::Watching);
        if for_ms > 0 {
            self.push(number, Event::BakeBegan { for_ms, verdict_awaited });
        }
    }

    pub(super) fn baked(
        &mut self,
        number: DeploymentNumber,
        result: Result<(), String>,
    ) -> Result<Answer, UnexpectedInput> {
        let bakes = self.state.bakes().any(|(baking, _)| baking == number);
        let deployment = self.state.open.get(&number).filter(|_| bakes);
        let deployment = deployment.cloned().ok_or(UnexpectedInput { deployment: number })?;
        match result {
            Ok(()) => self.stayed_healthy(deployment),
            Err(detail) => {
                let message = format!("the application is not healthy any more: {detail}");
                let failure = Failure::new(FailureKind::Unhealthy, message);
                self.push(number, Event::StepFailed { failure });
                self.condemn(&deployment, format!("it did not stay healthy: {detail}"));
            }
        }
        Ok(Answer::Done)
    }

    /// What its verdict said meanwhile counts from now on; one that is missing still is waited for.
    fn stayed_healthy(&mut self, baking: Deployment) {
        self.push(baking.number, Event::Baked);
        let baked = Deployment { bake: None, ..baking };
        match baked.verdict_value() {
            Verdict::Success => self.validate(baked.placement()),
            Verdict::Failure => {
                let why = baked.verdict.as_ref().map(red_reason).unwrap_or_default();
                self.source_says_bad(&baked, why);
            }
            Verdict::Pending | Verdict::Cancelled | Verdict::NoRun | Verdict::Unknown => {
                if baked.watching_since.is_none() {
                    self.validate(baked.placement());
                }
            }
        }
    }
}
