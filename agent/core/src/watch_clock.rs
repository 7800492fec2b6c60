//! When a verdict has been awaited for long enough. The one place that knows, so that what asks for
//! a tick and what a tick does never differ.

use crate::{
    effect::Pace,
    ids::Timestamp,
    lifecycle::{Deployment, Outcome, Phase},
    limits,
    policy::Policy,
};

impl Deployment {
    /// When people are to be told that the verdict takes long.
    pub(crate) fn notice_due(&self, policy: &Policy) -> Option<Timestamp> {
        let since = self.watching_since?;
        let is_open = !self.notice_given && self.phase != Phase::Ended;
        is_open.then(|| since.plus(policy.notice_after_ms))
    }

    /// When a cancelled verdict has waited for something newer long enough.
    pub(crate) fn grace_due(&self, policy: &Policy) -> Option<Timestamp> {
        let waits = self.phase != Phase::Ended && !self.is_baking();
        let cancelled_at = self.cancelled_at.filter(|_| waits)?;
        Some(self.not_right_after_start(cancelled_at.plus(policy.cancelled_grace_ms)))
    }

    /// When waiting ends. Never while the source of verdicts cannot be asked: its outage is not
    /// the deployment's fault. Nor while it bakes: what becomes of it is its health's to say first.
    pub(crate) fn deadline_due(&self, policy: &Policy) -> Option<Timestamp> {
        if self.pace() == Pace::Late {
            return self.finished_at.map(|at| at.plus(limits::LATE_LISTENING_MS));
        }
        let since = self.watching_since?;
        let budget = policy.deadline_ms.saturating_add(self.unknown_ms);
        let due = self.not_right_after_start(since.plus(budget));
        (self.unknown_since.is_none() && !self.is_baking()).then_some(due)
    }

    /// How soon a verdict is wanted: a superseded deployment still waits for its first one.
    pub(crate) fn pace(&self) -> Pace {
        let waits = self.outcome == Some(Outcome::Superseded) && !self.was_judged;
        if self.phase == Phase::Ended && !waits { Pace::Late } else { Pace::Prompt }
    }

    /// A verdict that came while the agent was down is looked at before anybody gives up on it.
    fn not_right_after_start(&self, due: Timestamp) -> Timestamp {
        let earliest = self.resumed_at.map(|at| at.plus(limits::LOOK_AFTER_START_MS));
        earliest.map_or(due, |earliest| due.max(earliest))
    }
}
