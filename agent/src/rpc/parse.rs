//! From the wire's words to the core's, once: behind this file bad values cannot exist.

use ripcord_core::{
    BackupId, CommitSha, DeployRequest, DeploymentNumber, EnvironmentName, Identity, RequestId,
    RollbackRequest, limits,
};
use ripcord_proto::{OIDC_ON_DEMAND, OIDC_TOKEN, v1};
use secrecy::SecretString;
use tonic::{Code, Status, metadata::MetadataMap};

use super::errors;
use crate::engine::{Carried, Target, Towards};

pub(super) fn environment(text: &str) -> Result<EnvironmentName, Status> {
    text.parse().map_err(|invalid: ripcord_core::InvalidId| errors::invalid(invalid.to_string()))
}

pub(super) fn sha(text: &str) -> Result<CommitSha, Status> {
    let invalid = |error: ripcord_core::InvalidId| {
        errors::refuse(Code::InvalidArgument, "INVALID_SHA", error.to_string())
    };
    text.parse().map_err(invalid)
}

/// What a caller carried besides the certificate. What is no text is no token, and refused as one.
pub(super) fn carried(metadata: &MetadataMap) -> Carried {
    match metadata.get(OIDC_TOKEN) {
        Some(token) => Carried::Token(SecretString::from(token.to_str().unwrap_or_default())),
        None if metadata.contains_key(OIDC_ON_DEMAND) => Carried::OnDemand,
        None => Carried::Nothing,
    }
}

/// A reason, when there is one: at most [`limits::REASON_CHARS`], so that it fits in messages.
pub(super) fn reason(text: &str) -> Result<Option<String>, Status> {
    let text = text.trim();
    if text.chars().count() > limits::REASON_CHARS {
        let limit = limits::REASON_CHARS;
        return Err(errors::invalid(format!("a reason has at most {limit} characters")));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A reason that has to be there.
pub(super) fn given_reason(text: &str) -> Result<String, Status> {
    reason(text)?.ok_or_else(|| errors::invalid("this needs a reason: add --reason"))
}

/// The commit that a request names; empty text names none.
pub(super) fn named_sha(text: &str) -> Result<Option<CommitSha>, Status> {
    if text.is_empty() { Ok(None) } else { sha(text).map(Some) }
}

pub(super) fn request_id(text: &str) -> Result<Option<RequestId>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let invalid = |error: ripcord_core::InvalidId| errors::invalid(error.to_string());
    text.parse().map(Some).map_err(invalid)
}

pub(super) fn deploy(
    message: &v1::DeployRequest,
    sha: CommitSha,
    by: Identity,
) -> Result<DeployRequest, Status> {
    Ok(DeployRequest {
        sha,
        by,
        reason: reason(&message.reason)?,
        request_id: request_id(&message.request_id)?,
        redeploy: message.redeploy,
        allow_older: message.allow_older,
        override_quarantine: message.override_quarantine,
        planned_on: None,
    })
}

fn backup(text: &str) -> Result<BackupId, Status> {
    text.parse().map_err(|invalid: ripcord_core::InvalidId| errors::invalid(invalid.to_string()))
}

pub(super) fn towards(message: &v1::RollbackRequest) -> Result<Towards, Status> {
    Ok(match &message.to {
        None => Towards::RollbackPoint,
        Some(v1::rollback_request::To::Deployment(number)) => {
            Towards::Deployment(DeploymentNumber(*number))
        }
        Some(v1::rollback_request::To::Sha(text)) => Towards::Commit(sha(text)?),
        Some(v1::rollback_request::To::Backup(text)) => Towards::Backup(backup(text)?),
    })
}

pub(super) fn rollback(
    message: &v1::RollbackRequest,
    by: Identity,
    target: Target,
) -> Result<RollbackRequest, Status> {
    Ok(RollbackRequest {
        to: target.placement,
        backup: target.backup,
        by,
        reason: reason(&message.reason)?,
        request_id: request_id(&message.request_id)?,
        hold: message.hold,
    })
}

/// Whether a person's verdict is good.
pub(super) fn verdict(value: &str) -> Result<bool, Status> {
    match value {
        "success" => Ok(true),
        "failure" => Ok(false),
        other => {
            Err(errors::invalid(format!("the verdict {other:?} is neither success nor failure")))
        }
    }
}
