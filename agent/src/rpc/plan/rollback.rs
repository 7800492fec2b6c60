//! The plan of a rollback.

use ripcord_core::{CommitSha, Environment, Placement, Refusal, RollbackRequest, admission};

use super::{Plan, admitted, words};
use crate::{engine::EnvironmentHandle, ports::Backup};

pub(super) async fn plan(
    environment: &EnvironmentHandle,
    state: &Environment,
    request: &RollbackRequest,
) -> Result<Plan, Refusal> {
    if let Some(refusal) = environment.door_back(request).await {
        return Err(refusal);
    }
    let (admission, target) = admission::admit_rollback(state, request)?;
    let mut lines = Vec::new();
    let joins = admitted(admission, state, &mut lines)?;
    let live = words::placed(environment, state.live).await;
    let rows = [
        (words::title(environment).to_owned(), live),
        ("back to".to_owned(), words::placed_when(environment, target).await),
    ];
    lines.extend(words::aligned(&rows));
    if joins.is_none() {
        lines.extend(steps(environment, request, target).await);
    }
    Ok(Plan { sha: target.sha, joins, lines })
}

async fn steps(
    environment: &EnvironmentHandle,
    request: &RollbackRequest,
    target: Placement,
) -> Vec<String> {
    let doings = &environment.about.doings;
    let mut steps = files(environment, request, target).await;
    steps.extend([&doings.restart, &doings.probe].map(String::clone));
    let name = &environment.name;
    steps.push(if request.hold.unwrap_or(doings.hold_after_rollback) {
        format!("hold {name} afterwards: no deployment until `ripcord resume {name}`")
    } else {
        "no hold afterwards: the next deployment may come at once".to_owned()
    });
    steps.push("not undone: databases, volumes and data; untracked files stay".to_owned());
    steps
}

/// Where the files come from.
async fn files(
    environment: &EnvironmentHandle,
    request: &RollbackRequest,
    target: Placement,
) -> Vec<String> {
    let remembers = environment.repository.remembers();
    let mut files = Vec::new();
    if remembers && target.sha != CommitSha::UNKNOWN {
        files.push(environment.about.doings.bring.clone());
    }
    let is_meant = |backup: &Backup| match &request.backup {
        Some(id) => backup.id == *id,
        None => backup.damage.is_none() && backup.of.is_some_and(|of| of.sha == target.sha),
    };
    if request.backup.is_none() && remembers {
        return files;
    }
    let saved = environment.list_backups().await.unwrap_or_default();
    files.push(match saved.into_iter().find(is_meant) {
        Some(backup) => restore(&backup),
        None if target.sha == CommitSha::UNKNOWN => {
            "restore nothing: there is no backup of what ran before".to_owned()
        }
        None => {
            let bring = &environment.about.doings.bring;
            format!("no backup of {} can be used: {bring}", target.sha.short())
        }
    });
    files
}

fn restore(backup: &Backup) -> String {
    let Backup { id, before, path, .. } = backup;
    format!("restore backup {id}, made before {before}, from {}", path.display())
}
