//! How findings are told: to people, to programs, and at the lines of a change in GitHub. Pure.

use serde_json::{Value, json};

use super::finding::{Code, Finding, Severity};
use crate::{
    exit::Exit,
    render::{github, sanitize::sanitize},
};

/// How often each severity was found.
fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

/// Errors are a wrong configuration; the rest is advice.
pub(crate) fn exit(findings: &[Finding]) -> Exit {
    if count(findings, Severity::Error) > 0 { Exit::Usage } else { Exit::Success }
}

/// What people read.
pub(crate) fn people(findings: &[Finding]) -> String {
    let mut text: String = findings.iter().map(story).collect();
    text += &conclusion(findings);
    text
}

fn story(finding: &Finding) -> String {
    let Finding { code, severity, file, line, message, why, fix } = finding;
    let word = word(*severity);
    let head = format!("{file}:{line}: {word} {}: {message}", code.id());
    format!("{}\n  why: {why}\n  fix: {fix}\n\n", sanitize(&head))
}

/// Every code, for `ripcord help lint`.
pub(crate) fn codes() -> String {
    let told = Code::ALL.iter().map(|code| {
        let (word, why, fix) = (word(code.severity()), code.why(), code.fix());
        format!("{} {word}\n  {why}\n  fix: {fix}", code.id())
    });
    let head = "What `ripcord check --config` finds. `# ripcord: allow CODE` in a comment accepts a finding,\n\
                in its line, above it, or in the file's head for all of the file. Errors exit with 2.";
    [head.to_owned()].into_iter().chain(told).collect::<Vec<_>>().join("\n\n")
}

/// The last line.
fn conclusion(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing was found".to_owned();
    }
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
        let (count, word) = (count(findings, severity), word(severity));
        format!("{count} {word}{}", if count == 1 { "" } else { "s" })
    });
    format!("{}; `# ripcord: allow CODE` in a comment accepts one", counts.join(", "))
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// What programs read.
pub(crate) fn object(findings: &[Finding]) -> Value {
    json!({
        "schema": "ripcord/v1/lint",
        "findings": findings,
        "errors": count(findings, Severity::Error),
        "warnings": count(findings, Severity::Warning),
        "notes": count(findings, Severity::Note),
        "exit_code": exit(findings).code(),
    })
}

/// What GitHub shows at the lines.
pub(crate) fn annotations(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(annotation).collect()
}

fn annotation(finding: &Finding) -> String {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let place = [("file", finding.file.clone()), ("line", finding.line.to_string())];
    let title = ("title", format!("ripcord {}", finding.code.id()));
    let text = format!("{}: {}. Fix: {}", finding.message, finding.why, finding.fix);
    github::annotation(command, &[&place[..], &[title]].concat(), &sanitize(&text))
}
