//! How long a container may take to stop, and what to say about it.
//!
//! A time that somebody wrote into the agent's configuration always counts. One of the container
//! (`stop_grace_period`) does not make a deaf process hear: it is not waited for.

use std::time::Duration;

use bollard::models::ContainerInspectResponse;

use super::{
    DockerSettings,
    deaf::{Hearing, Processes, stop_signal},
    signal::Signal,
};

/// What Docker waits for a stop when neither the container nor the configuration says.
const DOCKERS_GRACE: Duration = Duration::from_secs(10);

/// A container that wants to be waited for without end gets as long as the whole step has.
const WITHOUT_END: Duration = Duration::from_secs(15 * 60);

/// What helps a deaf one.
const FIX: &str = "`exec` in its command, or `init: true`, lets it stop in order";

/// How a container is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    /// How long it may take.
    pub(super) grace: Duration,
    /// What the operator should know.
    pub(super) remark: Option<String>,
    /// Whether it is killed because it would not hear.
    pub(super) is_cut_short: bool,
}

impl Stop {
    /// Of this container, which people know as `source`.
    pub(super) fn of(
        look: &ContainerInspectResponse,
        source: &str,
        settings: &DockerSettings,
    ) -> Self {
        let grace = settings.stop_timeout.unwrap_or_else(|| own_grace(look));
        let in_order = Self { grace, remark: None, is_cut_short: false };
        if grace.is_zero() || settings.wait_for_deaf {
            return in_order;
        }
        let hears = |signal: &Signal| Processes::default().first(look, *signal) != Hearing::Deaf;
        let Some(signal) = stop_signal(look).filter(|signal| !hears(signal)) else {
            return in_order;
        };
        let deaf = format!("the first process of {source} has no handler for {signal}");
        if settings.stop_timeout.is_some() {
            let waited = format!("`stop_timeout` waits {}s for nothing", whole_seconds(grace));
            return Self { remark: Some(format!("{deaf}: {waited} ({FIX})")), ..in_order };
        }
        let remark = Some(format!("{deaf}: it was not waited for ({FIX})"));
        Self { grace: Duration::ZERO, remark, is_cut_short: true }
    }

    /// Of a deaf one that others need until they have stopped.
    pub(super) fn after_others(look: &ContainerInspectResponse, source: &str) -> Self {
        let deaf = format!("the first process of {source} has no handler for what stops it");
        let remark = Some(format!("{deaf}, but others depend on it: it was waited for ({FIX})"));
        Self { grace: own_grace(look), remark, is_cut_short: false }
    }
}

/// Rounded up, so that a short time is not none at all.
pub(super) fn whole_seconds(grace: Duration) -> u64 {
    grace.as_secs() + u64::from(grace.subsec_nanos() > 0)
}

fn own_grace(look: &ContainerInspectResponse) -> Duration {
    let Some(seconds) = look.config.as_ref().and_then(|config| config.stop_timeout) else {
        return DOCKERS_GRACE;
    };
    u64::try_from(seconds).map_or(WITHOUT_END, Duration::from_secs).min(WITHOUT_END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_keeps_its_own_time_and_an_endless_one_the_time_that_there_is() {
        for (config, seconds) in [
            ("{}", 10),
            (r#"{"StopTimeout":0}"#, 0),
            (r#"{"StopTimeout":90}"#, 90),
            (r#"{"StopTimeout":-1}"#, 900),
        ] {
            let look = serde_json::from_str(&format!(r#"{{"Config":{config}}}"#)).expect("parses");
            assert_eq!(own_grace(&look).as_secs(), seconds, "{config}");
        }
    }

    #[test]
    fn a_short_time_is_not_none() {
        let seconds = [0, 1, 1000, 1001].map(|millis| whole_seconds(Duration::from_millis(millis)));
        assert_eq!(seconds, [0, 1, 1, 2]);
    }
}
