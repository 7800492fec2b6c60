//! A run as a step of a GitHub workflow: the result for later steps, for the run's page, and as the
//! one annotation of a failure. Elsewhere it does nothing.

mod outputs;
mod summary;

use std::{env, fs::OpenOptions, io::Write};

use serde_json::Value;
use uuid::Uuid;

use crate::{
    commands::health::Found,
    exit::Exit,
    out,
    render::{github, sanitize::sanitize},
    report::Report,
    tell,
};

/// Tells the result of `deploy`, `rollback` or `watch`; `url` is where the application is.
pub(crate) fn of_report(report: &Report, url: Option<&str>, exit: Exit) {
    conclude(outputs::of_report(report, url), &summary::of_report(report, url), || {
        (exit != Exit::Success).then(|| summary::annotation(report))
    });
}

/// Tells what `health` found.
pub(crate) fn of_health(found: &[Found], object: &Value, exit: Exit) {
    conclude(outputs::of_health(object, exit), &summary::of_health(found), || {
        let down = found.iter().filter(|one| one.is_alarming());
        let told: Vec<String> = down.map(Found::told).collect();
        (exit != Exit::Success).then(|| told.join("; "))
    });
}

/// Tells what several agents said, or what became of the same deployment at each of them.
pub(crate) fn of_fleet(command: &str, people: &str, object: &Value, exit: Exit) {
    let page = summary::of_fleet(command, people, exit);
    conclude(outputs::of_fleet(object, exit), &page, || {
        let text = format!("ripcord {command}: {}: see its table", exit.meaning());
        (exit != Exit::Success).then_some(text)
    });
}

/// Tells that a command has looked, and what it saw is not well.
pub(crate) fn of_unwell(command: &str, what: &str) {
    let page = summary::of_failure(&format!("ripcord {command}"), what);
    conclude(outputs::of_unwell(), &page, || Some(what.to_owned()));
}

/// Tells why another command could not be done; `object` is its one object for programs.
pub(crate) fn of_failure(object: &Value) {
    let (command, reason) = (&object["command"], &object["reason"]);
    let reason = sanitize(reason.as_str().unwrap_or_default()).into_owned();
    let title = format!("ripcord {}", command.as_str().unwrap_or_default());
    let page = summary::of_failure(title.trim_end(), &reason);
    conclude(outputs::of_failure(object), &page, || Some(reason.clone()));
}

fn conclude(outputs: outputs::Outputs, page: &str, error: impl FnOnce() -> Option<String>) {
    if !tell::in_github_actions() {
        return;
    }
    let delimiter = Uuid::now_v7().simple().to_string();
    append("GITHUB_OUTPUT", &outputs::lines(&outputs, &delimiter));
    append("GITHUB_STEP_SUMMARY", page);
    if let Some(error) = error() {
        out::say(&github::error(&error));
    }
}

/// A file of the runner's that cannot be written changes nothing about what became of the command.
fn append(variable: &str, text: &str) {
    let Some(file) = env::var_os(variable).filter(|name| !name.is_empty()) else { return };
    let opened = OpenOptions::new().append(true).create(true).open(&file);
    if let Err(error) = opened.and_then(|mut file| file.write_all(text.as_bytes())) {
        out::complain(&format!("cannot write ${variable}: {error}"));
    }
}
