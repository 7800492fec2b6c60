//! Where a deployment stands, in the few words that GitHub shows. Pure.

use ripcord_core::{CommitSha, Deployment, Outcome, Phase, Timestamp, Verdict, VerdictReport};

/// What GitHub takes as a description, in characters.
const LONGEST: usize = 140;

/// Where the deployment stands. `back_to` is the commit that serves instead, once it is undone.
pub(super) fn standing(deployment: &Deployment, back_to: Option<CommitSha>) -> String {
    let number = deployment.number;
    match deployment.phase {
        Phase::Queued => format!("{number} waits for the running deployment"),
        Phase::Preparing
        | Phase::BackingUp
        | Phase::Resetting
        | Phase::Restarting
        | Phase::Probing => format!("being deployed ({number})"),
        Phase::Gating => format!("not deployed yet, {}", waiting(deployment)),
        Phase::Watching => match &deployment.condemned {
            Some(reason) => format!("to be rolled back: {reason}"),
            None => live(deployment),
        },
        Phase::RollingBack => with_why("rolling back", deployment),
        Phase::Ended => match deployment.outcome {
            Some(outcome) => ending(deployment, outcome, back_to),
            None => format!("{number} ended"),
        },
    }
}

fn ending(deployment: &Deployment, outcome: Outcome, back_to: Option<CommitSha>) -> String {
    let back_to = back_to.map(|sha| sha.short());
    match outcome {
        Outcome::Validated if deployment.is_rollback() => {
            format!("validated; live again by rollback {}", deployment.number)
        }
        Outcome::Validated => "validated".to_owned(),
        Outcome::Live => match &deployment.note {
            Some(note) => format!("live; {note}"),
            None => "live, not validated".to_owned(),
        },
        Outcome::RolledBack => {
            let target = back_to.map(|sha| format!(" to {sha}")).unwrap_or_default();
            with_why(&format!("rolled back{target}"), deployment)
        }
        Outcome::Failed => {
            let state = match back_to {
                Some(sha) => format!("did not become live, back to {sha}"),
                None => "did not become live, nothing was touched".to_owned(),
            };
            with_why(&state, deployment)
        }
        Outcome::Superseded => superseded(deployment),
        Outcome::Refused => with_why("refused", deployment),
        Outcome::Stranded => with_why("stranded, a human is needed", deployment),
    }
}

fn superseded(deployment: &Deployment) -> String {
    let by = superseded_by(deployment);
    let Some(report) = deployment.verdict.as_ref().filter(|_| deployment.live_at.is_some()) else {
        let never = if deployment.live_at.is_none() { ", never deployed" } else { "" };
        return format!("{by}{never}");
    };
    match report.value {
        Verdict::Success | Verdict::Failure => format!("{}; {by}", ci(report)),
        Verdict::Pending | Verdict::Cancelled | Verdict::NoRun | Verdict::Unknown => by,
    }
}

/// `superseded by #143`.
pub(super) fn superseded_by(deployment: &Deployment) -> String {
    let by = deployment.superseded_by.map(|by| format!(" by {by}"));
    format!("superseded{}", by.unwrap_or_default())
}

/// What is live, and for what it waits: the end of its bake, its CI, or both.
fn live(deployment: &Deployment) -> String {
    let Some(bake) = deployment.bake else { return format!("live, {}", waiting(deployment)) };
    let until = clock_time(bake.until());
    let nobody_asked = deployment.watching_since.is_none() && deployment.verdict.is_none();
    let ci = if nobody_asked { String::new() } else { format!(", {}", waiting(deployment)) };
    format!("live, baking until {until}{ci}")
}

fn clock_time(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0);
    time.map(|time| time.strftime("%H:%M UTC").to_string()).unwrap_or_default()
}

fn waiting(deployment: &Deployment) -> String {
    match &deployment.verdict {
        None if deployment.notice_given => "still waiting for CI".to_owned(),
        None => "waiting for CI".to_owned(),
        Some(report) if report.value == Verdict::Pending && deployment.notice_given => {
            "still waiting for CI".to_owned()
        }
        Some(report) => ci(report),
    }
}

/// What CI says.
fn ci(report: &VerdictReport) -> String {
    match report.value {
        Verdict::Pending => "waiting for CI".to_owned(),
        Verdict::Success => "CI succeeded".to_owned(),
        Verdict::Failure if report.jobs.is_empty() => "CI failed".to_owned(),
        Verdict::Failure => format!("CI failed: {}", report.jobs.join(", ")),
        Verdict::Cancelled => "CI was cancelled".to_owned(),
        Verdict::NoRun => "no CI run found".to_owned(),
        Verdict::Unknown => "CI cannot be asked".to_owned(),
    }
}

fn with_why(what: &str, deployment: &Deployment) -> String {
    match deployment.explanation() {
        Some(why) => format!("{what}: {why}"),
        None => what.to_owned(),
    }
}

/// One line that GitHub takes: no control characters, at most 140 characters.
pub(super) fn fitted(text: &str) -> String {
    let mut letters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = letters.by_ref().take(LONGEST).collect();
    if letters.next().is_some() {
        line.pop();
        line.push('…');
    }
    line
}
