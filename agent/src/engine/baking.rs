//! The looks at what went live a moment ago: for as long as it bakes, failing health undoes it.

use std::{collections::BTreeMap, sync::Arc};

use ripcord_core::{Bake, DeploymentNumber, Environment};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use super::{clock::Clock, observe::Observer, probing::ProbePlan, relay::Happening};

/// The bakes that are looked after now.
pub(super) struct Bakes {
    oven: Oven,
    happenings: mpsc::Sender<Happening>,
    running: BTreeMap<DeploymentNumber, AbortOnDropHandle<()>>,
}

impl Bakes {
    pub(super) fn new(
        observer: Arc<Observer>,
        plan: ProbePlan,
        happenings: mpsc::Sender<Happening>,
    ) -> Self {
        Self { oven: Oven { observer, plan }, happenings, running: BTreeMap::new() }
    }

    /// Looks after exactly the bakes that `state` asks for.
    pub(super) fn follow(&mut self, state: &Environment, clock: &Clock) {
        let wanted: BTreeMap<DeploymentNumber, Bake> = state.bakes().collect();
        self.running.retain(|number, _| wanted.contains_key(number));
        for (deployment, bake) in wanted {
            let (oven, happenings) = (self.oven.clone(), self.happenings.clone());
            let ends = clock.instant_of(bake.until());
            self.running.entry(deployment).or_insert_with(|| {
                AbortOnDropHandle::new(tokio::spawn(async move {
                    let result = oven.bake(ends).await;
                    let _ = happenings.send(Happening::Baked { deployment, result }).await;
                }))
            });
        }
    }
}

/// How a bake is looked at.
#[derive(Clone)]
struct Oven {
    observer: Arc<Observer>,
    plan: ProbePlan,
}

impl Oven {
    /// Looks every `interval`; `attempts` bad looks in a row are believed. The last word is a look.
    async fn bake(&self, ends: Instant) -> Result<(), String> {
        let mut failed = 0;
        loop {
            let next = Instant::now() + self.plan.interval;
            sleep_until(if failed == 0 { next.min(ends) } else { next }).await;
            let seen = self.observer.health().await;
            if seen.ok {
                failed = 0;
                if Instant::now() >= ends {
                    return Ok(());
                }
            } else {
                failed += 1;
                if failed >= self.plan.attempts {
                    return Err(seen.detail);
                }
            }
        }
    }
}
