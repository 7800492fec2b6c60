//! The engine: one driver per environment, which asks the core, journals, and acts.
//!
//! A request becomes an input; the core decides; the decision is journaled; then, and only then,
//! the effect that the new state asks for is started. Its result is the next input. Nobody else
//! owns work: a caller that goes away takes nothing with it.

mod about;
mod baking;
mod certificates;
mod clock;
mod diagnose;
mod driver;
mod handle;
mod monitor;
mod observe;
mod perform;
mod places;
mod probing;
mod promotion;
mod proof;
mod relay;
mod retention;
mod tidying;
mod towards;
mod watching;

pub use about::{About, Doings, Probed, Saving};
pub use certificates::Certificates;
pub use clock::Clock;
pub use diagnose::{Check, Diagnosis, Finding, Outcome, Seen};
pub use driver::{Driver, Setup};
pub use handle::{ActivityNow, EngineError, EnvironmentHandle};
pub use monitor::Monitor;
pub use observe::{Observation, Observer};
pub use perform::Parts;
pub use places::{Engine, Place, Stopped};
pub use probing::ProbePlan;
pub use promotion::Promotion;
pub use proof::Carried;
pub use retention::Retention;
pub use towards::{Target, Towards};
