//! The outputs of a step, which later steps read. Pure.

use serde_json::Value;

use crate::{exit::Exit, report::Report};

/// Names and values.
pub(super) type Outputs = Vec<(&'static str, String)>;

pub(super) fn of_report(report: &Report, url: Option<&str>) -> Outputs {
    let object = serde_json::to_value(report).unwrap_or_default();
    let sha_of = |placement: &str| word(&object[placement]["sha"]);
    vec![
        ("outcome", word(&object["outcome"])),
        ("deployment", word(&object["deployment"])),
        ("sha", word(&object["sha"])),
        ("previous-sha", sha_of("previous")),
        ("live-sha", sha_of("live")),
        ("url", url.unwrap_or_default().to_owned()),
        ("verdict", word(&object["verdict"]["value"])),
        ("json", serde_json::to_string(report).unwrap_or_default()),
    ]
}

pub(super) fn of_health(object: &Value, exit: Exit) -> Outputs {
    let outcome = if exit == Exit::Success { "healthy" } else { "unhealthy" };
    vec![("outcome", outcome.to_owned()), ("json", object.to_string())]
}

pub(super) fn of_fleet(object: &Value, exit: Exit) -> Outputs {
    let outcome = if exit == Exit::Success { "done" } else { "failed" };
    let outcome = object["outcome"].as_str().unwrap_or(outcome);
    vec![("outcome", outcome.to_owned()), ("json", object.to_string())]
}

pub(super) fn of_unwell() -> Outputs {
    vec![("outcome", "unhealthy".to_owned())]
}

pub(super) fn of_failure(object: &Value) -> Outputs {
    vec![("outcome", word(&object["outcome"])), ("json", object.to_string())]
}

/// What the runner reads from its file. No value can end itself and begin another output, because
/// nobody can know the delimiter.
pub(super) fn lines(outputs: &Outputs, delimiter: &str) -> String {
    let line =
        |(name, value): &(&str, String)| format!("{name}<<{delimiter}\n{value}\n{delimiter}\n");
    outputs.iter().map(line).collect()
}

/// Programs that read an output see an empty text where JSON has null.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_from_outside_cannot_set_another_output() {
        let report = Report {
            sha: Some("x\nEOF\noutcome=validated".to_owned()),
            ..Report::of_command("deploy")
        };
        let written = lines(&of_report(&report, None), "7e57");
        assert!(written.contains("sha<<7e57\nx\nEOF\noutcome=validated\n7e57\n"), "{written}");
        assert!(written.starts_with("outcome<<7e57\nerror\n7e57\ndeployment<<7e57\n\n7e57\n"));
    }
}
