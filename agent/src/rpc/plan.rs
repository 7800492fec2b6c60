//! What a request would do, for `--dry-run`: the same decisions, and nothing that follows them.

use ripcord_core::{Admission, DeployRequest, Environment, Placement, RollbackRequest, admission};
use ripcord_proto::v1;
use tonic::Status;

use super::{convert, errors};
use crate::engine::EnvironmentHandle;

pub(super) async fn deploy(
    environment: &EnvironmentHandle,
    request: &DeployRequest,
    confirm: &str,
) -> Result<v1::Result, Status> {
    let state = environment.state.borrow().clone();
    if let Some(refusal) = environment.door(request.sha, confirm).await {
        return Err(errors::refused(&refusal));
    }
    let admission = admission::admit_deploy(&state, request);
    let mut plan = admitted(admission, "deployment")?;
    plan.push(format!("live now: {}", name(state.live)));
    plan.push(format!("deploy {}", request.sha));
    plan.extend(environment.about.steps.iter().cloned());
    plan.push(format!("on failure, roll back to {}", name(state.rollback_point())));
    Ok(planned(environment, &state, request.sha.to_string(), plan))
}

pub(super) async fn rollback(
    environment: &EnvironmentHandle,
    request: &RollbackRequest,
) -> Result<v1::Result, Status> {
    let state = environment.state.borrow().clone();
    if let Some(refusal) = environment.door_back(request).await {
        return Err(errors::refused(&refusal));
    }
    let (admission, target) =
        admission::admit_rollback(&state, request).map_err(|refusal| errors::refused(&refusal))?;
    let mut plan = admitted(admission, "rollback")?;
    plan.push(format!("live now: {}", name(state.live)));
    plan.push(format!("roll back to {}", name(Some(target))));
    plan.extend(environment.about.steps.iter().skip(1).cloned());
    plan.push("not undone: databases, volumes and untracked files are not touched".to_owned());
    Ok(planned(environment, &state, target.sha.to_string(), plan))
}

fn admitted(admission: Admission, what: &str) -> Result<Vec<String>, Status> {
    match admission {
        Admission::Refuse(refusal) => Err(errors::refused(&refusal)),
        Admission::Join(number) => {
            Ok(vec![format!("nothing to do: {number} is what is asked for")])
        }
        Admission::Start => Ok(vec![format!("the {what} starts at once")]),
        Admission::Queue => Ok(vec![format!("the {what} waits for the running one")]),
    }
}

fn name(placement: Option<Placement>) -> String {
    match placement {
        None => "nothing".to_owned(),
        Some(Placement { deployment: None, sha }) => {
            format!("{sha} (what ran before the first deployment)")
        }
        Some(Placement { deployment: Some(number), sha }) => format!("{sha} ({number})"),
    }
}

fn planned(
    environment: &EnvironmentHandle,
    state: &Environment,
    sha: String,
    plan: Vec<String>,
) -> v1::Result {
    v1::Result {
        outcome: v1::Outcome::Pending.into(),
        environment: environment.name.to_string(),
        sha,
        live: state.live.map(convert::placement),
        reason: "dry run: nothing was changed".to_owned(),
        plan,
        ..v1::Result::default()
    }
}
