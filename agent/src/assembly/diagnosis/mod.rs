//! What a diagnosis looks at: the checks of the agent, and those of each environment, in the order in
//! which one depends on the other.

mod agent;
mod disk;
mod environment;
mod github;
mod sinks;

pub(super) use agent::{Whole, of_agent};
pub(super) use environment::of_environment;

use crate::{config::Problem, engine::Seen};

/// Problems that `ripcord-agent check-config` finds too.
fn problems(found: &[Problem], fine: impl Into<String>) -> Seen {
    if found.is_empty() {
        return Seen::fine(fine);
    }
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    Seen::failed(told.join("; "))
}

/// Does what may block on a slow disk where it holds up nobody.
async fn blocking(look: impl FnOnce() -> Seen + Send + 'static) -> Seen {
    let looked = tokio::task::spawn_blocking(look).await;
    looked.unwrap_or_else(|error| Seen::failed(format!("the look broke off: {error}")))
}
