//! How a run ended, for people who read a terminal: a table, what was made, and one sentence. Pure.

use super::report::{Outcome, Report, Step, Verdict};
use crate::render::{duration, sanitize::sanitize, table::columns};

/// The whole summary.
pub(crate) fn summary(report: &Report) -> String {
    // The mark comes behind what must align: terminals do not agree on its width.
    let rows = report.steps().map(|step| vec![clean(&step.name), took(step), result(step)]);
    let mut lines = vec![columns(&["CHECK", "TIME", "RESULT"], rows.collect())];
    for artifact in report.jobs.iter().flat_map(|job| &job.artifacts) {
        let state = if artifact.exists { "is there" } else { "was not made" };
        lines.push(format!("artifact {} {state}", clean(&artifact.path)));
    }
    lines.push(sentence(report));
    let repairable = report.repairable();
    if !repairable.is_empty() {
        let names = clean(&repairable.join(", "));
        lines.push(format!(
            "  next  `ripcord check {} --fix` repairs: {names}",
            clean(&report.group)
        ));
    }
    lines.join("\n")
}

/// `✅ preprod: 5 checks passed, 1 warning, in 42.1 s`.
pub(crate) fn sentence(report: &Report) -> String {
    let (mark, words) = match report.outcome {
        Verdict::Passed => (Outcome::Passed.mark(), "green"),
        Verdict::Failed => (Outcome::Failed.mark(), "RED"),
        Verdict::Interrupted => (Outcome::Cancelled.mark(), "interrupted"),
        Verdict::TimedOut => (Outcome::Cancelled.mark(), "stopped by --timeout"),
    };
    let counts = counts(report).join(", ");
    let (group, took) = (clean(&report.group), duration(report.took));
    format!("{mark} {group} is {words}: {counts}, in {took}")
}

fn counts(report: &Report) -> Vec<String> {
    let all =
        [Outcome::Passed, Outcome::Failed, Outcome::Warning, Outcome::Skipped, Outcome::Cancelled];
    let counted = all.into_iter().filter_map(|outcome| match (report.count(outcome), outcome) {
        (0, _) => None,
        (1, Outcome::Warning) => Some("1 warning".to_owned()),
        (count, Outcome::Warning) => Some(format!("{count} warnings")),
        (count, _) => Some(format!("{count} {outcome}")),
    });
    counted.collect()
}

/// The time of a step; nothing for one that never began.
pub(super) fn took(step: &Step) -> String {
    match step.outcome {
        Outcome::Skipped => String::new(),
        Outcome::Cancelled if step.took.is_zero() => String::new(),
        Outcome::Passed | Outcome::Failed | Outcome::Warning | Outcome::Cancelled => {
            duration(step.took)
        }
    }
}

fn result(step: &Step) -> String {
    let reason = step.reason.as_ref().map(|reason| format!(": {}", clean(reason)));
    format!("{} {}{}", step.outcome.mark(), step.outcome, reason.unwrap_or_default())
}

fn clean(text: &str) -> String {
    sanitize(text).into_owned()
}
