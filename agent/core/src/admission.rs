//! Who gets in: what becomes of a request, given the state. Decides, and changes nothing.

use serde::{Deserialize, Serialize};

use crate::{
    environment::Environment,
    ids::{CommitSha, DeploymentNumber, EnvironmentName, Identity, RequestId},
    lifecycle::{Deployment, Kind, Phase, Placement, PlannedOn},
    request::{DeployRequest, RollbackRequest},
};

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It is not allowed.
    Refuse(Refusal),
    /// A deployment that is there already is what was asked for.
    Join(DeploymentNumber),
    /// It starts now.
    Start,
    /// It waits for the running one; whoever waits already is superseded.
    Queue,
}

/// Why a request is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// The environment is on hold.
    #[error("the environment is on hold by {by}: {why}; lift it with `ripcord resume`")]
    Held {
        /// Who holds it.
        by: Identity,
        /// Why.
        why: String,
    },
    /// The commit was rolled back for its verdict.
    #[error(
        "{sha} is quarantined ({why}); deploy a fix, or use --override with --reason to deploy it anyway"
    )]
    Quarantined {
        /// The commit.
        sha: CommitSha,
        /// What its verdict was.
        why: String,
    },
    /// `--override` came without a reason.
    #[error("overriding a quarantine needs a reason: add --reason")]
    OverrideWithoutReason,
    /// The commit is older than the live one.
    #[error(
        "{sha} is older than {live}, which is live; use --allow-older if that is what you want"
    )]
    OlderThanLive {
        /// The commit.
        sha: CommitSha,
        /// The live commit.
        live: CommitSha,
    },
    /// A rollback waits to start.
    #[error("rollback {rollback} is about to start; deploy again when it has ended")]
    RollbackPending {
        /// The rollback.
        rollback: DeploymentNumber,
    },
    /// The request id belongs to another request.
    #[error(
        "the request id was used for {deployment}, which is not what is asked for now: choose another with --request-id"
    )]
    RequestIdTaken {
        /// What was made with it.
        deployment: DeploymentNumber,
    },
    /// There is nothing to go back to.
    #[error("there is no rollback point: nothing was validated here yet; choose one with --to")]
    NoRollbackPoint,
    /// The confirmation word is missing or wrong.
    #[error("the environment asks for a confirmation: add --confirm with the configured word")]
    Confirmation,
    /// The second proof that the environment asks for is missing or does not hold.
    #[error("a deployment needs the OIDC token of its workflow, made for {audience}: {why}")]
    Oidc {
        /// Whom the token has to be made for.
        audience: String,
        /// What is wrong with it; nothing of what it says.
        why: String,
    },
    /// The commit is not what the environment's source has validated.
    #[error("{sha} cannot be promoted from {source_name}: {why}")]
    NotValidated {
        /// The commit.
        sha: CommitSha,
        /// The environment that has to validate it first.
        source_name: EnvironmentName,
        /// What is missing.
        why: String,
    },
    /// There is nothing to promote.
    #[error("{source_name} has validated nothing that could be promoted: {why}")]
    NothingToPromote {
        /// The environment that has to validate something first.
        source_name: EnvironmentName,
        /// What is missing.
        why: String,
    },
    /// What somebody agreed to is not what would happen now.
    #[error(
        "the plan has changed since it was shown: {difference}; look at it again with --dry-run"
    )]
    PlanChanged {
        /// What was shown, and what is so now.
        difference: String,
    },
    /// The request names no commit, and nothing else says which one is meant.
    #[error("which commit? add --sha")]
    CommitNeeded,
    /// The environment's configuration asks for something that this version does not run.
    #[error("{what}")]
    Unavailable {
        /// What it is, and what to do.
        what: String,
    },
}

impl Refusal {
    /// The `google.rpc.ErrorInfo` reason; reasons are added, never renamed.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Held { .. } => "HELD",
            Self::Quarantined { .. } => "QUARANTINED",
            Self::OverrideWithoutReason => "OVERRIDE_WITHOUT_REASON",
            Self::OlderThanLive { .. } => "OLDER_THAN_LIVE",
            Self::RollbackPending { .. } => "ROLLBACK_PENDING",
            Self::RequestIdTaken { .. } => "REQUEST_ID_TAKEN",
            Self::NoRollbackPoint => "NO_ROLLBACK_POINT",
            Self::Confirmation => "CONFIRMATION",
            Self::Oidc { .. } => "OIDC",
            Self::NotValidated { .. } => "NOT_VALIDATED",
            Self::NothingToPromote { .. } => "NOTHING_TO_PROMOTE",
            Self::PlanChanged { .. } => "PLAN_CHANGED",
            Self::CommitNeeded => "COMMIT_NEEDED",
            Self::Unavailable { .. } => "UNAVAILABLE_FEATURE",
        }
    }
}

/// What becomes of a request whose id made a deployment before: the same request joins it. Another
/// one, of `sha` or a rollback, would take a foreign outcome for its own.
///
/// # Errors
/// The refusal, when it is another one.
pub fn repeats(made: &Deployment, sha: Option<CommitSha>) -> Result<DeploymentNumber, Refusal> {
    let same = match sha {
        Some(sha) => !made.is_rollback() && made.sha == sha,
        None => made.is_rollback(),
    };
    let refusal = Refusal::RequestIdTaken { deployment: made.number };
    same.then_some(made.number).ok_or(refusal)
}

