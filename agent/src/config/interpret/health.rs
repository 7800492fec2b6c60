//! When an application counts as healthy: the mission's numbers where nothing is said.

use std::time::Duration;

use super::place::Place;
use crate::config::{
    environment::HealthConfig,
    raw::RawHealth,
    value::{HttpUrl, Monitor},
};

const INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;

/// How the environment is probed; its address is its users' unless said otherwise.
pub(super) fn health(
    raw: RawHealth,
    users: Option<&HttpUrl>,
    place: &mut Place<'_, '_>,
) -> Option<HealthConfig> {
    let Some(url) = raw.url.as_ref().or(users) else {
        place
            .fault(&["health"], "nothing says what to probe: add `url` here or to the environment");
        return None;
    };
    let health = HealthConfig {
        url: url.0.clone(),
        status: raw.status.unwrap_or(200),
        contains: raw.contains,
        attempts: raw.attempts.unwrap_or(ATTEMPTS),
        interval: raw.interval.map_or(INTERVAL, |period| period.0),
        timeout: raw.timeout.map_or(TIMEOUT, |period| period.0),
        grace: raw.grace.map_or(Duration::ZERO, |period| period.0),
        successes: raw.successes.unwrap_or(1),
        bake: raw.bake.map_or(Duration::ZERO, |period| period.0),
        monitor: raw.monitor,
    };
    check(&health, place);
    Some(health)
}

fn check(health: &HealthConfig, place: &mut Place<'_, '_>) {
    let status_exists = (100..=599).contains(&health.status);
    place.check(status_exists, &["health", "status"], "must be an HTTP status, 100 to 599");
    place.check(health.attempts > 0, &["health", "attempts"], "must be at least 1");
    place.check(health.successes > 0, &["health", "successes"], "must be at least 1");
    let possible = health.successes <= health.attempts;
    let message = "cannot be more than `attempts`: the environment could never be healthy";
    place.check(possible, &["health", "successes"], message);
    for (key, value) in [("interval", health.interval), ("timeout", health.timeout)] {
        place.check(!value.is_zero(), &["health", key], "must be longer than 0");
    }
    let contains_something = health.contains.as_deref() != Some("");
    let message = "is empty, which every body contains: write a text, or remove the key";
    place.check(contains_something, &["health", "contains"], message);
    if let Some(Monitor::Cron(cron)) = &health.monitor {
        let comes = cron.find_next_occurrence(&jiff::Zoned::now(), false).is_ok();
        place.check(comes, &["health", "monitor"], "names a time that never comes");
    }
    let busy = matches!(health.monitor, Some(Monitor::Every(every)) if every.is_zero());
    place.check(!busy, &["health", "monitor"], "must be longer than 0");
}
