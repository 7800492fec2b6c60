//! What a deployment means for the others on its environment: who runs no more, and whose word on a
//! commit still counts. Pure.

use ripcord_core::{Deployment, Outcome};

use super::{
    shown::{DeploymentState, DeploymentStatus},
    words::fitted,
};

/// What is shown of a deployment in whose place another one runs.
pub(super) fn replaced(by: &Deployment, was: &DeploymentStatus) -> DeploymentStatus {
    let description = match by.outcome {
        Some(Outcome::Stranded) => format!("{} left it unknown what runs", by.number),
        Some(_) | None => format!("replaced by {}", by.number),
    };
    let state = DeploymentState::Inactive;
    DeploymentStatus { state, description: fitted(&description), ..was.clone() }
}

/// What is shown of a rollback to a commit that failed, when the rollback goes on with an older one.
pub(super) fn retargeted(rollback: &Deployment, was: &DeploymentStatus) -> DeploymentStatus {
    let description = format!("failed; going on with the older {}", rollback.sha.short());
    let state = DeploymentState::Failure;
    DeploymentStatus { state, description: fitted(&description), ..was.clone() }
}

/// Whether older deployments of the environment do not run any more because of this one.
pub(super) fn takes_the_place(deployment: &Deployment) -> bool {
    let ended_in_place = match deployment.outcome {
        Some(Outcome::Validated | Outcome::Live | Outcome::Stranded) => true,
        Some(Outcome::RolledBack | Outcome::Failed | Outcome::Superseded | Outcome::Refused)
        | None => false,
    };
    ended_in_place || deployment.live_at.is_some()
}

/// Whether it ended, and everything is as it was before it was asked for.
pub(super) fn left_no_trace(deployment: &Deployment) -> bool {
    match deployment.outcome {
        Some(Outcome::Refused) => true,
        Some(Outcome::Failed | Outcome::Superseded) => {
            deployment.live_at.is_none() && deployment.undone_by.is_none()
        }
        Some(Outcome::Validated | Outcome::Live | Outcome::RolledBack | Outcome::Stranded)
        | None => false,
    }
}
