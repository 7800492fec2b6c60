//! What a person can do when a deployment has ended: undo it, or go back by hand.

use ripcord_core::{CommitSha, Deployment, Environment, Kind, Outcome, Placement};

use crate::{engine::EnvironmentHandle, shell};

/// The command that undoes what `deployment` did; empty when it is not what runs, or nothing can be
/// undone.
pub(super) async fn undo(
    environment: &EnvironmentHandle,
    deployment: &Deployment,
    state: &Environment,
) -> String {
    let is_live = state.live.and_then(|live| live.deployment) == Some(deployment.number);
    if !is_live || !stays(deployment) {
        return String::new();
    }
    let name = &environment.name;
    let way = way_back(environment, deployment, state).await;
    let holds =
        matches!(deployment.kind, Kind::Rollback { hold: true, .. }) && state.hold.is_some();
    let resume = holds.then(|| format!("ripcord resume {name}"));
    way.into_iter().chain(resume).collect::<Vec<_>>().join(" && ")
}

fn stays(deployment: &Deployment) -> bool {
    match deployment.outcome {
        Some(Outcome::Live | Outcome::Validated) => true,
        None => deployment.live_at.is_some() && deployment.undone_by.is_none(),
        Some(
            Outcome::RolledBack
            | Outcome::Failed
            | Outcome::Superseded
            | Outcome::Refused
            | Outcome::Stranded,
        ) => false,
    }
}

/// The rollback that leads to what `deployment` replaced, if one can.
async fn way_back(
    environment: &EnvironmentHandle,
    deployment: &Deployment,
    state: &Environment,
) -> Option<String> {
    let name = &environment.name;
    if let Some(previous) = deployment.previous {
        let same = previous.sha == deployment.sha && deployment.restores().is_none();
        if !same && once_ran(environment, previous, state).await {
            return Some(format!("ripcord rollback {name} --to {}", target(previous)));
        }
    }
    let saved = deployment.backup.as_ref()?;
    Some(format!("ripcord rollback {name} --backup {saved}"))
}

fn target(placement: Placement) -> String {
    placement.deployment.map_or_else(|| placement.sha.to_string(), |number| number.0.to_string())
}

/// Whether a rollback takes it as its target.
async fn once_ran(
    environment: &EnvironmentHandle,
    placement: Placement,
    state: &Environment,
) -> bool {
    if state.quarantined.contains_key(&placement.sha) || placement.sha == CommitSha::UNKNOWN {
        return false;
    }
    match placement.deployment {
        Some(number) => {
            let deployment = environment.deployment(number).await;
            deployment.is_ok_and(|deployment| deployment.live_at.is_some())
        }
        None => state.baseline == Some(placement.sha),
    }
}

/// The commands with which a person goes back after `deployment` went wrong, with what was saved before
/// it and with nothing that was saved at another time; none while nothing was touched.
pub(super) async fn by_hand(
    environment: &EnvironmentHandle,
    deployment: &Deployment,
    state: &Environment,
) -> Vec<String> {
    let stranded = deployment.outcome == Some(Outcome::Stranded);
    let matters = stranded || is_guarded(environment);
    if deployment.is_rollback() || !matters || !went_wrong(deployment) {
        return Vec::new();
    }
    let doings = &environment.about.doings;
    let mut files = Vec::new();
    let previous = deployment.previous.filter(|previous| previous.sha != CommitSha::UNKNOWN);
    if let Some((tree, previous)) = doings.tree.as_ref().zip(previous) {
        files.push(format!("git -C {} reset --hard {}", shell::path(tree), previous.sha));
    }
    files.extend(unpack(environment, deployment).await);
    let Some(first) = back_by_ripcord(environment, deployment, state).await else {
        return Vec::new();
    };
    // Without the files a restart brings nothing back.
    let restart = if files.is_empty() { &[][..] } else { &doings.restart_by_hand };
    std::iter::once(first).chain(files).chain(restart.iter().cloned()).collect()
}

/// Somebody thought of it as more than a place to try things.
fn is_guarded(environment: &EnvironmentHandle) -> bool {
    let confirms = environment.about.confirm.is_some();
    confirms || environment.promotion.is_some() || environment.backups.is_some()
}

/// It touched something, and did not stay.
fn went_wrong(deployment: &Deployment) -> bool {
    match deployment.outcome {
        Some(Outcome::Failed | Outcome::RolledBack) => deployment.undone_by.is_some(),
        Some(Outcome::Stranded) => true,
        Some(Outcome::Live | Outcome::Validated | Outcome::Superseded | Outcome::Refused)
        | None => false,
    }
}

async fn back_by_ripcord(
    environment: &EnvironmentHandle,
    deployment: &Deployment,
    state: &Environment,
) -> Option<String> {
    match &deployment.backup {
        Some(saved) => Some(format!("ripcord rollback {} --backup {saved}", environment.name)),
        None => way_back(environment, deployment, state).await,
    }
}

/// Unpacks what was saved before `deployment`, if it is whole.
async fn unpack(environment: &EnvironmentHandle, deployment: &Deployment) -> Option<String> {
    let saved = deployment.backup.as_ref()?;
    let backups = environment.list_backups().await.ok()?;
    let backup =
        backups.into_iter().find(|backup| backup.id == *saved && backup.damage.is_none())?;
    let archive = backup.path.join("files.tar.zst");
    Some(format!("tar --zstd -xpf {} -C /", shell::path(&archive)))
}
