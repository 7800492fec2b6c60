//! What `ripcord stats` shows of an environment: figures of the core, in the wire's words.

use std::time::Duration;

use ripcord_core::stats::{Rollbacks, Spread, Statistics, Uptime};
use ripcord_proto::v1;
use tonic::Status;

use super::{convert, errors};
use crate::engine::EnvironmentHandle;

/// How far back, when nobody says.
const DAYS_30: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How far back is asked for, in milliseconds.
pub(super) fn since(asked: Option<prost_types::Duration>) -> Result<u64, Status> {
    let invalid = |_| errors::invalid("the time to look back is not positive");
    let since = asked.map_or(Ok(DAYS_30), |since| Duration::try_from(since).map_err(invalid))?;
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

pub(super) async fn of(
    environment: &EnvironmentHandle,
    last_ms: u64,
) -> Result<v1::EnvironmentStats, Status> {
    let figures = environment.statistics(last_ms).await.map_err(errors::engine)?;
    let about = v1::EnvironmentStats {
        name: environment.name.to_string(),
        title: environment.about.title.clone(),
        ..v1::EnvironmentStats::default()
    };
    Ok(told(about, &figures))
}

fn told(about: v1::EnvironmentStats, figures: &Statistics) -> v1::EnvironmentStats {
    let outcomes = figures.outcomes.iter().map(|(outcome, count)| v1::OutcomeCount {
        outcome: convert::outcome(*outcome).into(),
        count: *count,
    });
    let phases = figures.phases.iter().map(|(phase, lasted)| v1::PhaseSpread {
        phase: convert::phase(*phase).into(),
        spread: Some(spread(lasted)),
    });
    v1::EnvironmentStats {
        from: Some(convert::time(figures.window.from)),
        to: Some(convert::time(figures.window.to)),
        deployments: figures.deployments,
        outcomes: outcomes.collect(),
        phases: phases.collect(),
        to_live: Some(spread(&figures.to_live)),
        to_verdict: Some(spread(&figures.to_verdict)),
        to_roll_back: Some(spread(&figures.to_roll_back)),
        rollbacks: Some(rollbacks(figures.rollbacks)),
        unvalidated_live: duration(figures.unvalidated_live_ms),
        uptime: figures.uptime.map(uptime),
        ..about
    }
}

fn spread(spread: &Spread) -> v1::Spread {
    v1::Spread {
        count: u64::try_from(spread.count()).unwrap_or(u64::MAX),
        median: spread.median_ms().and_then(duration),
        p95: spread.p95_ms().and_then(duration),
    }
}

fn rollbacks(counted: Rollbacks) -> v1::RollbackCounts {
    let Rollbacks { manual, automatic, succeeded, failed, false_alarms } = counted;
    v1::RollbackCounts { manual, automatic, succeeded, failed, false_alarms }
}

fn uptime(uptime: Uptime) -> v1::Uptime {
    v1::Uptime {
        monitored: duration(uptime.monitored_ms),
        down: duration(uptime.down_ms),
        outages: uptime.outages,
    }
}

fn duration(millis: u64) -> Option<prost_types::Duration> {
    Duration::from_millis(millis).try_into().ok()
}