/// The open deployment that a request with this id made.
fn made_by<'e>(environment: &'e Environment, id: Option<&RequestId>) -> Option<&'e Deployment> {
    let id = id?;
    environment.open.values().find(|deployment| deployment.request_id.as_ref() == Some(id))
}

/// Whether a deployment brings the word that the environment asks for, byte for byte.
#[must_use]
pub fn refuse_unconfirmed(expected: Option<&str>, given: &str) -> Option<Refusal> {
    expected.filter(|word| *word != given).map(|_| Refusal::Confirmation)
}

/// Whether what is live is still what a plan was made on.
pub(crate) fn refuse_changed(
    environment: &Environment,
    planned_on: Option<PlannedOn>,
) -> Option<Refusal> {
    let planned = planned_on.filter(|planned| planned.live != environment.live)?;
    let name = |live: Option<Placement>| match live {
        None => "nothing".to_owned(),
        Some(Placement { deployment: None, sha }) => sha.short(),
        Some(Placement { deployment: Some(number), sha }) => format!("{} ({number})", sha.short()),
    };
    let difference = format!("{} was live, now {} is", name(planned.live), name(environment.live));
    Some(Refusal::PlanChanged { difference })
}

/// What becomes of a request to deploy.
#[must_use]
pub fn admit_deploy(environment: &Environment, request: &DeployRequest) -> Admission {
    if let Some(made) = made_by(environment, request.request_id.as_ref()) {
        return repeats(made, Some(request.sha)).map_or_else(Admission::Refuse, Admission::Join);
    }
    if let Some(number) = joins(environment, request) {
        return Admission::Join(number);
    }
    match refuse_deploy(environment, request) {
        Some(refusal) => Admission::Refuse(refusal),
        None if environment.is_mutating() => Admission::Queue,
        None => Admission::Start,
    }
}

fn refuse_deploy(environment: &Environment, request: &DeployRequest) -> Option<Refusal> {
    if let Some(hold) = &environment.hold {
        return Some(Refusal::Held { by: hold.by.clone(), why: hold.reason.clone() });
    }
    if request.override_quarantine && request.reason.is_none() {
        return Some(Refusal::OverrideWithoutReason);
    }
    if let Some(quarantine) = environment.quarantined.get(&request.sha)
        && !request.override_quarantine
    {
        return Some(Refusal::Quarantined { sha: request.sha, why: quarantine.reason.clone() });
    }
    if let Some(refusal) = refuse_changed(environment, request.planned_on) {
        return Some(refusal);
    }
    let waiting = environment.queued_deployment().filter(|queued| queued.is_rollback());
    waiting.map(|rollback| Refusal::RollbackPending { rollback: rollback.number })
}

/// The deployment that is what `request` asks for, when there is one.
fn joins(environment: &Environment, request: &DeployRequest) -> Option<DeploymentNumber> {
    if request.redeploy {
        return None;
    }
    let underway = [environment.active_deployment(), environment.queued_deployment()];
    let same_sha = |deployment: &&Deployment| {
        deployment.sha == request.sha && matches!(deployment.kind, Kind::Deploy { .. })
    };
    if let Some(same) = underway.into_iter().flatten().find(same_sha) {
        return Some(same.number);
    }
    if environment.active.is_some() {
        return None;
    }
    let live = environment.live.filter(|live| live.sha == request.sha)?;
    let leaving = live.deployment.and_then(|number| environment.open.get(&number));
    let is_leaving = leaving.is_some_and(|deployment| deployment.phase == Phase::RollingBack);
    live.deployment.filter(|_| !is_leaving)
}

/// What becomes of a request to roll back, and where it would lead.
///
/// # Errors
/// The refusal, when there is nothing to go back to, or the target is quarantined.
pub fn admit_rollback(
    environment: &Environment,
    request: &RollbackRequest,
) -> Result<(Admission, Placement), Refusal> {
    let made = made_by(environment, request.request_id.as_ref());
    let made = made.map(|made| repeats(made, None).map(|number| (number, made.placement())));
    if let Some((number, target)) = made.transpose()? {
        return Ok((Admission::Join(number), target));
    }
    let target = match request.to {
        Some(target) => target,
        None => environment.manual_rollback_target().ok_or(Refusal::NoRollbackPoint)?,
    };
    if let Some(quarantine) = environment.quarantined.get(&target.sha) {
        return Err(Refusal::Quarantined { sha: target.sha, why: quarantine.reason.clone() });
    }
    let underway = [environment.active_deployment(), environment.queued_deployment()];
    let same_target = |deployment: &&Deployment| {
        let same_files = deployment.restores() == request.backup.as_ref();
        deployment.is_rollback() && deployment.sha == target.sha && same_files
    };
    if let Some(same) = underway.into_iter().flatten().find(same_target) {
        return Ok((Admission::Join(same.number), target));
    }
    if environment.is_mutating() {
        return Ok((Admission::Queue, target));
    }
    let restores = request.backup.is_some();
    let runs_already = environment.live.filter(|live| live.sha == target.sha && !restores);
    Ok(match runs_already.and_then(|live| live.deployment) {
        Some(number) => (Admission::Join(number), target),
        None => (Admission::Start, target),
    })
}
