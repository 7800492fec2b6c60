//! The shapes that programs read, made from the agent's messages. Fields are added, never renamed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ripcord_proto::v1;
use serde_json::{Value, json};

use super::{phase_word, sinks};
use crate::{commands::health::Found, exit::Exit, failure::Failure};

/// Why a command that has no result of its own could not be done.
pub(crate) fn failure(command: Option<&str>, failure: &Failure, exit: Exit) -> Value {
    json!({
        "schema": "ripcord/v1/error",
        "command": command,
        "outcome": if exit == Exit::Refused { "refused" } else { "error" },
        "exit_code": exit.code(),
        "error": failure.reason(),
        "reason": failure.to_string(),
    })
}

/// `status --json`.
pub(crate) fn status(status: &v1::StatusResponse) -> Value {
    let agent = status.agent.clone().unwrap_or_default();
    let environments: Vec<Value> = status.environments.iter().map(environment).collect();
    json!({
        "schema": "ripcord/v1/status",
        "agent": {
            "version": agent.version,
            "host": agent.host,
            "certificates": agent.certificates.iter().map(certificate).collect::<Vec<_>>(),
        },
        "environments": environments,
        "sinks": status.sinks.iter().map(sinks::health).collect::<Vec<_>>(),
    })
}

fn certificate(one: &v1::CertificateInfo) -> Value {
    json!({
        "whose": one.whose,
        "expires": one.expires.as_ref().map(rfc3339),
        "days_left": one.days_left,
        "ends_soon": one.ends_soon,
    })
}

/// `health --json`.
pub(crate) fn health(found: &[Found], exit: Exit) -> Value {
    let environments: Vec<Value> = found.iter().map(looked_at).collect();
    json!({
        "schema": "ripcord/v1/health",
        "ok": exit == Exit::Success,
        "exit_code": exit.code(),
        "environments": environments,
    })
}

fn looked_at(Found { place, answer }: &Found) -> Value {
    json!({
        "name": place.name,
        "url": place.shown_url(),
        "ok": answer.ok,
        "status": answer.status,
        "took_ms": u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        "detail": text(&answer.wrong),
        "deploying": place.changing,
    })
}

fn environment(one: &v1::EnvironmentStatus) -> Value {
    json!({
        "name": one.name,
        "live": one.live.as_ref().map(placement),
        "validated": one.validated.as_ref().map(placement),
        "rollback_point": one.rollback_point.as_ref().map(placement),
        "phase": phase_word(one.phase()),
        "hold": one.hold.as_ref().map(hold),
        "health": one.health.as_ref().map(health_info),
        "exact": one.exact,
        "untracked": one.untracked,
        "active": number(one.active),
        "stranded": text(&one.stranded),
        "unavailable": text(&one.unavailable),
        "title": text(&one.title),
        "url": text(&one.url),
        "subject": text(&one.subject),
        "author": text(&one.author),
        "promotes": text(&one.promotes),
        "baking_until": one.baking_until.as_ref().map(rfc3339),
        "advice": one.advice,
    })
}

/// A placement: the number is 0 for what ran before the first deployment.
pub(crate) fn placement(placement: &v1::Placement) -> Value {
    json!({ "deployment": placement.deployment, "sha": placement.sha })
}

/// A hold, with who, why and since when.
pub(crate) fn hold(hold: &v1::HoldInfo) -> Value {
    json!({ "by": hold.by, "reason": hold.reason, "since": hold.since.as_ref().map(rfc3339) })
}

fn health_info(health: &v1::HealthInfo) -> Value {
    let status = (health.status != 0).then_some(health.status);
    json!({ "ok": health.ok, "status": status, "detail": text(&health.detail) })
}

/// `history --json`.
pub(crate) fn history(history: &v1::HistoryResponse) -> Value {
    let deployments: Vec<Value> = history.deployments.iter().map(summary).collect();
    json!({ "schema": "ripcord/v1/history", "deployments": deployments })
}

/// One deployment of a list.
pub(crate) fn summary(one: &v1::DeploymentSummary) -> Value {
    json!({
        "deployment": one.deployment,
        "kind": kind_word(one.kind()),
        "sha": one.sha,
        "outcome": outcome_word(one.outcome()),
        "verdict": text(&one.verdict),
        "by": text(&one.by),
        "reason": text(&one.reason),
        "started": one.started.as_ref().map(rfc3339),
        "finished": one.finished.as_ref().map(rfc3339),
        "phase": phase_word(one.phase()),
        "subject": text(&one.subject),
        "author": text(&one.author),
        "undoes": number(one.undoes),
    })
}

/// `stats --json`. Times are milliseconds; what is not known is null, never 0.
pub(crate) fn stats(figures: &v1::StatsResponse) -> Value {
    let environments: Vec<Value> = figures.environments.iter().map(environment_stats).collect();
    json!({ "schema": "ripcord/v1/stats", "environments": environments })
}

