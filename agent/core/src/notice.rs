//! One English sentence for every event: what the terminal, the story and the agent's log show.

use crate::{
    effect::{BackupReport, Brought, TreeReport},
    event::{Entry, Event},
    lifecycle::{Kind, Outcome, Phase},
    verdict::Verdict,
};

/// How much an event matters to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Things go as they should.
    Info,
    /// Somebody may want to look.
    Warning,
    /// Something went wrong.
    Error,
}

/// How much `event` matters.
#[must_use]
pub fn severity(event: &Event) -> Severity {
    match event {
        Event::StepFailed { .. }
        | Event::Condemned { .. }
        | Event::Quarantined { .. }
        | Event::StillStranded { .. }
        | Event::WentDown { .. } => Severity::Error,
        Event::Ended { outcome, .. } => outcome_severity(*outcome),
        Event::VerdictReceived { report, .. } => verdict_severity(report.value),
        Event::TreeReset(report) if !report.saved.is_empty() => Severity::Warning,
        Event::Refused { .. }
        | Event::StillPending { .. }
        | Event::Superseded { .. }
        | Event::UndoneBy { .. }
        | Event::Retargeted { .. }
        | Event::Held { .. }
        | Event::CertificateExpires { .. }
        | Event::Recovered { .. }
        | Event::ProbeFailed { .. }
        | Event::Remarked { .. } => Severity::Warning,
        Event::Admitted { .. }
        | Event::PhaseEntered { .. }
        | Event::Prepared { .. }
        | Event::BaselineFound { .. }
        | Event::ValidatedImported { .. }
        | Event::BackedUp(_)
        | Event::TreeReset(_)
        | Event::Restarted { .. }
        | Event::WentLive { .. }
        | Event::BakeBegan { .. }
        | Event::Baked
        | Event::Validated
        | Event::QuarantineLifted { .. }
        | Event::ListeningEnded
        | Event::MonitorBegan { .. }
        | Event::MonitorEnded
        | Event::CameBack { .. }
        | Event::Resumed { .. }
        | Event::Output { .. } => Severity::Info,
    }
}

fn outcome_severity(outcome: Outcome) -> Severity {
    match outcome {
        Outcome::Live | Outcome::Validated => Severity::Info,
        Outcome::Superseded => Severity::Warning,
        Outcome::RolledBack | Outcome::Failed | Outcome::Refused | Outcome::Stranded => {
            Severity::Error
        }
    }
}

fn verdict_severity(value: Verdict) -> Severity {
    match value {
        Verdict::Pending | Verdict::Success => Severity::Info,
        Verdict::Cancelled | Verdict::NoRun | Verdict::Unknown => Severity::Warning,
        Verdict::Failure => Severity::Error,
    }
}

