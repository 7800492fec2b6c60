//! The one place where a gRPC status is made: a code for libraries, a reason for programs, a sentence for people.

use std::collections::HashMap;

use ripcord_proto::ERROR_DOMAIN;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

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
