//! What runs the application: the keys of one kind, and none of another's.

use std::{
    path::{Component, Path, PathBuf},
    time::Duration,
};

use super::place::Place;
use crate::config::{
    raw::{RawAction, RawRuntime, RawRuntimeKind},
    runtime::{
        ComposeAction, ComposeRuntime, ContainerRuntime, ProcessRuntime, ReloadSignal,
        RuntimeConfig, StopConfig,
    },
};

/// A process has no time of its own to stop: Docker's patience with containers serves as well.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The runtime that is meant.
pub(super) fn runtime(raw: RawRuntime, place: &mut Place<'_, '_>) -> Option<RuntimeConfig> {
    refuse_foreign_keys(&raw, place);
    let reloads = raw.action == Some(RawAction::Reload);
    let fine = raw.signal.is_none() || reloads;
    place.check(fine, &["runtime", "signal"], "is for action = \"reload\" only");
    match raw.kind {
        RawRuntimeKind::Compose => compose(raw, place).map(RuntimeConfig::Compose),
        RawRuntimeKind::Container => container(raw, place).map(RuntimeConfig::Container),
        RawRuntimeKind::Process => process(raw, place).map(RuntimeConfig::Process),
    }
}

fn refuse_foreign_keys(raw: &RawRuntime, place: &mut Place<'_, '_>) {
    use RawRuntimeKind::{Compose, Container, Process};
    let keys = [
        ("file", raw.file.is_some(), [Compose, Compose]),
        ("project", raw.project.is_some(), [Compose, Compose]),
        ("action", raw.action.is_some(), [Compose, Container]),
        ("wait_for_deaf", raw.wait_for_deaf.is_some(), [Compose, Container]),
        ("containers", raw.containers.is_some(), [Container, Container]),
        ("run", raw.run.is_some(), [Process, Process]),
        ("cwd", raw.cwd.is_some(), [Process, Process]),
        ("env", raw.env.is_some(), [Process, Process]),
    ];
    for (key, is_set, kinds) in keys {
        let fine = !is_set || kinds.contains(&raw.kind);
        let [one, other] = kinds.map(RawRuntimeKind::name);
        let other = if one == other { String::new() } else { format!(" or \"{other}\"") };
        let message = format!("is a key of kind = \"{one}\"{other} only");
        place.check(fine, &["runtime", key], &message);
    }
}

fn stop(raw: &RawRuntime) -> StopConfig {
    StopConfig {
        timeout: raw.stop_timeout.map(|period| period.0),
        wait_for_deaf: raw.wait_for_deaf.unwrap_or_default(),
    }
}

fn compose(raw: RawRuntime, place: &mut Place<'_, '_>) -> Option<ComposeRuntime> {
    let stop = stop(&raw);
    let Some(file) = raw.file else {
        place.fault(&["runtime"], "kind = \"compose\" needs `file`, the compose file");
        return None;
    };
    let action = match raw.action.unwrap_or_default() {
        RawAction::Restart => ComposeAction::Restart,
        RawAction::Recreate => ComposeAction::Recreate,
        RawAction::Reload => ComposeAction::Reload(raw.signal.unwrap_or(ReloadSignal::Hup)),
    };
    Some(ComposeRuntime { file: file.0, project: raw.project, action, stop })
}

fn container(raw: RawRuntime, place: &mut Place<'_, '_>) -> Option<ContainerRuntime> {
    let stop = stop(&raw);
    let reload = match raw.action.unwrap_or_default() {
        RawAction::Restart => None,
        RawAction::Reload => Some(raw.signal.unwrap_or(ReloadSignal::Hup)),
        RawAction::Recreate => {
            let message = "`recreate` takes a compose file (kind = \"compose\"); containers that are \
                           named know `restart` and `reload`";
            place.fault(&["runtime", "action"], message);
            return None;
        }
    };
    let containers = raw.containers.unwrap_or_default();
    if containers.is_empty() || containers.iter().any(String::is_empty) {
        place.fault(&["runtime"], "kind = \"container\" needs `containers`, a list of names");
        return None;
    }
    Some(ContainerRuntime { containers, reload, stop })
}

fn process(raw: RawRuntime, place: &mut Place<'_, '_>) -> Option<ProcessRuntime> {
    let stop_timeout = raw.stop_timeout.map_or(STOP_TIMEOUT, |period| period.0);
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
