//! What each fact of the journal makes of the deployment that it speaks of.

use std::collections::BTreeMap;

use crate::{
    event::Event,
    ids::{DeploymentNumber, Timestamp},
    lifecycle::{Deployment, Outcome, Phase, Placement},
    verdict::Verdict,
};

impl Deployment {
    /// The deployment that an admission makes.
    pub(super) fn admitted(number: DeploymentNumber, event: &Event, at: Timestamp) -> Option<Self> {
        let Event::Admitted { kind, sha, by, reason, request_id, previous } = event else {
            return None;
        };
        Some(Self {
            number,
            kind: kind.clone(),
            sha: *sha,
            by: by.clone(),
            reason: reason.clone(),
            request_id: request_id.clone(),
            previous: *previous,
            phase: Phase::Queued,
            outcome: None,
            subject: None,
            author: None,
            verdict: None,
            failure: None,
            note: None,
            condemned: None,
            superseded_by: None,
            undone_by: None,
            poisoned: Vec::new(),
            admitted_at: at,
            live_at: None,
            watching_since: None,
            cancelled_at: None,
            unknown_since: None,
            unknown_ms: 0,
            resumed_at: None,
            notice_given: false,
            finished_at: None,
            timings_ms: BTreeMap::new(),
        })
    }

    pub(super) fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::PhaseEntered { phase } => {
                self.leave_phase(at);
                self.phase = *phase;
                if matches!(phase, Phase::Watching | Phase::Gating) {
                    self.watching_since = Some(at);
                }
            }
            Event::Prepared { subject, author } => {
                self.subject = Some(subject.clone());
                self.author = Some(author.clone());
            }
            Event::BaselineFound { sha } => {
                self.previous = Some(Placement { deployment: None, sha: *sha });
            }
            Event::WentLive { .. } => {
                self.leave_phase(at);
                self.live_at = Some(at);
                self.timings_ms.insert("live".to_owned(), at.since(self.admitted_at));
            }
            Event::StepFailed { failure } => self.failure = Some(failure.clone()),
            Event::VerdictReceived { report, .. } => {
                self.run_clocks(report.value, at);
                self.verdict = Some(report.clone());
            }
            Event::StillPending { .. } => self.notice_given = true,
            Event::Condemned { reason } => {
                self.condemned = Some(reason.clone());
                self.note = Some(reason.clone());
            }
            Event::Superseded { by } => {
                self.superseded_by = Some(*by);
                self.end(Outcome::Superseded, at);
            }
            Event::UndoneBy { rollback } => {
                self.leave_phase(at);
                self.undone_by = Some(*rollback);
                self.phase = Phase::RollingBack;
            }
            Event::Retargeted { sha } => {
                self.poisoned.push(self.sha);
                self.sha = *sha;
                self.condemned = None;
            }
            Event::Ended { outcome, note } => {
                if note.is_some() {
                    self.note.clone_from(note);
                }
                self.end(*outcome, at);
            }
            Event::ListeningEnded => self.watching_since = None,
            Event::Recovered { phase } => {
                self.phase = *phase;
                self.resumed_at = Some(at);
            }
            Event::Admitted { .. }
            | Event::Refused { .. }
            | Event::ValidatedImported { .. }
            | Event::TreeReset(_)
            | Event::Restarted { .. }
            | Event::Validated
            | Event::Quarantined { .. }
            | Event::QuarantineLifted { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::ProbeFailed { .. }
            | Event::Remarked { .. }
            | Event::Output { .. } => {}
        }
    }

    fn run_clocks(&mut self, value: Verdict, at: Timestamp) {
        let cancelled = value == Verdict::Cancelled;
        self.cancelled_at = cancelled.then(|| self.cancelled_at.unwrap_or(at));
        let since = self.unknown_since.unwrap_or(at);
        let unknown = value == Verdict::Unknown;
        self.unknown_since = unknown.then_some(since);
        if !unknown {
            self.unknown_ms = self.unknown_ms.saturating_add(at.since(since));
        }
    }

    fn leave_phase(&mut self, at: Timestamp) {
        let elapsed = at.since(self.admitted_at);
        self.timings_ms.insert(self.phase.as_str().to_owned(), elapsed);
    }

    fn end(&mut self, outcome: Outcome, at: Timestamp) {
        self.leave_phase(at);
        self.timings_ms.insert("total".to_owned(), at.since(self.admitted_at));
        self.phase = Phase::Ended;
        self.outcome = Some(outcome);
        self.finished_at = Some(at);
    }

    /// Ended, and its verdict is not awaited any more.
    pub(super) fn is_forgotten(&self) -> bool {
        let listens = self.outcome == Some(Outcome::Superseded)
            && self.live_at.is_some()
            && self.watching_since.is_some()
            && self.condemned.is_none();
        self.phase == Phase::Ended && !listens
    }
}