/// What happened, as a sentence without a full stop. Text from outside is passed on as it is:
/// whoever shows it to a terminal escapes control characters.
#[must_use]
pub fn sentence(entry: &Entry) -> String {
    match &entry.event {
        Event::Admitted { kind, sha, by, reason, .. } => {
            let what = match kind {
                Kind::Deploy { .. } => format!("deploy {}", sha.short()),
                Kind::Rollback { backup: Some(backup), .. } => {
                    format!("rollback to backup {backup} ({})", sha.short())
                }
                Kind::Rollback { automatic: true, .. } => {
                    format!("automatic rollback to {}", sha.short())
                }
                Kind::Rollback { .. } => format!("rollback to {}", sha.short()),
            };
            let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{what}, asked for by {by}{why}")
        }
        Event::Refused { refusal, by, .. } => format!("refused to {by}: {refusal}"),
        Event::PhaseEntered { phase } => phase_sentence(*phase).to_owned(),
        Event::Prepared { subject, author } => format!("fetched and pinned: {subject} ({author})"),
        Event::ValidatedImported { sha } => {
            format!(
                "{} was validated before this agent came: it is the rollback point",
                sha.short()
            )
        }
        Event::BaselineFound { sha } => {
            format!("{} ran before the first deployment: it is the baseline", sha.short())
        }
        Event::BackedUp(report) => backup_sentence(report),
        Event::TreeReset(report) => tree_sentence(report),
        Event::Restarted { detail } => detail.clone(),
        Event::WentLive { status, attempts } => went_live_sentence(*status, *attempts),
        Event::BakeBegan { for_ms, .. } => {
            format!("it has to stay healthy for {}", human_duration(*for_ms))
        }
        Event::Baked => "it stayed healthy".to_owned(),
        Event::StepFailed { failure } => failure.to_string(),
        Event::VerdictReceived { report, by, reason } => {
            let mut text = format!("verdict: {}", report.value.as_str());
            if !report.jobs.is_empty() {
                text.push_str(&format!(" ({})", report.jobs.join(", ")));
            }
            if let (Some(by), Some(reason)) = (by, reason) {
                text.push_str(&format!(", given by {by}: {reason}"));
            }
            if let Some(detail) = &report.detail {
                text.push_str(&format!(": {detail}"));
            }
            if let Some(url) = &report.url {
                text.push_str(&format!(", see {url}"));
            }
            text
        }
        Event::StillPending { after_ms, verdict } => {
            format!("{} after {}; not validated", awaited(*verdict), human_duration(*after_ms))
        }
        Event::Validated => "the commit has earned a good verdict".to_owned(),
        Event::Condemned { reason } => format!("may not stay live: {reason}"),
        Event::Quarantined { sha, reason } => format!("{} is quarantined: {reason}", sha.short()),
        Event::QuarantineLifted { sha } => format!("{} is not quarantined any more", sha.short()),
        Event::Superseded { by } => format!("superseded by {by}"),
        Event::ListeningEnded => "stopped listening to its verdict".to_owned(),
        Event::UndoneBy { rollback } => format!("rollback {rollback} undoes it"),
        Event::Retargeted { sha } => format!("going on with the older {}", sha.short()),
        Event::Ended { outcome, note, .. } => {
            let why = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            format!("{}{why}", outcome_words(*outcome))
        }
        Event::StillStranded { after_ms } => {
            format!("still stranded after {}: a human is needed now", human_duration(*after_ms))
        }
        Event::MonitorBegan { unwatched_ms: 0 } => "monitored from now on".to_owned(),
        Event::MonitorBegan { unwatched_ms } => {
            format!("monitored again; nobody looked for {}", human_duration(*unwatched_ms))
        }
        Event::MonitorEnded => "not monitored any more".to_owned(),
        Event::WentDown { detail, .. } => format!("the application is down: {detail}"),
        Event::CameBack { down_ms } => {
            format!("the application is up again, after {}", human_duration(*down_ms))
        }
        Event::CertificateExpires { whose, days: ..=0 } => format!("{whose} has ended"),
        Event::CertificateExpires { whose, days } => {
            format!("{whose} ends within {}", count(days.unsigned_abs(), "day"))
        }
        Event::Held { by, reason } => format!("on hold by {by}: {reason}"),
        Event::Resumed { by } => format!("resumed by {by}"),
        Event::Recovered { phase: Phase::Ended, .. } => {
            "the agent started again, and goes on listening to its verdict".to_owned()
        }
        Event::Recovered { phase, .. } => {
            format!("the agent started again, and goes on: {}", phase_sentence(*phase))
        }
        Event::ProbeFailed { attempt, detail } => format!("probe {attempt} failed: {detail}"),
        Event::Remarked { message } => message.clone(),
        Event::Output { source, line, .. } => format!("{source}: {line}"),
    }
}

fn phase_sentence(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued => "waiting for the running deployment",
        Phase::Preparing => "fetching the commit",
        Phase::Gating => "waiting for CI before anything is touched",
        Phase::BackingUp => "saving the files that are there",
        Phase::Resetting => "writing the files",
        Phase::Restarting => "restarting the application",
        Phase::Probing => "probing the application",
        Phase::Watching => "live; waiting for the verdict",
        Phase::RollingBack => "rolling back",
        Phase::Ended => "ended",
    }
}

fn awaited(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NoRun => "no CI run was found",
        Verdict::Unknown => "the verdict cannot be asked for",
        Verdict::Pending | Verdict::Success | Verdict::Failure | Verdict::Cancelled => "no verdict",
    }
}

fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Live => "live",
        Outcome::Validated => "validated",
        Outcome::RolledBack => "rolled back; the older version serves again",
        Outcome::Failed => "did not become live",
        Outcome::Superseded => "superseded",
        Outcome::Refused => "refused",
        Outcome::Stranded => "stranded: a human is needed now",
    }
}

fn backup_sentence(report: &BackupReport) -> String {
    let BackupReport { id, path, files, bytes } = report;
    let (files, size) = (count(*files, "file"), human_bytes(*bytes));
    format!("backup {id} is made and verified: {files}, {size}, in {path}")
}

fn tree_sentence(report: &TreeReport) -> String {
    let changed = count(report.changed, "file");
    let mut text = match &report.brought {
        Brought::Reset => format!("work tree is exact, {changed} changed"),
        Brought::Promoted { from } => format!("promoted from {from}"),
        Brought::Restored { backup } => {
            format!("files are those of backup {backup}, {changed} changed")
        }
    };
    if report.untracked > 0 {
        text.push_str(&format!(", {} kept", count(report.untracked, "untracked file")));
    }
    if let Some(saved_to) = &report.saved_to {
        let what = match report.brought {
            Brought::Reset | Brought::Promoted { .. } => {
                format!("local modifications of {} saved to", report.saved.join(", "))
            }
            Brought::Restored { .. } => "what was there is kept in".to_owned(),
        };
        text.push_str(&format!("; {what} {saved_to}"));
    }
    text
}

fn went_live_sentence(status: Option<u16>, attempts: u32) -> String {
    let status = status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
    let tries = if attempts > 1 { format!(" at try {attempts}") } else { String::new() };
    format!("healthy{tries}{status}: live")
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Milliseconds as people say them: `850 ms`, `12.3 s`, `5 min`.
#[must_use]
pub fn human_duration(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min", millis / 60_000),
    }
}

/// Bytes as people say them: `850 B`, `12.3 MB`.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} B"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}
