//! What was saved before deployments: `ripcord history --backups`.

use jiff::{Timestamp, tz::TimeZone};
use ripcord_proto::v1::{BackupInfo, BackupsResponse, Placement};
use serde_json::{Value, json};

use super::{
    json::{placement, rfc3339},
    plain,
    sanitize::sanitize,
    short, size,
    table::columns,
};

/// For programs.
pub(crate) fn object(saved: &BackupsResponse) -> Value {
    let backups: Vec<Value> = saved.backups.iter().map(backup).collect();
    json!({ "schema": "ripcord/v1/backups", "backups": backups })
}

fn backup(one: &BackupInfo) -> Value {
    json!({
        "id": one.id,
        "before": one.before,
        "of": one.of.as_ref().map(placement),
        "made": one.made.as_ref().map(rfc3339),
        "files": one.files,
        "bytes": one.bytes,
        "archive_bytes": one.archive_bytes,
        "path": one.path,
        "damage": (!one.damage.is_empty()).then_some(&one.damage),
    })
}

/// For people, with how to restore one.
pub(crate) fn list(environment: &str, saved: &BackupsResponse, zone: &TimeZone) -> String {
    if saved.backups.is_empty() {
        return "nothing was saved yet".to_owned();
    }
    let header = ["BACKUP", "MADE", "HOLDS", "BEFORE", "FILES", "SIZE", "ARCHIVE", "STATE"];
    let rows = saved.backups.iter().map(|one| row(one, zone)).collect();
    let mut lines = vec![columns(&header, rows)];
    let damaged = saved.backups.iter().filter(|one| !one.damage.is_empty());
    lines.extend(damaged.map(|one| format!("{}: damaged: {}", clean(&one.id), clean(&one.damage))));
    if let Some(newest) = saved.backups.iter().find(|one| one.damage.is_empty()) {
        let (id, environment) = (clean(&newest.id), clean(environment));
        lines.push(format!("restore one with: ripcord rollback {environment} --backup {id}"));
        lines.push(format!("its files are in {}", clean(&newest.path)));
    }
    lines.join("\n")
}

fn row(one: &BackupInfo, zone: &TimeZone) -> Vec<String> {
    let made = one.made.as_ref().and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
    vec![
        clean(&one.id),
        made.map_or_else(|| "-".to_owned(), |at| plain::date(at, zone)),
        holds(one.of.as_ref()),
        format!("#{}", one.before),
        one.files.to_string(),
        size(one.bytes),
        size(one.archive_bytes),
        if one.damage.is_empty() { "whole" } else { "DAMAGED" }.to_owned(),
    ]
}

fn holds(of: Option<&Placement>) -> String {
    match of {
        None => "not known".to_owned(),
        Some(Placement { deployment: 0, sha }) => format!("{} (before)", clean(short(sha))),
        Some(Placement { deployment, sha }) => format!("{} #{deployment}", clean(short(sha))),
    }
}

fn clean(text: &str) -> String {
    sanitize(text).into_owned()
}
