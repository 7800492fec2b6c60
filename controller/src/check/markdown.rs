//! How a run ended, for the page of a workflow run: a table, and what tools complain about. Pure.

use super::{
    formats::Diagnostic,
    report::{Report, Step},
    summary::{sentence, took},
};
use crate::render::sanitize::sanitize;

/// So many complaints of a job are listed; its group in the log has all.
const LISTED: usize = 10;

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let title = escaped(&sentence(report));
    let mut text = format!("### {title}\n\n| | Check | Time | Result |\n|---|---|--:|---|\n");
    for step in report.steps() {
        text.push_str(&row(step));
    }
    for job in report.jobs.iter().filter(|job| !job.diagnostics.is_empty()) {
        text.push_str(&format!("\n**{}**\n\n", escaped(&job.step.name)));
        let listed = job.diagnostics.iter().take(LISTED);
        text.extend(listed.map(item));
        let more = job.diagnostics.len().saturating_sub(LISTED);
        if more > 0 {
            text.push_str(&format!("- … {more} more in the log\n"));
        }
    }
    let artifacts = report.jobs.iter().flat_map(|job| &job.artifacts);
    for (at, artifact) in artifacts.enumerate() {
        let begin = if at == 0 { "\n" } else { "" };
        let state = if artifact.exists { "is there" } else { "was not made" };
        text.push_str(&format!("{begin}- artifact {} {state}\n", escaped(&artifact.path)));
    }
    text.push('\n');
    text
}

fn row(step: &Step) -> String {
    let reason = step.reason.as_ref().map(|reason| format!(": {}", escaped(reason)));
    let (mark, outcome, reason) = (step.outcome.mark(), step.outcome, reason.unwrap_or_default());
    format!("| {mark} | {} | {} | {outcome}{reason} |\n", escaped(&step.name), took(step))
}

fn item(diagnostic: &Diagnostic) -> String {
    let mut place = diagnostic.file.clone().unwrap_or_default();
    for number in [diagnostic.line, diagnostic.column].into_iter().flatten() {
        if diagnostic.file.is_some() {
            place.push_str(&format!(":{number}"));
        }
    }
    let place = if place.is_empty() { place } else { format!("{}: ", escaped(&place)) };
    format!("- {place}{} {}\n", escaped(&diagnostic.title), escaped(&diagnostic.message))
}

/// Text that Markdown takes for nothing but text, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in sanitize(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '@' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        assert_eq!(escaped("a | <b> `c` [d](e)"), "a \\| &lt;b&gt; \\`c\\` \\[d\\](e)");
    }
}
