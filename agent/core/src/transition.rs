//! What happens next: an input, the state and the time in; entries out. Every decision is made here.
//!
//! Decisions go by level, not by edge: after each input [`Draft::settle`] looks at the whole state
//! and starts what it asks for, so that no order of events can leave a red deployment live.

use crate::{
    admission::{self, Admission, Refusal},
    effect::StepDone,
    environment::Environment,
    event::{Entry, Event},
    failure::Failure,
    ids::{CommitSha, DeploymentNumber, Identity, Timestamp},
    lifecycle::{Deployment, Kind, Outcome, Phase, Placement},
    limits,
    policy::{OnDeadline, Policy, VerifyWhen},
    request::{DeployRequest, Input, RollbackRequest},
    verdict::{Verdict, VerdictReport},
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
            Input::Tick => draft.tick(),
            Input::AgentStarted => draft.agent_started(),
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

    fn end(&mut self, number: DeploymentNumber, outcome: Outcome, note: Option<String>) {
        self.push(number, Event::Ended { outcome, note });
    }
}

/// Requests.
impl Draft<'_> {
    fn deploy(&mut self, request: DeployRequest) -> Answer {
        match admission::admit_deploy(&self.state, &request) {
            Admission::Refuse(refusal) => self.refuse(Some(request.sha), request.by, refusal),
            Admission::Join(number) => Answer::Joined(number),
            Admission::Start | Admission::Queue => {
                let DeployRequest { sha, by, reason, request_id, .. } = request;
                let DeployRequest { redeploy, allow_older, .. } = request;
                let previous = self.state.live;
                let kind = Kind::Deploy { redeploy, allow_older };
                let admitted = Event::Admitted { kind, sha, by, reason, request_id, previous };
                self.queue(admitted)
            }
        }
    }

    fn rollback(&mut self, request: RollbackRequest) -> Answer {
        match admission::admit_rollback(&self.state, &request) {
            Err(refusal) => self.refuse(None, request.by, refusal),
            Ok((Admission::Refuse(refusal), _)) => self.refuse(None, request.by, refusal),
            Ok((Admission::Join(number), _)) => Answer::Joined(number),
            Ok((Admission::Start | Admission::Queue, target)) => {
                let RollbackRequest { by, reason, request_id, hold, .. } = request;
                let previous = self.state.live;
                let undoes = previous.and_then(|live| live.deployment);
                let hold = hold.unwrap_or(self.policy.hold_after_manual_rollback);
                let kind = Kind::Rollback { undoes, automatic: false, hold };
                let sha = target.sha;
                self.queue(Event::Admitted { kind, sha, by, reason, request_id, previous })
            }
        }
    }

    /// Admits, and takes the waiting place; whoever waited there is superseded.
    fn queue(&mut self, admitted: Event) -> Answer {
        let number = self.state.last.next();
        let waiting = self.state.queued;
        self.push(number, admitted);
        if let Some(replaced) = waiting {
            self.push(replaced, Event::Superseded { by: number });
        }
        self.enter(number, Phase::Queued);
        Answer::Admitted(number)
    }

    fn refuse(&mut self, sha: Option<CommitSha>, by: Identity, refusal: Refusal) -> Answer {
        self.push(None, Event::Refused { sha, by, refusal: refusal.clone() });
        Answer::Refused(refusal)
    }

    fn operator_verdict(
        &mut self,
        on: Placement,
        good: bool,
        by: Identity,
        reason: String,
    ) -> Answer {
        let value = if good { Verdict::Success } else { Verdict::Failure };
        let report = VerdictReport::of(value);
        let why = format!("{by} gave the verdict {}: {reason}", value.as_str());
        if let Some(number) = on.deployment {
            let event = Event::VerdictReceived { report, by: Some(by), reason: Some(reason) };
            self.push(number, event);
            self.follow_verdict(on, value, why.clone());
            self.undo_if_closed(number, good, why);
        }
        Answer::Done
    }

    /// A person's bad verdict also undoes what is live after its deployment has ended.
    fn undo_if_closed(&mut self, number: DeploymentNumber, good: bool, reason: String) {
        let live = self.state.live.filter(|live| live.deployment == Some(number));
        let closed = !self.state.open.contains_key(&number);
        let (Some(live), Some(target)) = (live, self.state.rollback_point()) else { return };
        if good || !closed || target.sha == live.sha {
            return;
        }
        let kind = Kind::Rollback { undoes: Some(number), automatic: false, hold: false };
        let by = Identity::agent();
        let (reason, sha, previous) = (Some(reason), target.sha, Some(live));
        self.queue(Event::Admitted { kind, sha, by, reason, request_id: None, previous });
    }
}

