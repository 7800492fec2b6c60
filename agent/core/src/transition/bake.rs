//! The time after going live in which the application has to stay healthy.

use super::{Answer, Draft, UnexpectedInput};
use crate::{
    event::Event,
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
            Ok(()) => {
                self.push(number, Event::Baked);
                let verdict_awaited = deployment.watching_since.is_some();
                if !verdict_awaited || deployment.verdict_value() == Verdict::Success {
                    self.validate(deployment.placement());
                }
            }
            Err(detail) => {
                self.condemn(&deployment, format!("it did not stay healthy: {detail}"));
            }
        }
        Ok(Answer::Done)
    }
}
