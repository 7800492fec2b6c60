//! Who is told what happens, and whether that works: for people and for programs.

use ripcord_proto::v1::{NotifyTestResponse, SinkHealth, SinkState, SinkTest, SinkTestOutcome};
use serde_json::{Value, json};

use super::{json::rfc3339, sanitize::sanitize, table::columns};

/// The line under the table of `ripcord status`.
pub(super) fn remark(sink: &SinkHealth) -> String {
    let what = match sink.state() {
        SinkState::Stopped => "stopped, nobody is told there",
        SinkState::Waiting => "lags, what happened is not told yet",
        SinkState::Working | SinkState::Unspecified => "working",
    };
    let since = sink.since.as_ref().map(|since| format!(" since {}", rfc3339(since)));
    let text = format!(
        "{} ({}): {what}{}: {}",
        kind(sink),
        sink.about,
        since.unwrap_or_default(),
        sink.reason
    );
    sanitize(&text).into_owned()
}

/// One sink, as `status --json` and `notify test --json` show it.
pub(super) fn health(sink: &SinkHealth) -> Value {
    json!({
        "name": sink.name,
        "about": sink.about,
        "state": state(sink),
        "since": sink.since.as_ref().map(rfc3339),
        "reason": (!sink.reason.is_empty()).then_some(&sink.reason),
    })
}

/// `ripcord notify test`.
pub(crate) fn table(tested: &NotifyTestResponse) -> String {
    if tested.sinks.is_empty() {
        return "nobody is told: add a [[notify]] to the agent's configuration".to_owned();
    }
    let header = ["SINK", "ABOUT", "STATE", "TEST"];
    let clean = |text: &str| sanitize(text).into_owned();
    let rows = tested.sinks.iter().map(|one| {
        let sink = one.health.clone().unwrap_or_default();
        let cells = [kind(&sink), &sink.about, state(&sink), outcome(one)];
        cells.map(clean).to_vec()
    });
    let mut lines = vec![columns(&header, rows.collect())];
    for one in &tested.sinks {
        let sink = one.health.clone().unwrap_or_default();
        // A test that fails for the reason that it waits for says it once.
        if !sink.reason.is_empty() && sink.reason != one.detail {
            lines.push(remark(&sink));
        }
        lines.push(clean(&format!("{} ({}): {}", kind(&sink), sink.about, one.detail)));
    }
    lines.join("\n")
}

/// `notify test --json`.
pub(crate) fn tests(tested: &NotifyTestResponse) -> Value {
    let sinks = tested.sinks.iter().map(|one| {
        let mut object = health(&one.health.clone().unwrap_or_default());
        object["test"] = outcome(one).replace(' ', "_").into();
        object["detail"] = one.detail.as_str().into();
        object
    });
    json!({ "schema": "ripcord/v1/notify_test", "sinks": sinks.collect::<Vec<_>>() })
}

/// `discord` of `discord.2f1d…`; GitHub's two keep their whole names.
fn kind(sink: &SinkHealth) -> &str {
    match sink.name.split_once('.') {
        Some((kind @ ("discord" | "webhook"), _)) => kind,
        Some(_) | None => &sink.name,
    }
}

fn state(sink: &SinkHealth) -> &'static str {
    match sink.state() {
        SinkState::Unspecified => "unknown",
        SinkState::Working => "working",
        SinkState::Waiting => "waiting",
        SinkState::Stopped => "stopped",
    }
}

fn outcome(test: &SinkTest) -> &'static str {
    match test.outcome() {
        SinkTestOutcome::Unspecified => "unknown",
        SinkTestOutcome::Works => "works",
        SinkTestOutcome::Fails => "fails",
        SinkTestOutcome::NotTried => "not tried",
    }
}
