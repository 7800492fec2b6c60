//! Whether those who should be told would be: as `ripcord notify test` without `--send`.

use std::sync::Arc;

use crate::{
    engine::{Check, Seen},
    notify::{Outlet, Outlets, SinkState, Tested},
};

/// A check for each sink, in the order of the configuration.
pub(super) fn checks(outlets: &Arc<Outlets>) -> impl Iterator<Item = Check> {
    (0..outlets.0.len()).map(|at| {
        let outlets = outlets.clone();
        let fix = "correct the [[notify]], or its url_file; `ripcord notify test` tries it again";
        Check::new("sink", fix, move || {
            let outlets = outlets.clone();
            async move {
                match outlets.0.get(at) {
                    Some(outlet) => look(outlet).await,
                    None => Seen::skipped("it is gone"),
                }
            }
        })
    })
}

async fn look(outlet: &Outlet) -> Seen {
    let health = outlet.health();
    let kind = health.name.split('.').next().unwrap_or_default();
    let told = |what: &str| format!("{kind} ({}): {what}", health.about);
    let tested = outlet.test(false).await;
    match (&health.state, tested) {
        (SinkState::Stopped { why, .. }, _) => Seen::failed(told(why)),
        (_, Err(undelivered)) => Seen::failed(told(&undelivered.to_string())),
        (SinkState::Waiting { why, .. }, Ok(_)) => {
            Seen::warning(told(why)).fix("it is tried again by itself")
        }
        (SinkState::Working, Ok(Tested::Works(detail))) => Seen::fine(told(&detail)),
        (SinkState::Working, Ok(Tested::NotTried(_))) => Seen::fine(told("has told all so far")),
    }
}
