//! What an agent finds when it looks at itself, for the wire: who asks, what they may do, what there is.

use ripcord_core::{EnvironmentName, Timestamp};
use ripcord_proto::v1::{self, FindingOutcome};

use super::{access::Access, convert, peer::Peer};
use crate::{
    config::RightName,
    engine::{Finding, Outcome},
};

/// What `peer` may do in `environment`.
pub(super) fn rights(access: &Access, peer: &Peer, environment: &EnvironmentName) -> v1::Rights {
    let allowed = access.rights(peer, environment);
    v1::Rights {
        environment: environment.to_string(),
        allowed: allowed.into_iter().map(|right| right.as_str().to_owned()).collect(),
    }
}

/// Whether somebody with these rights may see how the environment is.
pub(super) fn may_see(rights: &v1::Rights) -> bool {
    rights.allowed.iter().any(|right| right == RightName::Status.as_str())
}

/// One finding.
pub(super) fn finding((environment, finding): (Option<EnvironmentName>, Finding)) -> v1::Finding {
    let Finding { hop, outcome, detail, fix } = finding;
    v1::Finding {
        hop: hop.to_owned(),
        environment: environment.map(String::from).unwrap_or_default(),
        outcome: word(outcome).into(),
        detail,
        fix,
    }
}

/// What the clock says, which may be wrong: that is what is to be found out.
pub(super) fn now() -> prost_types::Timestamp {
    convert::time(Timestamp(jiff::Timestamp::now().as_millisecond()))
}

fn word(outcome: Outcome) -> FindingOutcome {
    match outcome {
        Outcome::Fine => FindingOutcome::Ok,
        Outcome::Warning => FindingOutcome::Warning,
        Outcome::Failed => FindingOutcome::Failed,
        Outcome::Skipped => FindingOutcome::Skipped,
    }
}
