//! Why a command could not be done, and how gRPC and TLS errors become one of these reasons.

use std::{error::Error as StdError, io, time::Duration};

use ripcord_proto::{ERROR_DOMAIN, OIDC_AUDIENCE};
use tonic::{Code, Status};
use tonic_types::{ErrorInfo, StatusExt};

/// What is said when somebody left before anything was asked for.
pub(crate) const LEFT: &str = "nothing was changed";

/// Why a command could not be done. The exit code follows from the variant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line or the configuration is wrong.
    #[error("{0}")]
    Usage(String),
    /// TLS, certificate or role.
    #[error("{message}")]
    Access { message: String },
    /// No connection, or it was lost for good.
    #[error("{message}")]
    Unreachable { message: String },
    /// The agent asks for the OIDC token of a workflow, made for this audience.
    #[error("{message}")]
    Oidc { message: String, audience: String },
    /// The agent refused before anything happened.
    #[error("{message}")]
    Refused { reason: String, message: String },
    /// `--timeout` ended the wait.
    #[error("no result after {}; the deployment goes on", crate::render::duration(*after))]
    TimedOut { after: Duration },
    /// Ctrl-C.
    #[error("detached; the deployment goes on")]
    Detached,
    /// Ctrl-C before anything was asked for.
    #[error("{LEFT}")]
    Left,
    /// Nobody thought of this.
    #[error("{0}")]
    Unexpected(String),
    /// Standard output cannot be written.
    #[error("cannot write the result: {0}")]
    Stdout(io::Error),
}

impl Failure {
    /// The `google.rpc.ErrorInfo` reason, or a word of the same kind for failures on this side.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Usage(_) => "USAGE",
            Self::Access { .. } => "ACCESS_DENIED",
            Self::Oidc { .. } => "OIDC",
            Self::Unreachable { .. } => "UNREACHABLE",
            Self::Refused { reason, .. } => reason,
            Self::TimedOut { .. } => "TIMED_OUT",
            Self::Detached | Self::Left => "DETACHED",
            Self::Unexpected(_) | Self::Stdout(_) => "UNEXPECTED",
        }
    }

    /// The same, for people who hear of several agents.
    pub(crate) fn of_agent(&self, name: &str) -> Self {
        let message = format!("{name}: {self}");
        match self {
            Self::Usage(_) => Self::Usage(message),
            Self::Access { .. } | Self::Oidc { .. } => Self::Access { message },
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Detached | Self::Left => {
                Self::Unreachable { message }
            }
            Self::Refused { reason, .. } => Self::Refused { reason: reason.clone(), message },
            Self::Unexpected(_) | Self::Stdout(_) => Self::Unexpected(message),
        }
    }

    /// Whether the agent wants to be told which commit is meant.
    pub(crate) fn lacks_commit(&self) -> bool {
        matches!(self, Self::Refused { reason, .. } if reason == "COMMIT_NEEDED")
    }

    /// Whether the reader of our output went away: nobody is left to be told.
    pub(crate) fn is_closed_stdout(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// What a status means for the call that got it.
pub(crate) enum Meaning {
    /// The connection broke; the same call may be made again.
    Lost(String),
    /// The call ended with this.
    Final(Failure),
}

/// Reads a status: the agent's own reasons first, then TLS, then the connection.
pub(crate) fn meaning(status: &Status) -> Meaning {
    if let Some(info) = agent_info(status) {
        return of_info(info, status.message().to_owned());
    }
    if let Some(error) = tls_error(status) {
        return Meaning::Final(Failure::Access { message: explain_tls(error) });
    }
    let message = status.message().to_owned();
    match status.code() {
        Code::InvalidArgument => Meaning::Final(Failure::Usage(message)),
        Code::Unauthenticated | Code::PermissionDenied => {
            Meaning::Final(Failure::Access { message })
        }
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded => {
            Meaning::Lost(without_link(&message))
        }
        _ if status.source().is_some() => Meaning::Lost(without_link(&root_cause(status))),
        Code::NotFound
        | Code::FailedPrecondition
        | Code::AlreadyExists
        | Code::ResourceExhausted => {
            let reason = "REFUSED".to_owned();
            Meaning::Final(Failure::Refused { reason, message })
        }
        Code::Unimplemented => Meaning::Final(Failure::Unexpected(format!(
            "the agent does not know this call ({message}); it may be older than this controller"
        ))),
        code => {
            Meaning::Final(Failure::Unexpected(format!("the agent answered {code:?}: {message}")))
        }
    }
}

/// rustls ends some of its sentences with the address of its manual: nothing for an operator.
fn without_link(message: &str) -> String {
    message.split_once(": https://").map_or(message, |(sentence, _)| sentence).to_owned()
}

fn agent_info(status: &Status) -> Option<ErrorInfo> {
    status.get_details_error_info().filter(|info| info.domain == ERROR_DOMAIN)
}

fn of_info(mut info: ErrorInfo, message: String) -> Meaning {
    let reason = info.reason;
    Meaning::Final(match reason.as_str() {
        "OIDC" => {
            let audience = info.metadata.remove(OIDC_AUDIENCE).unwrap_or_default();
            Failure::Oidc { message, audience }
        }
        // The next agent answers: the same call may be made again.
        "SHUTTING_DOWN" => return Meaning::Lost(message),
        "INVALID_ARGUMENT" | "INVALID_SHA" | "INVALID_REQUEST" => Failure::Usage(message),
        "ACCESS_DENIED"
        | "BAD_IDENTITY"
        | "CERTIFICATE_EXPIRED"
        | "CERTIFICATE_REVOKED"
        | "UNAUTHENTICATED"
        | "PERMISSION_DENIED" => Failure::Access { message },
        "INTERNAL" => Failure::Unexpected(message),
        _ => Failure::Refused { reason, message },
    })
}

/// The rustls error in a chain of sources, where there is one.
pub(crate) fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// A TLS error as a person needs it: who refused whom, and why.
pub(crate) fn explain_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::AlertReceived(alert) => explain_alert(*alert),
        rustls::Error::InvalidCertificate(reason) => explain_certificate(reason),
        rustls::Error::PeerIncompatible(reason) => {
            format!("the agent does not speak TLS 1.3 as it must: {reason:?}")
        }
        other => format!("the TLS handshake failed: {other}"),
    }
}

