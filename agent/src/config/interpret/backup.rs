//! What is saved, and where to: no backup holds itself or another, and none is made of nothing.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use ripcord_core::EnvironmentName;

use super::place::Place;
use crate::config::{document::Faults, environment::BackupConfig, raw::RawEnvironment};

/// Adds what is wrong with the `backup` tables.
pub(super) fn check(
    environments: &BTreeMap<EnvironmentName, RawEnvironment>,
    state_dir: &Path,
    faults: &mut Faults<'_>,
) {
    for (name, environment) in environments {
        let Some(backup) = &environment.backup else { continue };
        let mut place = Place { name, has_github: false, faults };
        check_one(backup, state_dir, &mut place);
    }
}

fn check_one(backup: &BackupConfig, state_dir: &Path, place: &mut Place<'_, '_>) {
    let BackupConfig { paths, dir, keep } = backup;
    let (in_paths, in_dir) = (["backup", "paths"], ["backup", "dir"]);
    place.check(
        !paths.is_empty(),
        &in_paths,
        "is empty: name the folders that a deployment changes",
    );
    place.check(*keep >= 1, &["backup", "keep"], "must be at least 1");
    place.check(is_plain(dir), &in_dir, "has `..` in it: write the path without");
    for (at, path) in paths.iter().enumerate() {
        let shown = path.display();
        if !is_plain(path) {
            place.fault(&in_paths, &format!("{shown} has `..` in it: write the path without"));
        }
        if path.parent().is_none() {
            place.fault(&in_paths, &format!("{shown} is the whole machine: name a folder in it"));
        }
        if let Some(outer) = outer_of(at, paths) {
            let outer = outer.display();
            let message = format!("{shown} is inside {outer} already: name each file once");
            place.fault(&in_paths, &message);
        }
        if state_dir.starts_with(path) {
            let message = format!(
                "{shown} holds `state_dir`, which a restore would take from under the agent: move \
                 one of them"
            );
            place.fault(&in_paths, &message);
        }
        if dir.starts_with(path) || path.starts_with(dir) {
            let message = format!(
                "overlaps with {shown} of `paths`, so that a backup would be saved with the next, or \
                 moved by a restore: move one of them"
            );
            place.fault(&in_dir, &message);
        }
    }
}

/// The one that this path is inside of, or repeats.
fn outer_of(at: usize, paths: &[PathBuf]) -> Option<&PathBuf> {
    let path = &paths[at];
    let holds = |(other, outer): &(usize, &PathBuf)| {
        path.starts_with(outer) && (*other < at || path != *outer)
    };
    paths.iter().enumerate().filter(|(other, _)| *other != at).find(holds).map(|(_, outer)| outer)
}

fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}
