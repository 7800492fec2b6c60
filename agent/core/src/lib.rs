//! What ripcord decides: the life of a deployment, as pure functions.
//!
//! No I/O, no async and no clock live here: time is an argument, effects are values that somebody
//! else performs. An [`Environment`] is a fold of [`Entry`]s; [`Environment::on`] answers an
//! [`Input`] with the entries that it causes, and [`Environment::wanted`] names the effect that the
//! state asks for. Crash recovery is the same two functions on a state that was read back.

pub mod admission;
pub mod ci;
pub mod effect;
pub mod environment;
pub mod event;
pub mod expiry;
pub mod failure;
mod fold;
pub mod ids;
pub mod lifecycle;
pub mod limits;
pub mod monitor;
pub mod news;
pub mod notice;
pub mod policy;
pub mod promotion;
pub mod request;
mod rollback;
pub mod stats;
mod transition;
pub mod verdict;
mod watch_clock;

pub use admission::{Admission, Refusal};
pub use effect::{Brought, Effect, Files, Pace, Step, StepDone, Watch};
pub use environment::{Earned, Environment, Hold, Quarantine, Stranded};
pub use event::{Entry, Event};
pub use expiry::Ends;
pub use failure::{Failure, FailureKind};
pub use ids::{
    BackupId, CommitSha, DeploymentNumber, EnvironmentName, Identity, InvalidId, RequestId,
    Sequence, Timestamp,
};
pub use lifecycle::{Bake, Deployment, Kind, Outcome, Phase, Placement, PlannedOn};
pub use monitor::{Looked, Monitored};
pub use policy::{OnDeadline, Policy, VerifyWhen};
pub use promotion::Objection;
pub use request::{DeployRequest, Input, RollbackRequest};
pub use transition::{Answer, Decision, UnexpectedInput};
pub use verdict::{Verdict, VerdictReport};
