//! Where the agent goes on after it was stopped in the middle of a step.

use super::{Answer, Draft};
use crate::{event::Event, lifecycle::Phase};

impl Draft<'_> {
    /// A crash leaves a tree and an application in an unknown state: both are made anew.
    pub(super) fn agent_started(&mut self) -> Answer {
        let Some(active) = self.state.active_deployment() else { return Answer::Done };
        let (number, interrupted) = (active.number, active.phase);
        let phase = match interrupted {
            Phase::Restarting | Phase::Probing => Phase::Resetting,
            Phase::Queued
            | Phase::Preparing
            | Phase::Gating
            | Phase::Resetting
            | Phase::Watching
            | Phase::RollingBack
            | Phase::Ended => interrupted,
        };
        self.push(number, Event::Recovered { phase });
        Answer::Done
    }
}
