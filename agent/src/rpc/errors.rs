//! The one place where a gRPC status is made: a code for libraries, a reason for programs, a sentence for people.

use std::collections::HashMap;

use ripcord_core::{DeploymentNumber, EnvironmentName, Refusal};
use ripcord_proto::{ERROR_DOMAIN, OIDC_AUDIENCE};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    causes::with_causes,
    engine::{EngineError, Stopped},
    journal::JournalError,
};

/// The certificate carries no identity that can be used.
pub const BAD_IDENTITY: &str = "BAD_IDENTITY";

/// The certificate ran out while the connection was open.
pub const CERTIFICATE_EXPIRED: &str = "CERTIFICATE_EXPIRED";

/// The certificate was revoked, or its authority let go, while the connection was open.
pub const CERTIFICATE_REVOKED: &str = "CERTIFICATE_REVOKED";

/// No rule allows what was asked.
pub const ACCESS_DENIED: &str = "ACCESS_DENIED";

/// A refusal with a reason that programs can rely on.
#[must_use]
pub fn refuse(code: Code, reason: &str, message: impl Into<String>) -> Status {
    refuse_with(code, reason, message, HashMap::new())
}

/// A refusal whose reason has particulars.
#[must_use]
pub fn refuse_with(
    code: Code,
    reason: &str,
    message: impl Into<String>,
    particulars: HashMap<String, String>,
) -> Status {
    let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, particulars);
    Status::with_error_details(code, message, details)
}

pub(super) fn invalid(message: impl Into<String>) -> Status {
    refuse(Code::InvalidArgument, "INVALID_REQUEST", message)
}

pub(super) fn refused(refusal: &Refusal) -> Status {
    let mut particulars = HashMap::new();
    // Whoever can fetch a token has to know for whom.
    if let Refusal::Oidc { audience, .. } = refusal {
        particulars.insert(OIDC_AUDIENCE.to_owned(), audience.clone());
    }
    refuse_with(Code::FailedPrecondition, refusal.code(), refusal.to_string(), particulars)
}

pub(super) fn unknown_environment<'a>(
    name: &EnvironmentName,
    known: impl Iterator<Item = &'a EnvironmentName>,
) -> Status {
    let known: Vec<&str> = known.map(EnvironmentName::as_str).collect();
    let message = format!("this agent has no environment {name}; it has: {}", known.join(", "));
    refuse(Code::NotFound, "UNKNOWN_ENVIRONMENT", message)
}

pub(super) fn unknown_deployment(name: &EnvironmentName, number: DeploymentNumber) -> Status {
    let message = format!("{name} has no deployment {number}; see `ripcord history {name}`");
    refuse(Code::NotFound, "UNKNOWN_DEPLOYMENT", message)
}

pub(super) fn shutting_down() -> Status {
    refuse(Code::Unavailable, "SHUTTING_DOWN", "the agent is shutting down; try again")
}

pub(super) fn journal(error: JournalError) -> Status {
    let message = with_causes(&error);
    tracing::error!(error = %message, "the journal did not answer");
    match error {
        JournalError::Sqlite { .. } => {
            refuse(Code::Internal, "INTERNAL", format!("{message}: check the disk of state_dir"))
        }
        JournalError::Unwritable(_) => refuse(
            Code::ResourceExhausted,
            "JOURNAL",
            format!("{message}; nothing was done: check the disk of state_dir"),
        ),
        JournalError::Row(_) | JournalError::Damaged(_) | JournalError::NewerSchema { .. } => {
            let remedy = error.remedy().unwrap_or_default();
            refuse(Code::DataLoss, "JOURNAL", format!("{message}; {remedy}"))
        }
        JournalError::Closed => shutting_down(),
    }
}

/// Nothing may be done where nobody knows what was done before.
pub(super) fn stopped(environment: &Stopped) -> Status {
    let message = format!("{} is not served: {}", environment.name, environment.why);
    refuse(Code::DataLoss, "JOURNAL", message)
}

pub(super) fn engine(error: EngineError) -> Status {
    match error {
        EngineError::Journal(error) => journal(error),
        EngineError::ShuttingDown => shutting_down(),
        EngineError::UnknownDeployment { .. } => {
            refuse(Code::NotFound, "UNKNOWN_DEPLOYMENT", error.to_string())
        }
        EngineError::NeverLive { .. } | EngineError::NeverDeployed { .. } => {
            refuse(Code::FailedPrecondition, "NEVER_LIVE", error.to_string())
        }
        EngineError::Backup { .. } => refuse(Code::FailedPrecondition, "BACKUP", error.to_string()),
    }
}
