//! Where the agent goes on after it was stopped in the middle of a step.

use super::{Answer, Draft};
use crate::{
    effect::Pace,
    environment::Environment,
    event::Event,
    ids::{CommitSha, Timestamp},
    lifecycle::{Deployment, Phase},
};

impl Draft<'_> {
    pub(super) fn import(&mut self, validated: CommitSha) -> Answer {
        if self.state == Environment::default() {
            self.push(None, Event::ValidatedImported { sha: validated });
        }
        Answer::Done
    }

    /// A crash leaves a tree and an application in an unknown state: both are made anew. Whoever
    /// waits for a verdict goes on waiting, be it superseded.
    pub(super) fn agent_started(&mut self, alive_until: Option<Timestamp>) -> Answer {
        let away_ms = alive_until.map_or(0, |until| self.now.0.saturating_sub(until.0));
        let interrupted =
            self.state.active_deployment().map(|active| (active.number, active.phase));
        if let Some((number, phase)) = interrupted {
            self.push(number, Event::Recovered { phase: goes_on_from(phase), away_ms });
        }
        let waits = |deployment: &&Deployment| match deployment.phase {
            Phase::Watching => true,
            Phase::Ended => deployment.is_listening() && deployment.pace() == Pace::Prompt,
            Phase::Queued
            | Phase::Preparing
            | Phase::Gating
            | Phase::BackingUp
            | Phase::Resetting
            | Phase::Restarting
            | Phase::Probing
            | Phase::RollingBack => false,
        };
        let waiting = self.state.open.values().filter(waits).map(|it| (it.number, it.phase));
        for (number, phase) in waiting.collect::<Vec<_>>() {
            self.push(number, Event::Recovered { phase, away_ms });
        }
        self.go_on_monitoring(u64::try_from(away_ms).unwrap_or(0));
        Answer::Done
    }
}

fn goes_on_from(interrupted: Phase) -> Phase {
    match interrupted {
        Phase::Restarting | Phase::Probing => Phase::Resetting,
        Phase::Queued
        | Phase::Preparing
        | Phase::Gating
        | Phase::BackingUp
        | Phase::Resetting
        | Phase::Watching
        | Phase::RollingBack
        | Phase::Ended => interrupted,
    }
}
