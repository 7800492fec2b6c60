//! From a request to its answer: which commit is meant, whether the plan that somebody agreed to still
//! holds, and what the engine says.

use ripcord_core::{Answer, CommitSha, Identity, Refusal};
use ripcord_proto::v1;
use tonic::Status;

use super::{errors, parse, plan};
use crate::engine::{Carried, EnvironmentHandle};

/// What a caller is told.
pub(super) enum Reply {
    /// What would happen.
    Planned(Box<v1::Result>),
    /// What becomes of it.
    Answered(Answer),
}

/// A deployment is asked for.
pub(super) async fn deploy(
    environment: &EnvironmentHandle,
    message: &v1::DeployRequest,
    by: Identity,
    carried: &Carried,
) -> Result<Reply, Status> {
    let id = parse::request_id(&message.request_id)?;
    let made = environment.made_by(id.as_ref()).await.map_err(errors::engine)?;
    let meant = match (parse::named_sha(&message.sha)?, &made) {
        (Some(sha), _) => Ok(sha),
        // Sent again, it means what it meant the first time.
        (None, Some(made)) if !made.is_rollback() => Ok(made.sha),
        (None, _) => environment.implied_commit(),
    };
    let sha = match meant {
        Ok(sha) => sha,
        Err(refusal) if message.dry_run => return Err(errors::refused(&refusal)),
        Err(refusal) => return refuse(environment, None, by, refusal).await,
    };
    let mut asked = parse::deploy(message, sha, by)?;
    if message.dry_run {
        let planned = match &made {
            Some(made) => plan::repeated(environment, made, Some(sha))?,
            None => plan::deploy(environment, &asked, &message.confirm).await?,
        };
        return Ok(Reply::Planned(planned.into()));
    }
    if made.is_none() && !message.expected_plan.is_empty() {
        let (confirm, agreed) = (&message.confirm, &message.expected_plan);
        match plan::still_deploys(environment, &asked, confirm, agreed).await {
            Ok(on) => asked.planned_on = Some(on),
            Err(refusal) => return refuse(environment, Some(sha), asked.by, refusal).await,
        }
    }
    let answer = environment.deploy(asked, &message.confirm, carried).await;
    answer.map(Reply::Answered).map_err(errors::engine)
}

/// A rollback is asked for.
pub(super) async fn rollback(
    environment: &EnvironmentHandle,
    message: &v1::RollbackRequest,
    by: Identity,
) -> Result<Reply, Status> {
    let target = environment.resolve(parse::towards(message)?).await.map_err(errors::engine)?;
    let asked = parse::rollback(message, by, target)?;
    let made = environment.made_by(asked.request_id.as_ref()).await.map_err(errors::engine)?;
    if message.dry_run {
        let planned = match &made {
            Some(made) => plan::repeated(environment, made, None)?,
            None => plan::rollback(environment, &asked).await?,
        };
        return Ok(Reply::Planned(planned.into()));
    }
    if made.is_none()
        && !message.expected_plan.is_empty()
        && let Err(refusal) =
            plan::still_rolls_back(environment, &asked, &message.expected_plan).await
    {
        return refuse(environment, None, asked.by, refusal).await;
    }
    let answer = environment.rollback(asked).await;
    answer.map(Reply::Answered).map_err(errors::engine)
}

async fn refuse(
    environment: &EnvironmentHandle,
    sha: Option<CommitSha>,
    by: Identity,
    refusal: Refusal,
) -> Result<Reply, Status> {
    let answer = environment.refuse(sha, by, refusal).await;
    answer.map(Reply::Answered).map_err(errors::engine)
}
