//! What happens next: an input, the state and the time in; entries out. Every decision is made here.
//!
//! Decisions go by level, not by edge: after each input [`Draft::settle`] looks at the whole state
//! and starts what it asks for, so that no order of events can leave a red deployment live.

mod bake;
mod monitor;
mod recovery;
mod requests;
mod rollbacks;
mod settle;
mod steps;
mod time;
mod verdicts;

use crate::{
    admission::Refusal,
    environment::Environment,
    event::{Entry, Event},
    ids::{DeploymentNumber, Timestamp},
    lifecycle::{Deployment, Outcome, Phase},
    policy::Policy,
    request::Input,
};

/// What an input causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The facts to journal, in order.
    pub entries: Vec<Entry>,
    /// The state after them.
    pub environment: Environment,
    /// Every deployment that changed, as it is after them.
    pub changed: Vec<Deployment>,
    /// For requests: what became of it.
    pub answer: Answer,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// There is nothing to say, or it is done.
    Done,
    /// It has a number now.
    Admitted(DeploymentNumber),
    /// That deployment is what was asked for.
    Joined(DeploymentNumber),
    /// It is not allowed.
    Refused(Refusal),
}

/// An input that the state has no place for: the sender is late, or there is a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("deployment {deployment} expects nothing of the kind now")]
pub struct UnexpectedInput {
    /// Which deployment it spoke of.
    pub deployment: DeploymentNumber,
}

impl Environment {
    /// Decides what `input`, which happened at `now`, causes.
    ///
    /// # Errors
    /// [`UnexpectedInput`] when the state has no place for it; nothing changes then.
    pub fn on(
        &self,
        input: Input,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Decision, UnexpectedInput> {
        let mut draft = Draft::new(self, policy, now);
        let answer = match input {
            Input::Deploy(request) => draft.deploy(request),
            Input::Rollback(request) => draft.rollback(request),
            Input::Hold { by, reason } => draft.tell(Event::Held { by, reason }),
            Input::Resume { by } => draft.tell(Event::Resumed { by }),
            Input::OperatorVerdict { on, good, by, reason } => {
                draft.operator_verdict(on, good, by, reason)
            }
            Input::StepEnded { deployment, result } => draft.step_ended(deployment, result)?,
            Input::Verdict { deployment, report } => draft.verdict(deployment, report)?,
            Input::Baked { deployment, result } => draft.baked(deployment, result)?,
            Input::Looked(looked) => draft.looked(looked),
            Input::CertificateSeen(ends) => draft.certificate_seen(&ends),
            Input::Tick => draft.tick(),
            Input::AgentStarted { alive_until } => draft.agent_started(alive_until),
            Input::Import { validated } => draft.import(validated),
        };
        draft.settle();
        Ok(draft.finish(answer))
    }
}

/// A decision in the making: each fact is applied at once, so the next one sees it.
struct Draft<'a> {
    state: Environment,
    policy: &'a Policy,
    now: Timestamp,
    entries: Vec<Entry>,
    changed: Vec<Deployment>,
}

impl<'a> Draft<'a> {
    fn new(state: &Environment, policy: &'a Policy, now: Timestamp) -> Self {
        let state = state.clone();
        Self { state, policy, now, entries: Vec::new(), changed: Vec::new() }
    }

    fn finish(self, answer: Answer) -> Decision {
        let Self { state: environment, entries, changed, .. } = self;
        Decision { entries, environment, changed, answer }
    }

    fn push(&mut self, deployment: impl Into<Option<DeploymentNumber>>, event: Event) {
        let entry = Entry { deployment: deployment.into(), event };
        if let Some(after) = self.state.apply(&entry, self.now) {
            self.changed.retain(|other| other.number != after.number);
            self.changed.push(after);
        }
        self.entries.push(entry);
    }

    fn tell(&mut self, event: Event) -> Answer {
        self.push(None, event);
        Answer::Done
    }

    fn enter(&mut self, number: DeploymentNumber, phase: Phase) {
        self.push(number, Event::PhaseEntered { phase });
    }

    /// Ends a deployment whose verdict means nothing any more.
    fn end(&mut self, number: DeploymentNumber, outcome: Outcome, note: Option<String>) {
        self.push(number, Event::Ended { outcome, note, listening: false });
    }

    /// Ends a deployment on which a later verdict still means something, where the source may
    /// change its mind.
    fn end_listening(&mut self, number: DeploymentNumber, outcome: Outcome, note: Option<String>) {
        self.push(number, Event::Ended { outcome, note, listening: self.policy.late_verdicts });
    }
}