fn environment_stats(one: &v1::EnvironmentStats) -> Value {
    let outcomes = one.outcomes.iter().map(|it| (outcome_word(it.outcome()), it.count));
    let phases = one.phases.iter().map(|it| (phase_word(it.phase()), spread(it.spread.as_ref())));
    let rollbacks = one.rollbacks.unwrap_or_default();
    json!({
        "name": one.name,
        "title": text(&one.title),
        "from": one.from.as_ref().map(rfc3339),
        "to": one.to.as_ref().map(rfc3339),
        "deployments": one.deployments,
        "outcomes": outcomes.collect::<BTreeMap<_, _>>(),
        "phases_ms": phases.collect::<BTreeMap<_, _>>(),
        "time_to_live_ms": spread(one.to_live.as_ref()),
        "time_to_verdict_ms": spread(one.to_verdict.as_ref()),
        "time_to_roll_back_ms": spread(one.to_roll_back.as_ref()),
        "rollbacks": {
            "manual": rollbacks.manual,
            "automatic": rollbacks.automatic,
            "succeeded": rollbacks.succeeded,
            "failed": rollbacks.failed,
            "success_rate": ratio(rollbacks.succeeded, rollbacks.succeeded + rollbacks.failed),
            "false_alarms": rollbacks.false_alarms,
        },
        "unvalidated_live_ms": one.unvalidated_live.and_then(millis),
        "uptime": one.uptime.as_ref().map(uptime),
    })
}

fn spread(spread: Option<&v1::Spread>) -> Value {
    let spread = spread.copied().unwrap_or_default();
    let (median, p95) = (spread.median.and_then(millis), spread.p95.and_then(millis));
    json!({ "count": spread.count, "median": median, "p95": p95 })
}

fn uptime(uptime: &v1::Uptime) -> Value {
    json!({
        "ratio": uptime_ratio(uptime),
        "monitored_ms": uptime.monitored.and_then(millis),
        "down_ms": uptime.down.and_then(millis),
        "outages": uptime.outages,
    })
}

/// Which part of the time it was up, from 0 to 1; `None` when it was not watched for any time.
pub(crate) fn uptime_ratio(uptime: &v1::Uptime) -> Option<f64> {
    let (monitored, down) = (millis(uptime.monitored?)?, uptime.down.and_then(millis)?);
    ratio(monitored.saturating_sub(down), monitored)
}

/// A part of a whole; `None` of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "nothing here comes near 2^53")]
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn millis(time: prost_types::Duration) -> Option<u64> {
    let time = std::time::Duration::try_from(time).ok()?;
    u64::try_from(time.as_millis()).ok()
}

/// One line of `--output ndjson`.
pub(crate) fn event(event: &v1::Event) -> Value {
    let data = serde_json::from_str(&event.data_json).unwrap_or(Value::Null);
    json!({
        "schema": "ripcord/v1/event",
        "sequence": event.sequence,
        "time": event.time.as_ref().map(rfc3339),
        "environment": event.environment,
        "deployment": number(event.deployment),
        "kind": event.kind,
        "phase": phase_word(event.phase()),
        "severity": severity_word(event.severity()),
        "message": event.message,
        "data": data,
        "output": event.output.as_ref().map(output),
    })
}

fn output(output: &v1::Output) -> Value {
    json!({ "source": output.source, "stream": stream_word(output.stream()), "line": output.line })
}

/// The word for a kind of deployment.
pub(crate) fn kind_word(kind: v1::DeploymentKind) -> &'static str {
    match kind {
        v1::DeploymentKind::Unspecified | v1::DeploymentKind::Deploy => "deploy",
        v1::DeploymentKind::Rollback => "rollback",
    }
}

/// The word for an outcome; what has not ended is pending.
pub(crate) fn outcome_word(outcome: v1::Outcome) -> &'static str {
    match outcome {
        v1::Outcome::Unspecified | v1::Outcome::Pending => "pending",
        v1::Outcome::Live => "live",
        v1::Outcome::Validated => "validated",
        v1::Outcome::RolledBack => "rolled_back",
        v1::Outcome::Failed => "failed",
        v1::Outcome::Superseded => "superseded",
        v1::Outcome::Stranded => "stranded",
        v1::Outcome::Refused => "refused",
    }
}

fn severity_word(severity: v1::Severity) -> &'static str {
    match severity {
        v1::Severity::Unspecified | v1::Severity::Info => "info",
        v1::Severity::Warning => "warning",
        v1::Severity::Error => "error",
    }
}

/// The word for an output.
pub(crate) fn stream_word(stream: v1::OutputStream) -> &'static str {
    match stream {
        v1::OutputStream::Unspecified | v1::OutputStream::Stdout => "stdout",
        v1::OutputStream::Stderr => "stderr",
    }
}

/// RFC 3339 in UTC.
pub(crate) fn rfc3339(time: &prost_types::Timestamp) -> String {
    Timestamp::new(time.seconds, time.nanos).map(|time| time.to_string()).unwrap_or_default()
}

fn text(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn number(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}
