//! What runs the application: the keys of one kind, and none of another's.

use std::{
    path::{Component, Path, PathBuf},
    time::Duration,
};

use super::place::Place;
use crate::config::{
    raw::{RawRuntime, RawRuntimeKind},
    runtime::{ComposeRuntime, ContainerRuntime, ProcessRuntime, RuntimeConfig},
};

/// Docker's own patience with a container that has to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The runtime that is meant.
pub(super) fn runtime(raw: RawRuntime, place: &mut Place<'_, '_>) -> Option<RuntimeConfig> {
    refuse_foreign_keys(&raw, place);
    let stop_timeout = raw.stop_timeout.map_or(STOP_TIMEOUT, |period| period.0);
    match raw.kind {
        RawRuntimeKind::Compose => compose(raw, stop_timeout, place).map(RuntimeConfig::Compose),
        RawRuntimeKind::Container => {
            container(raw, stop_timeout, place).map(RuntimeConfig::Container)
        }
        RawRuntimeKind::Process => process(raw, stop_timeout, place).map(RuntimeConfig::Process),
    }
}

fn refuse_foreign_keys(raw: &RawRuntime, place: &mut Place<'_, '_>) {
    use RawRuntimeKind::{Compose, Container, Process};
    let keys = [
        ("file", raw.file.is_some(), Compose, "compose"),
        ("project", raw.project.is_some(), Compose, "compose"),
        ("action", raw.action.is_some(), Compose, "compose"),
        ("containers", raw.containers.is_some(), Container, "container"),
        ("run", raw.run.is_some(), Process, "process"),
        ("cwd", raw.cwd.is_some(), Process, "process"),
        ("env", raw.env.is_some(), Process, "process"),
    ];
    for (key, is_set, kind, name) in keys {
        let fine = !is_set || raw.kind == kind;
        place.check(fine, &["runtime", key], &format!("is a key of kind = \"{name}\" only"));
    }
}

fn compose(
    raw: RawRuntime,
    stop_timeout: Duration,
    place: &mut Place<'_, '_>,
) -> Option<ComposeRuntime> {
    let Some(file) = raw.file else {
        place.fault(&["runtime"], "kind = \"compose\" needs `file`, the compose file");
        return None;
    };
    let action = raw.action.unwrap_or_default();
    Some(ComposeRuntime { file: file.0, project: raw.project, action, stop_timeout })
}

fn container(
    raw: RawRuntime,
    stop_timeout: Duration,
    place: &mut Place<'_, '_>,
) -> Option<ContainerRuntime> {
    let containers = raw.containers.unwrap_or_default();
    if containers.is_empty() || containers.iter().any(String::is_empty) {
        place.fault(&["runtime"], "kind = \"container\" needs `containers`, a list of names");
        return None;
    }
    Some(ContainerRuntime { containers, stop_timeout })
}

fn process(
    raw: RawRuntime,
    stop_timeout: Duration,
    place: &mut Place<'_, '_>,
) -> Option<ProcessRuntime> {
    let cwd = raw.cwd.unwrap_or_else(|| PathBuf::from("."));
    let message = "must be a folder inside the work tree, relative to it and without `..`";
    place.check(stays_inside(&cwd), &["runtime", "cwd"], message);
    let env = raw.env.unwrap_or_default();
    let named_well = env.keys().all(|name| is_variable_name(name));
    place.check(named_well, &["runtime", "env"], "a variable's name is empty or contains `=`");
    let Some(run) = raw.run else {
        place.fault(&["runtime"], "kind = \"process\" needs `run`, the command as a list");
        return None;
    };
    Some(ProcessRuntime { run, cwd, env, stop_timeout })
}

fn stays_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::CurDir | Component::Normal(_)))
}

/// Whether a process can have a variable of this name.
pub(super) fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
