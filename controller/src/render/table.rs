//! Lists for people: columns without lines around them, as wide as they need to be.

use comfy_table::{ContentArrangement, Table};
use jiff::{Timestamp, tz::TimeZone};
use ripcord_proto::v1::{
    CertificateInfo, DeploymentKind, DeploymentSummary, EnvironmentStatus, HistoryResponse,
    Outcome, Placement, StatusResponse,
};

use crate::{
    certs::Listed,
    commands::health::Found,
    fleet::{Answer, full_name},
};

use super::{duration, fleet, json, phase_name, plain, sanitize::sanitize, short, sinks};

/// Aligns `rows` under `header`. Every cell must be harmless already.
pub(crate) fn columns(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    table.set_header(header.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

const STATUS: [&str; 8] = ["ENV", "LIVE", "VALIDATED", "PHASE", "HEALTH", "HOLD", "FILES", "URL"];

/// `ripcord status`.
pub(crate) fn status(status: &StatusResponse, zone: &TimeZone) -> String {
    let mut lines = vec![columns(&STATUS, environment_rows(status))];
    lines.extend(status_remarks(status, None, zone));
    lines.join("\n")
}

/// `ripcord status` of several agents.
pub(crate) fn fleet_status(answers: &[Answer<StatusResponse>], zone: &TimeZone) -> String {
    let rows = answers.iter().map(|answer| answer.see(environment_rows));
    let mut lines = vec![fleet::table(&STATUS, &rows.collect::<Vec<_>>())];
    for Answer { name, told } in answers {
        let told = told.iter();
        lines.extend(told.flat_map(|status| status_remarks(status, Some(name), zone)));
    }
    lines.join("\n")
}

fn environment_rows(status: &StatusResponse) -> Vec<Vec<String>> {
    status.environments.iter().map(environment_row).collect()
}

fn status_remarks(status: &StatusResponse, agent: Option<&str>, zone: &TimeZone) -> Vec<String> {
    let mut lines = Vec::new();
    for one in &status.environments {
        let name = full_name(&one.name, agent);
        let named = EnvironmentStatus { name, ..one.clone() };
        lines.extend(remarks(&named));
        lines.extend(baking(&named, zone));
    }
    let of = |line: String| agent.map_or_else(|| line.clone(), |agent| format!("{agent}: {line}"));
    lines.extend(status.sinks.iter().map(sinks::remark).map(of));
    let certificates = status.agent.iter().flat_map(|agent| &agent.certificates);
    let ending = |it| ending(it, agent.unwrap_or("agent"));
    lines.extend(certificates.filter(|it| it.ends_soon).map(ending));
    lines
}

fn ending(certificate: &CertificateInfo, agent: &str) -> String {
    let whose = clean(&certificate.whose);
    match certificate.days_left {
        ..=0 => format!("{agent}: {whose} has ended: renew it now"),
        1 => format!("{agent}: {whose} ends within 1 day: renew it"),
        days => format!("{agent}: {whose} ends within {days} days: renew it"),
    }
}

const HEALTH: [&str; 6] = ["ENV", "HEALTH", "STATUS", "TIME", "URL", "WHAT IS WRONG"];

/// `ripcord health`.
pub(crate) fn health(found: &[Found]) -> String {
    columns(&HEALTH, found_rows(found))
}

/// `ripcord health` of several agents.
pub(crate) fn fleet_health(answers: &[Answer<Vec<Found>>]) -> String {
    let rows = answers.iter().map(|answer| answer.see(|found| found_rows(found)));
    fleet::table(&HEALTH, &rows.collect::<Vec<_>>())
}

fn found_rows(found: &[Found]) -> Vec<Vec<String>> {
    let rows = found.iter().map(|Found { place, answer }| {
        let health = match (answer.ok, place.changing) {
            (true, _) => "ok",
            (false, true) => "deploying",
            (false, false) => "DOWN",
        };
        vec![
            clean(&place.name),
            health.to_owned(),
            answer.status.map_or_else(dash, |status| status.to_string()),
            duration(answer.took),
            clean(place.shown_url()),
            clean(&answer.wrong),
        ]
    });
    rows.collect()
}

fn environment_row(one: &EnvironmentStatus) -> Vec<String> {
    let active = if one.active == 0 { String::new() } else { format!(" #{}", one.active) };
    vec![
        clean(&one.name),
        placement(one.live.as_ref()),
        placement(one.validated.as_ref()),
        format!("{}{active}", phase_name(one.phase())),
        health_word(one),
        one.hold.as_ref().map_or_else(dash, |_| "held".to_owned()),
        files(one),
        clean(&one.url),
    ]
}

fn placement(placement: Option<&Placement>) -> String {
    match placement {
        None => dash(),
        Some(Placement { deployment: 0, sha }) => format!("{} (before)", clean(short(sha))),
        Some(Placement { deployment, sha }) => format!("{} #{deployment}", clean(short(sha))),
    }
}

fn health_word(one: &EnvironmentStatus) -> String {
    match &one.health {
        _ if !one.stranded.is_empty() => "STRANDED".to_owned(),
        None => dash(),
        Some(health) if health.ok => "ok".to_owned(),
        Some(health) if health.status == 0 => "DOWN".to_owned(),
        Some(health) => format!("DOWN {}", health.status),
    }
}

fn files(one: &EnvironmentStatus) -> String {
    match (one.exact, one.untracked) {
        (None, _) => dash(),
        (Some(false), _) => "modified".to_owned(),
        (Some(true), 0) => "exact".to_owned(),
        (Some(true), 1) => "exact, 1 untracked".to_owned(),
        (Some(true), many) => format!("exact, {many} untracked"),
    }
}

/// Until when health decides.
fn baking(one: &EnvironmentStatus, zone: &TimeZone) -> Option<String> {
    let until = one.baking_until.as_ref().and_then(instant)?;
    let (name, until) = (clean(&one.name), plain::date(until, zone));
    Some(format!("{name}: baking until {until}: failing health rolls it back"))
}

/// What does not fit into a column, and must not be missed.
fn remarks(one: &EnvironmentStatus) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut remark = |what: &str, text: &str| {
        remarks.push(format!("{}: {what}: {}", clean(&one.name), clean(text)));
    };
    if !one.stranded.is_empty() {
        remark("stranded", &one.stranded);
    }
    if let Some(health) = one.health.as_ref().filter(|health| !health.ok) {
        remark("unhealthy", &health.detail);
    }
    if let Some(hold) = &one.hold {
        remark("on hold", &format!("{} by {}", hold.reason, hold.by));
    }
    if !one.unavailable.is_empty() {
        remark("unavailable", &one.unavailable);
    }
    if !one.promotes.is_empty() {
        remark("promotes", &one.promotes);
    }
    one.advice.iter().for_each(|advice| remark("hint", advice));
    remarks
}

/// `ripcord history`.
pub(crate) fn history(history: &HistoryResponse, zone: &TimeZone) -> String {
    if history.deployments.is_empty() {
        return "nothing was deployed yet".to_owned();
    }
    let header = ["#", "STARTED", "TOOK", "COMMIT", "OUTCOME", "VERDICT", "BY", "WHAT"];
    let rows = history.deployments.iter().map(|one| summary_row(one, zone)).collect();
    columns(&header, rows)
}

fn summary_row(one: &DeploymentSummary, zone: &TimeZone) -> Vec<String> {
    let started = one.started.as_ref().and_then(instant);
    let finished = one.finished.as_ref().and_then(instant);
    let took = started.zip(finished).map(|(from, to)| to.duration_since(from).unsigned_abs());
    let outcome = match one.outcome() {
        Outcome::Unspecified | Outcome::Pending => phase_name(one.phase()).to_owned(),
        ended => json::outcome_word(ended).replace('_', " "),
    };
    vec![
        one.deployment.to_string(),
        started.map_or_else(dash, |time| plain::date(time, zone)),
        took.map_or_else(dash, duration),
        clean(short(&one.sha)),
        outcome,
        verdict(one),
        clean(one.by.rsplit_once("//").map_or(&one.by, |(_, name)| name)),
        what(one),
    ]
}

/// Nobody waits for the verdict of a deployment that is over.
fn verdict(one: &DeploymentSummary) -> String {
    let none = one.verdict.is_empty() || (one.finished.is_some() && one.verdict == "pending");
    if none { dash() } else { clean(&one.verdict) }
}

fn what(one: &DeploymentSummary) -> String {
    let text = if one.reason.is_empty() { &one.subject } else { &one.reason };
    let text = clean(&text.chars().take(60).collect::<String>());
    match (one.kind(), one.undoes) {
        (DeploymentKind::Unspecified | DeploymentKind::Deploy, _) => text,
        (DeploymentKind::Rollback, 0) if text.is_empty() => "rollback".to_owned(),
        (DeploymentKind::Rollback, 0) => format!("rollback: {text}"),
        (DeploymentKind::Rollback, undone) if text.is_empty() => format!("rollback of #{undone}"),
        (DeploymentKind::Rollback, undone) => format!("rollback of #{undone}: {text}"),
    }
}

/// `ripcord certs list`.
pub(crate) fn certificates(found: &[Listed]) -> String {
    let header = ["FILE", "IDENTITY", "ROLE", "EXPIRES", "DAYS LEFT"];
    let rows = found.iter().map(|one| {
        let days = if one.days_left < 0 { "expired".to_owned() } else { one.days_left.to_string() };
        let identity = one.identity.as_deref().map_or_else(dash, clean);
        vec![clean(&one.file), identity, one.role.to_owned(), one.expires.clone(), days]
    });
    columns(&header, rows.collect())
}

fn instant(time: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

fn clean(text: &str) -> String {
    sanitize(text).into_owned()
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use ripcord_proto::v1::{AgentInfo, HealthInfo, HoldInfo, Phase, SinkHealth, SinkState};

    use super::*;

    fn placed(deployment: u64, digit: &str) -> Option<Placement> {
        Some(Placement { deployment, sha: digit.repeat(40) })
    }

    #[test]
    fn the_table_shows_every_environment_and_what_must_not_be_missed() {
        let preprod = EnvironmentStatus {
            name: "preprod".into(),
            url: "https://preprod.example/".into(),
            live: placed(143, "b"),
            validated: placed(141, "a"),
            phase: Phase::Watching.into(),
            active: 143,
            health: Some(HealthInfo { ok: true, status: 200, detail: String::new() }),
            exact: Some(true),
            untracked: 3,
            ..EnvironmentStatus::default()
        };
        let prod = EnvironmentStatus {
            name: "prod".into(),
            live: placed(0, "c"),
            hold: Some(HoldInfo {
                by: "spiffe://x/operator/ann".into(),
                reason: "\u{1b}[5mfreeze".into(),
                since: None,
            }),
            health: Some(HealthInfo { ok: false, status: 502, detail: "status 502".into() }),
            advice: vec!["requests wait too long: give the agent a right".into()],
            ..EnvironmentStatus::default()
        };
        let mut sink = SinkHealth {
            name: "discord.2f1d".into(),
            about: "/etc/ripcord/discord-webhook".into(),
            since: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            reason: "Discord answers 404: make a webhook".into(),
            ..SinkHealth::default()
        };
        sink.set_state(SinkState::Stopped);
        let certificate = |days_left, ends_soon| {
            let whose = "agent certificate".into();
            CertificateInfo { whose, days_left, ends_soon, expires: None }
        };
        let certificates =
            vec![certificate(200, false), certificate(6, true), certificate(0, true)];
        let agent = Some(AgentInfo { certificates, ..AgentInfo::default() });
        let environments = vec![preprod, prod];
        let response = StatusResponse { environments, sinks: vec![sink], agent };
        insta::assert_snapshot!(status(&response, &TimeZone::UTC), @r"
        ENV      LIVE              VALIDATED     PHASE          HEALTH    HOLD  FILES               URL
        preprod  bbbbbbb #143      aaaaaaa #141  watching #143  ok        -     exact, 3 untracked  https://preprod.example/
        prod     ccccccc (before)  -             idle           DOWN 502  held  -
        prod: unhealthy: status 502
        prod: on hold: freeze by spiffe://x/operator/ann
        prod: hint: requests wait too long: give the agent a right
        discord (/etc/ripcord/discord-webhook): stopped, nobody is told there since 2023-11-14T22:13:20Z: Discord answers 404: make a webhook
        agent: agent certificate ends within 6 days: renew it
        agent: agent certificate has ended: renew it now
        ");
    }

    #[test]
    fn history_reads_newest_first_with_what_happened() {
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let mut rollback = DeploymentSummary {
            deployment: 143,
            sha: "a".repeat(40),
            by: "ripcord".into(),
            reason: "CI failed".into(),
            started: time(1_700_000_100),
            undoes: 142,
            phase: Phase::Restarting.into(),
            ..DeploymentSummary::default()
        };
        rollback.set_kind(DeploymentKind::Rollback);
        let mut deploy = DeploymentSummary {
            deployment: 142,
            sha: "b".repeat(40),
            by: "spiffe://mangetamain/ci/preprod".into(),
            subject: "Fix bug".into(),
            verdict: "failure".into(),
            started: time(1_700_000_000),
            finished: time(1_700_000_042),
            ..DeploymentSummary::default()
        };
        deploy.set_outcome(Outcome::RolledBack);
        let response = HistoryResponse { deployments: vec![rollback, deploy] };
        insta::assert_snapshot!(history(&response, &TimeZone::UTC), @r"
        #    STARTED              TOOK    COMMIT   OUTCOME      VERDICT  BY                      WHAT
        143  2023-11-14 22:15:00  -       aaaaaaa  restarting   -        ripcord                 rollback of #142: CI failed
        142  2023-11-14 22:13:20  42.0 s  bbbbbbb  rolled back  failure  mangetamain/ci/preprod  Fix bug
        ");
    }
}