/// The steps of the active deployment.
impl Draft<'_> {
    fn step_ended(
        &mut self,
        number: DeploymentNumber,
        result: Result<StepDone, Failure>,
    ) -> Result<Answer, UnexpectedInput> {
        let unexpected = UnexpectedInput { deployment: number };
        let active = self.state.active_deployment().filter(|active| active.number == number);
        let active = active.cloned().ok_or_else(|| unexpected.clone())?;
        match (active.phase, result) {
            (
                Phase::Preparing,
                Ok(StepDone::Prepared { subject, author, older_than_live, head }),
            ) => {
                self.push(number, Event::Prepared { subject, author });
                self.note_baseline(number, head);
                self.go_on(&active, |draft| draft.prepared(&active, older_than_live));
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
                self.push(number, Event::WentLive { status, attempts });
                self.went_live(&active);
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
        let first = self.state.live.is_none() && self.state.baseline.is_none();
        if let (true, Some(sha)) = (first, head) {
            self.push(number, Event::BaselineFound { sha });
        }
    }

    /// Goes on with `active`, unless a rollback by a person waits: that one starts at this seam.
    fn go_on(&mut self, active: &Deployment, next: impl FnOnce(&mut Self)) {
        let waiting = self.state.queued_deployment().filter(|queued| queued.is_rollback());
        match waiting.map(|rollback| rollback.number) {
            Some(rollback) if !active.is_rollback() => self.yield_to(active, rollback),
            Some(_) | None => next(self),
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
            Some(_) | None if self.policy.when == VerifyWhen::Before => {
                self.enter(number, Phase::Gating);
            }
            Some(_) | None => self.touch(number),
        }
    }

    /// From here on the environment differs: what was live is not what is watched any more.
    fn touch(&mut self, number: DeploymentNumber) {
        let watched = self.state.watched_live().map(|watched| watched.number);
        if let Some(watched) = watched {
            self.push(watched, Event::Superseded { by: number });
        }
        self.enter(number, Phase::Resetting);
    }

    fn went_live(&mut self, active: &Deployment) {
        let number = active.number;
        if active.is_rollback() {
            return self.rollback_went_live(active);
        }
        match self.policy.when {
            VerifyWhen::After => self.enter(number, Phase::Watching),
            VerifyWhen::Before | VerifyWhen::None => self.validate(active.placement()),
        }
    }

    fn rollback_went_live(&mut self, rollback: &Deployment) {
        let number = rollback.number;
        let is_target = |placement: &Placement| placement.sha == rollback.sha;
        if self.state.validated.iter().any(is_target) {
            self.push(number, Event::Validated);
            self.end(number, Outcome::Validated, None);
        } else {
            let note = "not validated: this is what ran before".to_owned();
            self.end(number, Outcome::Live, Some(note));
        }
        for undone in self.undone_by(number) {
            let outcome =
                if undone.condemned.is_some() { Outcome::RolledBack } else { Outcome::Failed };
            self.end(undone.number, outcome, None);
        }
        self.hold_after(rollback);
    }

    fn undone_by(&self, rollback: DeploymentNumber) -> Vec<Deployment> {
        let is_undone = |other: &&Deployment| other.undone_by == Some(rollback);
        self.state.open.values().filter(is_undone).cloned().collect()
    }

    fn hold_after(&mut self, rollback: &Deployment) {
        let Kind::Rollback { automatic, hold, .. } = rollback.kind else { return };
        if hold {
            let reason = format!("after rollback {}", rollback.number);
            self.push(None, Event::Held { by: rollback.by.clone(), reason });
        }
        let flapping = self.state.automatic_rollbacks.len() >= limits::FLAPPING_ROLLBACKS;
        if automatic && flapping {
            let reason = "flapping: three automatic rollbacks within an hour".to_owned();
            self.push(None, Event::Held { by: Identity::agent(), reason });
        }
    }

    fn step_failed(&mut self, active: &Deployment, failure: &Failure) {
        let number = active.number;
        if active.is_rollback() {
            self.rollback_failed(active);
        } else if active.phase.has_touched() {
            self.order_rollback(active, &failure.message);
        } else {
            let refused = failure.kind.is_refusal();
            let outcome = if refused { Outcome::Refused } else { Outcome::Failed };
            self.end(number, outcome, None);
        }
    }

    fn rollback_failed(&mut self, rollback: &Deployment) {
        let number = rollback.number;
        if let Some(older) = self.state.older_target(rollback) {
            self.push(number, Event::Retargeted { sha: older.sha });
            return self.enter(number, Phase::Resetting);
        }
        for undone in self.undone_by(number) {
            let note = format!("rollback {number} failed");
            self.end(undone.number, Outcome::Stranded, Some(note));
        }
        self.end(number, Outcome::Stranded, None);
    }

    /// Undoes `deployment` by a rollback of the agent's own, or says that there is nowhere to go.
    fn order_rollback(&mut self, deployment: &Deployment, reason: &str) {
        let Some(target) = self.state.automatic_rollback_target(deployment) else {
            let note = format!("{reason}; there is nothing to roll back to");
            return self.end(deployment.number, Outcome::Stranded, Some(note));
        };
        let number = self.state.last.next();
        let kind = Kind::Rollback { undoes: Some(deployment.number), automatic: true, hold: false };
        let admitted = Event::Admitted {
            kind,
            sha: target.sha,
            by: Identity::agent(),
            reason: Some(reason.to_owned()),
            request_id: None,
            previous: Some(deployment.placement()),
        };
        self.push(number, admitted);
        self.push(deployment.number, Event::UndoneBy { rollback: number });
        self.enter(number, Phase::Resetting);
    }
}

/// Verdicts and time.
impl Draft<'_> {
    fn verdict(
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

    fn follow_verdict(&mut self, on: Placement, value: Verdict, why: String) {
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
    fn validate(&mut self, on: Placement) {
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

    fn tick(&mut self) -> Answer {
        let watched: Vec<Deployment> =
            self.state.watches().map(|watch| self.state.open[&watch.deployment].clone()).collect();
        for deployment in watched {
            self.tick_one(&deployment);
        }
        Answer::Done
    }

    fn tick_one(&mut self, deployment: &Deployment) {
        let number = deployment.number;
        let Some(since) = deployment.watching_since else { return };
        let watched_ms = self.now.since(since);
        let is_over = watched_ms >= self.policy.deadline_ms;
        if deployment.phase == Phase::Ended {
            if is_over {
                self.push(number, Event::ListeningEnded);
            }
            return;
        }
        let cancelled_ms = deployment.cancelled_at.map(|at| self.now.since(at));
        if cancelled_ms.is_some_and(|ms| ms >= self.policy.cancelled_grace_ms) {
            return self.give_up(deployment, "CI was cancelled, and nothing newer came".to_owned());
        }
        if is_over {
            return self.deadline_passed(deployment, watched_ms);
        }
        if !deployment.notice_given && watched_ms >= self.policy.notice_after_ms {
            self.push(number, Event::StillPending { after_ms: watched_ms });
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
            return self.end(deployment.number, Outcome::Live, Some(note));
        }
        self.give_up(deployment, reason);
    }

    fn give_up(&mut self, deployment: &Deployment, reason: String) {
        if deployment.phase == Phase::Gating {
            self.end(deployment.number, Outcome::Failed, Some(reason));
        } else {
            self.push(deployment.number, Event::Condemned { reason });
        }
    }

    /// A crash leaves a tree and an application in an unknown state: both are made anew.
    fn agent_started(&mut self) -> Answer {
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

/// What the state as a whole asks for.
impl Draft<'_> {
    fn settle(&mut self) {
        while let Some(next) = self.next_move() {
            match next {
                Move::LeaveGate { number, newer } => {
                    self.push(number, Event::Superseded { by: newer });
                }
                Move::Start(queued) => self.start(&queued),
                Move::Undo(condemned) => {
                    let reason = condemned.condemned.clone().unwrap_or_default();
                    self.order_rollback(&condemned, &reason);
                }
            }
        }
    }

    fn next_move(&self) -> Option<Move> {
        let queued = self.state.queued_deployment();
        match (self.state.active_deployment(), queued) {
            (Some(active), Some(newer)) if active.phase == Phase::Gating => {
                Some(Move::LeaveGate { number: active.number, newer: newer.number })
            }
            (Some(_), _) => None,
            (None, Some(queued)) => Some(Move::Start(queued.clone())),
            (None, None) => {
                let watched = self.state.watched_live()?;
                watched.condemned.is_some().then(|| Move::Undo(watched.clone()))
            }
        }
    }

    fn start(&mut self, queued: &Deployment) {
        let number = queued.number;
        if queued.is_rollback() {
            let undone = self.state.watched_live().map(|watched| watched.number);
            if let Some(undone) = undone {
                let reason = format!("rolled back by {}", queued.by);
                self.push(undone, Event::Condemned { reason });
                self.push(undone, Event::UndoneBy { rollback: number });
            }
            return self.enter(number, Phase::Resetting);
        }
        match &self.state.hold {
            Some(hold) => {
                let refusal = Refusal::Held { by: hold.by.clone(), why: hold.reason.clone() };
                self.end(number, Outcome::Refused, Some(refusal.to_string()));
            }
            None => self.enter(number, Phase::Preparing),
        }
    }
}

enum Move {
    /// A newer deployment does not wait for an older one's gate.
    LeaveGate {
        number: DeploymentNumber,
        newer: DeploymentNumber,
    },
    Start(Deployment),
    Undo(Deployment),
}

fn red_reason(report: &VerdictReport) -> String {
    if report.jobs.is_empty() {
        return "CI failed".to_owned();
    }
    format!("CI failed: {}", report.jobs.join(", "))
}