fn explain_alert(alert: rustls::AlertDescription) -> String {
    use rustls::AlertDescription as Alert;
    let why = match alert {
        Alert::CertificateRequired => "certificate required",
        Alert::CertificateExpired => "certificate expired",
        Alert::CertificateRevoked => "certificate revoked",
        Alert::UnknownCA | Alert::DecryptError => "unknown CA",
        Alert::BadCertificate => "bad certificate",
        Alert::UnsupportedCertificate => "not a client certificate",
        Alert::CertificateUnknown => "certificate not acceptable",
        Alert::AccessDenied => "access denied",
        other => return format!("the agent ended the TLS handshake: {other:?}"),
    };
    format!("the agent refused this certificate: {why}")
}

const WRONG_NAME: &str = "the agent's certificate is for another name than the URL's host";

/// The names in `presented` that can stand in a URL: rustls writes `DnsName("vm.example")`.
fn host_names(presented: &[String]) -> String {
    let host = |name: &String| {
        let inner = name.strip_prefix("DnsName(").or_else(|| name.strip_prefix("IpAddress("))?;
        Some(inner.trim_end_matches(')').trim_matches('"').to_owned())
    };
    let names: Vec<String> = presented.iter().filter_map(host).collect();
    if names.is_empty() { "no host at all".to_owned() } else { names.join(", ") }
}

fn explain_certificate(reason: &rustls::CertificateError) -> String {
    use rustls::CertificateError as Bad;
    match reason {
        Bad::UnknownIssuer | Bad::BadSignature => {
            "the agent's certificate is not signed by --ca".to_owned()
        }
        Bad::Expired | Bad::ExpiredContext { .. } => {
            "the agent's certificate is expired; issue a new one with `ripcord certs issue`"
                .to_owned()
        }
        Bad::NotValidForName => WRONG_NAME.to_owned(),
        Bad::NotValidForNameContext { presented, .. } => {
            format!("{WRONG_NAME}: it is for {}", host_names(presented))
        }
        other => format!("the agent's certificate is not acceptable: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn told(reason: &str) -> Meaning {
        let details =
            ErrorDetails::with_error_info(reason, ERROR_DOMAIN, std::collections::HashMap::new());
        meaning(&Status::with_error_details(Code::Unavailable, "why", details))
    }

    #[test]
    fn an_agent_that_shuts_down_is_asked_again() {
        assert!(matches!(told("SHUTTING_DOWN"), Meaning::Lost(_)));
    }

    #[test]
    fn a_certificate_that_is_no_longer_good_is_a_matter_of_access() {
        for reason in ["BAD_IDENTITY", "CERTIFICATE_EXPIRED", "CERTIFICATE_REVOKED"] {
            assert!(matches!(told(reason), Meaning::Final(Failure::Access { .. })), "{reason}");
        }
    }

    #[test]
    fn a_lost_connection_is_told_without_the_manual_of_a_library() {
        let status = Status::unavailable("peer closed connection: https://docs.rs/rustls/latest");
        assert!(matches!(meaning(&status), Meaning::Lost(why) if why == "peer closed connection"));
    }

    #[test]
    fn a_reason_that_is_newer_than_this_controller_is_a_refusal() {
        assert!(matches!(told("NEVER_HEARD_OF"), Meaning::Final(Failure::Refused { .. })));
    }

    #[test]
    fn a_certificate_for_another_name_says_for_which() {
        let presented = [
            "UniformResourceIdentifier(\"spiffe://shop/agent/vm\")",
            "DnsName(\"vm.example\")",
            "IpAddress(10.0.0.7)",
        ];
        assert_eq!(host_names(&presented.map(str::to_owned)), "vm.example, 10.0.0.7");
    }
}
