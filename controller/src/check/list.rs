//! What could be checked, for people and for programs. Pure.

use serde_json::{Value, json};

use super::plan::{Group, Job};
use crate::render::{sanitize::sanitize, table::columns};

/// `check --list`.
pub(crate) fn table(groups: &[Group]) -> String {
    columns(&["GROUP", "CHECK", "NEEDS", "NOTES", "RUN"], rows(groups))
}

/// `check --list --json`.
pub(crate) fn json(file: &str, groups: &[Group]) -> Value {
    let groups: Vec<Value> = groups.iter().map(of_group).collect();
    json!({ "schema": "ripcord/v1/checks", "file": file, "groups": groups })
}

fn of_group(group: &Group) -> Value {
    let needs = |job: &Job| -> Vec<String> {
        job.needs.iter().map(|need| group.jobs[*need].name.clone()).collect()
    };
    let jobs = group.jobs.iter().map(|job| {
        json!({
            "name": job.name, "run": job.run, "dir": job.dir, "needs": needs(job), "fix": job.fix,
            "allow_failure": job.allow_failure, "artifacts": job.artifacts, "setup": job.setup,
            "timeout_ms": u64::try_from(job.timeout.as_millis()).unwrap_or(u64::MAX),
        })
    });
    let jobs: Vec<Value> = jobs.collect();
    json!({ "name": group.name, "dir": group.dir, "setup": group.setup, "jobs": jobs })
}

fn rows(groups: &[Group]) -> Vec<Vec<String>> {
    let row = |group: &Group, job: &Job| {
        let needs: Vec<&str> =
            job.needs.iter().map(|need| group.jobs[*need].name.as_str()).collect();
        let notes = [(job.allow_failure, "may fail"), (job.fix.is_some(), "has a fix")];
        let notes = notes.iter().filter(|(is_so, _)| *is_so).map(|(_, note)| *note);
        let notes = notes.collect::<Vec<_>>().join(", ");
        let cells = [&group.name, &job.name, &needs.join(", "), &notes, &job.run];
        cells.map(|cell| sanitize(cell).into_owned()).to_vec()
    };
    groups.iter().flat_map(|group| group.jobs.iter().map(move |job| row(group, job))).collect()
}
