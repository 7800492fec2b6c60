//! What GitHub shows at the lines of a change: commands of its log, made from complaints. Pure.

use super::{
    formats::{Diagnostic, Severity},
    report::{Outcome, Report, Verdict},
};
use crate::render::{github, sanitize::sanitize};

/// GitHub shows so many errors of a step. One of them says how the run ended.
const ERRORS: usize = 10 - 1;
/// GitHub shows so many warnings of a step.
const WARNINGS: usize = 10;

/// The annotations of a run, as many as GitHub shows.
pub(crate) fn annotations(report: &Report) -> Vec<String> {
    let (mut errors, mut warnings) = (ERRORS, WARNINGS);
    let mut lines = Vec::new();
    for (job, diagnostic) in in_turns(report) {
        let room = match diagnostic.severity {
            Severity::Error => &mut errors,
            Severity::Warning => &mut warnings,
        };
        if *room > 0 {
            *room -= 1;
            lines.push(annotation(job, diagnostic));
        }
    }
    lines
}

/// Every job has its turn before one has its second: all of them are seen.
fn in_turns(report: &Report) -> impl Iterator<Item = (&str, &Diagnostic)> {
    let most = report.jobs.iter().map(|job| job.diagnostics.len()).max().unwrap_or(0);
    (0..most).flat_map(|turn| {
        report
            .jobs
            .iter()
            .filter_map(move |job| Some((job.step.name.as_str(), job.diagnostics.get(turn)?)))
    })
}

fn annotation(job: &str, diagnostic: &Diagnostic) -> String {
    let command = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let title = format!("{job}: {}", diagnostic.title);
    let mut properties = Vec::new();
    if let Some(file) = &diagnostic.file {
        properties.push(("file", file.clone()));
        properties.extend(diagnostic.line.map(|line| ("line", line.to_string())));
        properties.extend(diagnostic.column.map(|column| ("col", column.to_string())));
    }
    properties.push(("title", sanitize(&title).into_owned()));
    github::annotation(command, &properties, &sanitize(&diagnostic.message))
}

/// The one line that says why a run is red; none when it is green.
pub(crate) fn conclusion(report: &Report) -> Option<String> {
    let group = &report.group;
    let text = match report.outcome {
        Verdict::Passed => return None,
        Verdict::Failed => {
            let red = report.steps().filter(|step| step.outcome == Outcome::Failed);
            let red: Vec<&str> = red.map(|step| step.name.as_str()).collect();
            format!("check {group} is red: {}", red.join(", "))
        }
        Verdict::Interrupted => format!("check {group} was interrupted"),
        Verdict::TimedOut => format!("check {group} did not end within --timeout"),
    };
    Some(github::error(&sanitize(&text)))
}
