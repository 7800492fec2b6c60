//! From the core's words to the wire's. Nothing is decided here.

use prost_types::Timestamp as WireTime;
use ripcord_core::{
    Deployment, DeploymentNumber, Environment, Event, FailureKind, Hold, Outcome, Phase, Placement,
    Timestamp, Verdict, VerdictReport, notice,
};
use ripcord_proto::v1;

use crate::{engine::ActivityNow, journal::Record, ports::Backup};

pub(super) fn time(at: Timestamp) -> WireTime {
    let nanos = at.0.rem_euclid(1000) * 1_000_000;
    WireTime { seconds: at.0.div_euclid(1000), nanos: i32::try_from(nanos).unwrap_or(0) }
}

pub(super) fn phase(phase: Phase) -> v1::Phase {
    match phase {
        Phase::Queued => v1::Phase::Queued,
        Phase::Preparing => v1::Phase::Preparing,
        Phase::Gating => v1::Phase::Gating,
        Phase::BackingUp => v1::Phase::BackingUp,
        Phase::Resetting => v1::Phase::Resetting,
        Phase::Restarting => v1::Phase::Restarting,
        Phase::Probing => v1::Phase::Probing,
        Phase::Watching => v1::Phase::Watching,
        Phase::RollingBack => v1::Phase::RollingBack,
        Phase::Ended => v1::Phase::Ended,
    }
}

pub(super) fn outcome(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Live => v1::Outcome::Live,
        Outcome::Validated => v1::Outcome::Validated,
        Outcome::RolledBack => v1::Outcome::RolledBack,
        Outcome::Failed => v1::Outcome::Failed,
        Outcome::Superseded => v1::Outcome::Superseded,
        Outcome::Refused => v1::Outcome::Refused,
        Outcome::Stranded => v1::Outcome::Stranded,
    }
}

/// How far a deployment has come, in the words of an outcome.
pub(super) fn standing(deployment: &Deployment) -> v1::Outcome {
    match deployment.outcome {
        Some(ended) => outcome(ended),
        None if deployment.phase == Phase::Watching => v1::Outcome::Live,
        None => v1::Outcome::Pending,
    }
}

fn kind(deployment: &Deployment) -> v1::DeploymentKind {
    if deployment.is_rollback() { v1::DeploymentKind::Rollback } else { v1::DeploymentKind::Deploy }
}

pub(super) fn placement(placement: Placement) -> v1::Placement {
    let deployment = placement.deployment.map_or(0, |number| number.0);
    v1::Placement { deployment, sha: placement.sha.to_string() }
}

fn verdict(report: &VerdictReport) -> v1::VerdictInfo {
    v1::VerdictInfo {
        value: report.value.as_str().to_owned(),
        url: report.url.clone().unwrap_or_default(),
        jobs: report.jobs.clone(),
        detail: report.detail.clone().unwrap_or_default(),
    }
}

pub(super) fn hold(hold: &Hold) -> v1::HoldInfo {
    v1::HoldInfo {
        by: hold.by.to_string(),
        reason: hold.reason.clone(),
        since: Some(time(hold.since)),
    }
}

/// The verdict that counts: where nobody was asked, being validated says that it is good.
fn earned(deployment: &Deployment) -> Verdict {
    match (&deployment.verdict, deployment.outcome) {
        (None, Some(Outcome::Validated)) => Verdict::Success,
        (_, _) => deployment.verdict_value(),
    }
}

/// How a deployment ended, or stands; what follows from it is [`super::afterwards`]'s to say.
pub(super) fn result(
    environment: &str,
    deployment: &Deployment,
    state: &Environment,
) -> v1::Result {
    v1::Result {
        outcome: standing(deployment).into(),
        environment: environment.to_owned(),
        deployment: deployment.number.0,
        sha: deployment.sha.to_string(),
        previous: deployment.previous.map(placement),
        live: state.live.map(placement),
        verdict: deployment.verdict.as_ref().map(verdict),
        reason: deployment.explanation().unwrap_or_default().to_owned(),
        timings_ms: deployment.timings_ms.clone().into_iter().collect(),
        kind: kind(deployment).into(),
        refusal: refusal(deployment).to_owned(),
        backup: deployment.backup.as_ref().map(ToString::to_string).unwrap_or_default(),
        ..v1::Result::default()
    }
}

fn refusal(deployment: &Deployment) -> &'static str {
    if deployment.outcome != Some(Outcome::Refused) {
        return "";
    }
    match deployment.failure.as_ref().map(|failure| failure.kind) {
        Some(FailureKind::NotValidated) => "NOT_VALIDATED",
        Some(FailureKind::Backup) => "BACKUP",
        Some(_) => "UNKNOWN_COMMIT",
        None => "NOT_ADMITTED",
    }
}

