//! Looks at an environment although nothing happens there, and tells its driver what it found. Decides
//! nothing: whether people hear of it is the core's affair.

use std::{future::pending, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use ripcord_core::{Environment, Timestamp};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{Clock, EnvironmentHandle};
use crate::{config, ports::Sample};

/// A failure is believed after so many more tries: one lost packet is no outage.
const MORE_TRIES: u32 = 2;
/// The longest pause between the tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// While it is down the next look does not wait longer than this: the length of an outage is worth
/// knowing to the minute, also where an hour is often enough to find it.
const WHILE_DOWN: Duration = Duration::from_secs(60);

/// The monitor of one environment.
pub struct Monitor {
    environment: EnvironmentHandle,
    turns: config::Monitor,
    pause: Duration,
    clock: Clock,
    /// What the last look found did not reach the journal.
    unheard: bool,
}

impl Monitor {
    /// A monitor that looks at these `turns`; `interval` is that of the environment's probe.
    #[must_use]
    pub fn new(
        environment: EnvironmentHandle,
        turns: config::Monitor,
        interval: Duration,
        clock: Clock,
    ) -> Self {
        let pause = interval.min(LONGEST_PAUSE);
        Self { environment, turns, pause, clock, unheard: false }
    }

    /// Looks again and again, once recovery is over, until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            _gone = self.watch() => {}
        }
    }

    /// Ends with `None` when the driver is gone.
    async fn watch(&mut self) -> Option<()> {
        self.environment.recovered.wait_for(|recovered| *recovered).await.ok()?;
        loop {
            self.turn().await;
            let seen = self.undisturbed().await?;
            let told = self.environment.looked(seen).await;
            self.unheard = told.is_err();
            if let Err(error) = told {
                let environment = &self.environment.name;
                tracing::error!(%environment, %error, "what the monitor found is not journaled");
                continue;
            }
            self.note_alive().await;
        }
    }

    /// Waits for the next turn; for ever where the schedule has none any more.
    async fn turn(&self) {
        let next = match &self.turns {
            config::Monitor::Every(every) => Some(Instant::now() + *every),
            config::Monitor::Cron(cron) => self.next_of(cron),
        };
        let monitored = self.environment.state.borrow().monitored;
        let is_down = monitored.is_some_and(|monitored| monitored.down_since.is_some());
        let soon = (is_down || self.unheard).then(|| Instant::now() + WHILE_DOWN);
        match next.into_iter().chain(soon).min() {
            Some(next) => sleep_until(next).await,
            None => pending().await,
        }
    }

    /// When the expression matches next, in local time.
    fn next_of(&self, cron: &croner::Cron) -> Option<Instant> {
        let now = jiff::Timestamp::from_millisecond(self.clock.now().0).ok()?;
        let now = now.to_zoned(TimeZone::system());
        let next = cron.find_next_occurrence(&now, false).ok()?;
        Some(self.clock.instant_of(Timestamp(next.timestamp().as_millisecond())))
    }

    /// Looks while nothing is being changed: a deployment probes by itself, and how things look
    /// in the middle of one says nothing.
    async fn undisturbed(&self) -> Option<Sample> {
        let mut state = self.environment.state.clone();
        loop {
            touched(&mut state, false).await?;
            tokio::select! {
                seen = self.believed() => return Some(seen),
                disturbed = touched(&mut state, true) => disturbed?,
            }
        }
    }

    async fn believed(&self) -> Sample {
        let mut seen = self.environment.observer.health().await;
        for _ in 0..MORE_TRIES {
            if seen.ok {
                break;
            }
            sleep(self.pause).await;
            seen = self.environment.observer.health().await;
        }
        seen
    }

    /// What passes after the last look before a crash is time in which nobody looked.
    async fn note_alive(&self) {
        let EnvironmentHandle { name, journal, .. } = &self.environment;
        if let Err(error) = journal.beat(name, self.clock.now()).await {
            tracing::debug!(environment = %name, %error, "not noted");
        }
    }
}

async fn touched(state: &mut watch::Receiver<Arc<Environment>>, is: bool) -> Option<()> {
    state.wait_for(|state| state.is_touched() == is).await.ok().map(drop)
}
