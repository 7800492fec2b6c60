//! How the sinks fare, and what a test of each finds out, for the wire.

use futures_util::future::join_all;
use ripcord_core::Timestamp;
use ripcord_proto::v1::{self, SinkState as State, SinkTestOutcome};

use super::convert;
use crate::notify::{Outlet, Outlets, SinkHealth, SinkState, Tested};

/// Tries all sinks at once.
pub(super) async fn of(outlets: &Outlets, send: bool) -> Vec<v1::SinkTest> {
    join_all(outlets.0.iter().map(|outlet| test(outlet, send))).await
}

async fn test(outlet: &Outlet, send: bool) -> v1::SinkTest {
    let (outcome, detail) = match outlet.test(send).await {
        Ok(Tested::Works(detail)) => (SinkTestOutcome::Works, detail),
        Ok(Tested::NotTried(why)) => (SinkTestOutcome::NotTried, why.to_owned()),
        Err(undelivered) => (SinkTestOutcome::Fails, undelivered.to_string()),
    };
    let health = Some(health(&outlet.health()));
    v1::SinkTest { health, outcome: outcome.into(), detail }
}

/// How one fares.
pub(super) fn health(health: &SinkHealth) -> v1::SinkHealth {
    let (state, since, reason) = match &health.state {
        SinkState::Working => (State::Working, None, String::new()),
        SinkState::Waiting { since, why } => (State::Waiting, Some(*since), why.clone()),
        SinkState::Stopped { since, why } => (State::Stopped, Some(*since), why.clone()),
    };
    v1::SinkHealth {
        name: health.name.clone(),
        about: health.about.clone(),
        state: state.into(),
        since: since.map(|since: Timestamp| convert::time(since)),
        reason,
        delivered: health.delivered,
    }
}