pub(super) fn backup(backup: &Backup) -> v1::BackupInfo {
    v1::BackupInfo {
        id: backup.id.to_string(),
        before: backup.before.0,
        of: backup.of.map(placement),
        made: Some(time(backup.made_at)),
        files: backup.files,
        bytes: backup.bytes,
        archive_bytes: backup.archive_bytes,
        path: backup.path.display().to_string(),
        damage: backup.damage.clone().unwrap_or_default(),
    }
}

pub(super) fn summary(deployment: &Deployment) -> v1::DeploymentSummary {
    let undoes = match deployment.kind {
        ripcord_core::Kind::Rollback { undoes, .. } => undoes,
        ripcord_core::Kind::Deploy { .. } => None,
    };
    v1::DeploymentSummary {
        deployment: deployment.number.0,
        kind: kind(deployment).into(),
        sha: deployment.sha.to_string(),
        outcome: standing(deployment).into(),
        verdict: earned(deployment).as_str().to_owned(),
        by: deployment.by.to_string(),
        reason: deployment.reason.clone().unwrap_or_default(),
        started: Some(time(deployment.admitted_at)),
        finished: deployment.finished_at.map(time),
        phase: phase(deployment.phase).into(),
        subject: deployment.subject.clone().unwrap_or_default(),
        author: deployment.author.clone().unwrap_or_default(),
        undoes: undoes.unwrap_or(DeploymentNumber(0)).0,
    }
}

pub(super) fn event(record: &Record) -> v1::Event {
    let event = &record.entry.event;
    v1::Event {
        sequence: record.sequence.0,
        time: Some(time(record.at)),
        environment: record.environment.to_string(),
        deployment: record.entry.deployment.map_or(0, |number| number.0),
        kind: event.name().to_owned(),
        phase: event_phase(event).into(),
        severity: severity(event).into(),
        message: notice::sentence(&record.entry),
        data_json: serde_json::to_string(event).unwrap_or_default(),
        output: output(event),
    }
}

fn event_phase(event: &Event) -> v1::Phase {
    match event {
        Event::PhaseEntered { phase: entered } | Event::Recovered { phase: entered, .. } => {
            phase(*entered)
        }
        Event::UndoneBy { .. } => v1::Phase::RollingBack,
        Event::Ended { .. } | Event::Superseded { .. } => v1::Phase::Ended,
        Event::Admitted { .. }
        | Event::Refused { .. }
        | Event::Prepared { .. }
        | Event::BaselineFound { .. }
        | Event::ValidatedImported { .. }
        | Event::BackedUp(_)
        | Event::TreeReset(_)
        | Event::Restarted { .. }
        | Event::BakeBegan { .. }
        | Event::Baked
        | Event::WentLive { .. }
        | Event::StepFailed { .. }
        | Event::VerdictReceived { .. }
        | Event::StillPending { .. }
        | Event::StillStranded { .. }
        | Event::Validated
        | Event::Condemned { .. }
        | Event::Quarantined { .. }
        | Event::QuarantineLifted { .. }
        | Event::ListeningEnded
        | Event::MonitorBegan { .. }
        | Event::MonitorEnded
        | Event::WentDown { .. }
        | Event::CameBack { .. }
        | Event::CertificateExpires { .. }
        | Event::Retargeted { .. }
        | Event::Held { .. }
        | Event::Resumed { .. }
        | Event::ProbeFailed { .. }
        | Event::Remarked { .. }
        | Event::Output { .. } => v1::Phase::Unspecified,
    }
}

fn severity(event: &Event) -> v1::Severity {
    match notice::severity(event) {
        notice::Severity::Info => v1::Severity::Info,
        notice::Severity::Warning => v1::Severity::Warning,
        notice::Severity::Error => v1::Severity::Error,
    }
}

fn output(event: &Event) -> Option<v1::Output> {
    let Event::Output { source, stderr, line } = event else { return None };
    let stream = if *stderr { v1::OutputStream::Stderr } else { v1::OutputStream::Stdout };
    Some(v1::Output { source: source.clone(), stream: stream.into(), line: line.clone() })
}

pub(super) fn activity(now: &ActivityNow) -> v1::Activity {
    v1::Activity {
        deployment: now.deployment.0,
        phase: phase(now.phase).into(),
        unit: now.activity.unit.to_owned(),
        done: now.activity.done,
        total: now.activity.total,
    }
}
