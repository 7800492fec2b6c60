//! What a request would do: the same decisions, and nothing that follows them. A plan holds nothing
//! that changes by itself, so that it can be compared with the one that somebody agreed to.

mod change;
mod deploy;
mod rollback;
mod words;

pub(super) use change::{still_deploys, still_rolls_back};
use ripcord_core::{
    Admission, CommitSha, DeployRequest, Deployment, DeploymentNumber, Environment, Refusal,
    RollbackRequest, admission,
};
use ripcord_proto::v1;
use tonic::Status;

use super::{convert, errors};
use crate::engine::EnvironmentHandle;

/// Begins the line that says what is waited for: it may be another one a moment later.
const WAITS: &str = "waits for ";

/// What a request would do now.
struct Plan {
    /// Which commit goes live.
    sha: CommitSha,
    /// The deployment that is what is asked for already.
    joins: Option<u64>,
    lines: Vec<String>,
}

/// What a deployment would do. Nobody has to know the confirmation word for that; a wrong one is wrong.
pub(super) async fn deploy(
    environment: &EnvironmentHandle,
    request: &DeployRequest,
    confirm: &str,
) -> Result<v1::Result, Status> {
    let state = environment.state.borrow().clone();
    let given = Some(confirm).filter(|word| !word.is_empty());
    let plan = deploy::plan(environment, &state, request, given).await;
    let plan = plan.map_err(|refusal| errors::refused(&refusal))?;
    let promotion = environment.promotion.as_ref();
    let promotes = promotion.map(|it| it.source.to_string()).unwrap_or_default();
    let confirm = environment.about.confirm.clone().unwrap_or_default();
    Ok(v1::Result { promotes, confirm, ..planned(environment, &state, plan) })
}

/// What a rollback would do.
pub(super) async fn rollback(
    environment: &EnvironmentHandle,
    request: &RollbackRequest,
) -> Result<v1::Result, Status> {
    let state = environment.state.borrow().clone();
    let plan = rollback::plan(environment, &state, request).await;
    let plan = plan.map_err(|refusal| errors::refused(&refusal))?;
    Ok(planned(environment, &state, plan))
}

/// What a request would do that is sent again: join what it made, whatever became of that. `sha` is the
/// commit of a deployment.
pub(super) fn repeated(
    environment: &EnvironmentHandle,
    made: &Deployment,
    sha: Option<CommitSha>,
) -> Result<v1::Result, Status> {
    let number = admission::repeats(made, sha).map_err(|refusal| errors::refused(&refusal))?;
    let plan = Plan { sha: made.sha, joins: Some(number.0), lines: vec![nothing_to_do(number)] };
    Ok(planned(environment, &environment.state.borrow().clone(), plan))
}

/// What becomes of the request first; answers whom it joins.
fn admitted(
    admission: Admission,
    state: &Environment,
    lines: &mut Vec<String>,
) -> Result<Option<u64>, Refusal> {
    match admission {
        Admission::Refuse(refusal) => Err(refusal),
        Admission::Start => Ok(None),
        Admission::Join(number) => {
            lines.push(nothing_to_do(number));
            Ok(Some(number.0))
        }
        Admission::Queue => {
            let running = state.active.map_or_else(String::new, |number| number.to_string());
            lines.push(format!("{WAITS}{running}, which runs now"));
            Ok(None)
        }
    }
}

fn nothing_to_do(number: DeploymentNumber) -> String {
    format!("nothing to do: {number} is what is asked for")
}

fn planned(environment: &EnvironmentHandle, state: &Environment, plan: Plan) -> v1::Result {
    v1::Result {
        outcome: v1::Outcome::Pending.into(),
        environment: environment.name.to_string(),
        deployment: plan.joins.unwrap_or(0),
        sha: plan.sha.to_string(),
        live: state.live.map(convert::placement),
        reason: "dry run: nothing was changed".to_owned(),
        plan: plan.lines,
        ..v1::Result::default()
    }
}
