//! What each fact of the journal makes of the deployment that it speaks of.

use std::collections::BTreeMap;

use crate::{
    effect::Brought,
    event::Event,
    ids::{DeploymentNumber, Timestamp},
    lifecycle::{Bake, Deployment, Outcome, Phase, Placement},
    verdict::Verdict,
};

impl Deployment {
    /// The deployment that an admission makes.
    pub(super) fn admitted(number: DeploymentNumber, event: &Event, at: Timestamp) -> Option<Self> {
        let Event::Admitted { kind, sha, by, reason, request_id, previous, planned_on } = event
        else {
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
            planned_on: *planned_on,
            backup: None,
            backup_folder: None,
            restored_from: None,
            bake: None,
            phase: Phase::Queued,
            outcome: None,
            subject: None,
            author: None,
            verdict: None,
            was_judged: false,
            failure: None,
            note: None,
            condemned: None,
            superseded_by: None,
            undone_by: None,
            poisoned: Vec::new(),
            admitted_at: at,
            live_at: None,
            turn: 0,
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

    /// Makes this what it is after `event`; `turns` is how often something went live here before.
    pub(super) fn apply(&mut self, event: &Event, at: Timestamp, turns: u64) {
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
                (self.live_at, self.turn) = (Some(at), turns + 1);
                self.timings_ms.insert("live".to_owned(), at.since(self.admitted_at));
            }
            Event::BackedUp(report) => {
                self.backup = Some(report.id.clone());
                self.backup_folder = Some(report.path.clone());
            }
            Event::TreeReset(report) => {
                self.restored_from = match &report.brought {
                    Brought::Restored { backup } => Some(backup.clone()),
                    Brought::Reset | Brought::Promoted { .. } => None,
                };
            }
            Event::BakeBegan { for_ms, verdict_awaited } => {
                self.bake = Some(Bake { since: at, for_ms: *for_ms });
                // What passed a gate is listened to after its end, as without a bake.
                let listens = *verdict_awaited || self.was_gated();
                self.watching_since = self.watching_since.filter(|_| listens);
            }
            Event::Baked => self.bake = None,
            Event::StepFailed { failure } => self.failure = Some(failure.clone()),
            Event::VerdictReceived { report, .. } => {
                self.run_clocks(report.value, at);
                self.was_judged |= matches!(report.value, Verdict::Success | Verdict::Failure);
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
                (self.outcome, self.finished_at) = (None, None);
            }
            Event::Retargeted { sha } => {
                self.poisoned.push(self.sha);
                self.sha = *sha;
                self.condemned = None;
            }
            Event::Ended { outcome, note, listening } => {
                if note.is_some() {
                    self.note.clone_from(note);
                }
                self.watching_since = self.watching_since.filter(|_| *listening);
                self.end(*outcome, at);
            }
            Event::ListeningEnded => self.watching_since = None,
            Event::Recovered { phase, away_ms } => {
                self.phase = *phase;
                self.resumed_at = Some(at);
                self.leave_out(*away_ms);
            }
            Event::Validated => self.validated_late(),
            Event::Admitted { .. }
            | Event::Refused { .. }
            | Event::ValidatedImported { .. }
            | Event::Restarted { .. }
            | Event::StillStranded { .. }
            | Event::MonitorBegan { .. }
            | Event::MonitorEnded
            | Event::WentDown { .. }
            | Event::CameBack { .. }
            | Event::CertificateExpires { .. }
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

    /// Time in which no agent ran counts for nothing: what waits has waited less long.
    fn leave_out(&mut self, away_ms: i64) {
        let shift = |at: Timestamp| Timestamp(at.0.saturating_add(away_ms));
        self.watching_since = self.watching_since.map(shift);
        self.cancelled_at = self.cancelled_at.map(shift);
        self.unknown_since = self.unknown_since.map(shift);
        self.bake = self.bake.map(|bake| Bake { since: shift(bake.since), ..bake });
    }

    /// A commit that runs, and whose CI turned green after all, needs nobody any more.
    fn validated_late(&mut self) {
        if matches!(self.outcome, Some(Outcome::Live | Outcome::Stranded)) {
            self.outcome = Some(Outcome::Validated);
            (self.note, self.condemned) = (None, None);
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
        self.phase == Phase::Ended && !self.is_listening()
    }
}
