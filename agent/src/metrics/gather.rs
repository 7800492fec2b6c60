//! Puts a page together: what was counted, how things stand, and how the process fares.

use std::sync::{Arc, PoisonError};

use ripcord_core::{Environment, EnvironmentName, Outcome, Phase, Timestamp};
use tokio::sync::watch;

use super::{
    catalogue::{self, Metric},
    counters::{Counters, What},
    follow::Counts,
    page::Page,
    process,
};
use crate::{
    engine::{Clock, Engine, Place},
    notify::{SinkHealth, SinkState},
};

/// All are told from the first scrape on: what begins with 1 never was seen to grow.
const OUTCOMES: [Outcome; 7] = [
    Outcome::Live,
    Outcome::Validated,
    Outcome::RolledBack,
    Outcome::Failed,
    Outcome::Superseded,
    Outcome::Refused,
    Outcome::Stranded,
];

/// As the outcomes.
const PHASES: [Phase; 9] = [
    Phase::Queued,
    Phase::Preparing,
    Phase::Gating,
    Phase::BackingUp,
    Phase::Resetting,
    Phase::Restarting,
    Phase::Probing,
    Phase::Watching,
    Phase::RollingBack,
];

/// What a scrape reads. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    engine: Engine,
    counts: Counts,
    sinks: Arc<[watch::Receiver<SinkHealth>]>,
    clock: Clock,
    started: Timestamp,
}

/// An environment at the time of a scrape.
struct Seen<'a> {
    name: &'a EnvironmentName,
    state: Arc<Environment>,
    counters: Counters,
}

impl Metrics {
    /// Metrics of this engine and of these sinks, with what is counted.
    #[must_use]
    pub fn new(
        engine: Engine,
        counts: Counts,
        sinks: Vec<watch::Receiver<SinkHealth>>,
        clock: Clock,
    ) -> Self {
        Self { engine, counts, sinks: sinks.into(), clock, started: clock.now() }
    }

    /// The page as it is now, in Prometheus' text format.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = Page::default();
        let (seen, now) = (self.look(), self.clock.now());
        page.metric(&catalogue::BUILD).add(&[env!("CARGO_PKG_VERSION")], 1.0);
        count(&mut page, &seen);
        stand(&mut page, &seen, now);
        let mut samples = page.metric(&catalogue::SERVED);
        for place in self.engine.places() {
            samples.add_flag(&[place.name().as_str()], matches!(place, Place::Driven(_)));
        }
        page.metric(&catalogue::EVENTS).add_count(&[], self.counts.events.borrow().0);
        self.sinks(&mut page, now);
        self.process(&mut page);
        page.into_text()
    }

    fn look(&self) -> Vec<Seen<'_>> {
        // Copies, so that who counts does not wait for who formats.
        let all = self.counts.environments.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.engine.driven().filter_map(|environment| {
            let (name, state) = (&environment.name, environment.state.borrow().clone());
            Some(Seen { name, state, counters: all.get(name)?.clone() })
        });
        seen.collect()
    }

    fn sinks(&self, page: &mut Page, now: Timestamp) {
        let all: Vec<SinkHealth> = self.sinks.iter().map(|sink| sink.borrow().clone()).collect();
        let mut samples = page.metric(&catalogue::SINK_LAG);
        for sink in &all {
            let since = match sink.state {
                SinkState::Working => now,
                SinkState::Waiting { since, .. } | SinkState::Stopped { since, .. } => since,
            };
            samples.add(&[&sink.name], seconds(now.since(since)));
        }
        let mut samples = page.metric(&catalogue::SINK_STOPPED);
        for sink in &all {
            samples.add_flag(&[&sink.name], matches!(sink.state, SinkState::Stopped { .. }));
        }
        let mut samples = page.metric(&catalogue::SINK_DELIVERED);
        for sink in &all {
            samples.add_count(&[&sink.name], sink.delivered);
        }
    }

    fn process(&self, page: &mut Page) {
        let told = [
            (&catalogue::MEMORY, process::resident_bytes()),
            (&catalogue::FILES, process::open_files()),
        ];
        for (metric, value) in told {
            let mut samples = page.metric(metric);
            if let Some(value) = value {
                samples.add_count(&[], value);
            }
        }
        page.metric(&catalogue::STARTED).add(&[], epoch(self.started));
    }
}

fn count(page: &mut Page, seen: &[Seen<'_>]) {
    let mut samples = page.metric(&catalogue::DEPLOYMENTS);
    for Seen { name, counters, .. } in seen {
        for (what, outcome) in What::ALL.into_iter().flat_map(|what| OUTCOMES.map(|it| (what, it)))
        {
            let ended = counters.endings.get(&(what, outcome)).copied().unwrap_or(0);
            samples.add_count(&[name.as_str(), what.as_str(), outcome.as_str()], ended);
        }
    }
    let mut samples = page.metric(&catalogue::PHASES);
    for Seen { name, counters, .. } in seen {
        for phase in PHASES {
            let histogram = counters.phases.get(&phase).cloned().unwrap_or_default();
            samples.add_histogram(&[name.as_str(), phase.as_str()], &histogram);
        }
    }
}

fn stand(page: &mut Page, seen: &[Seen<'_>], now: Timestamp) {
    let mut tell = |metric: &Metric, value: &dyn Fn(&Seen<'_>) -> Option<f64>| {
        let mut samples = page.metric(metric);
        for each in seen {
            if let Some(value) = value(each) {
                samples.add(&[each.name.as_str()], value);
            }
        }
    };
    // Where nothing is known to run, nothing is live since any time.
    let live_since = |it: &Seen<'_>| it.state.live.and(it.counters.live_since);
    let exposed_ms = |it: &Seen<'_>| it.counters.exposure.total_ms(now);
    tell(&catalogue::LIVE, &|it| live_since(it).map(epoch));
    tell(&catalogue::VALIDATED, &|it| it.counters.validated_at.map(epoch));
    tell(&catalogue::VERDICT_WAIT, &|it| Some(seconds(waited_ms(&it.state, now))));
    tell(&catalogue::UNVALIDATED, &|it| Some(seconds(exposed_ms(it))));
    tell(&catalogue::UP, &|it| it.counters.up.map(flag));
    tell(&catalogue::HELD, &|it| Some(flag(it.state.hold.is_some())));
    tell(&catalogue::STRANDED, &|it| Some(flag(it.state.stranded.is_some())));
}

/// What only bakes waits for its health: nobody is late with a verdict.
fn waited_ms(state: &Environment, now: Timestamp) -> u64 {
    let live = state.watched_live().map(|watched| watched.number);
    let awaited = state.watches().find(|watch| Some(watch.deployment) == live);
    awaited.map_or(0, |watch| now.since(watch.since))
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

fn epoch(at: Timestamp) -> f64 {
    seconds(at.since(Timestamp(0)))
}
