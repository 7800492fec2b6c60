//! Restarts a container, also when Docker itself goes away in the middle of it.

use std::time::Duration;

use ripcord_core::Failure;
use tokio::time::{Instant, sleep};

use super::{
    DockerSettings,
    engine::{Engine, EngineError},
    select::Found,
    stopping::Stop,
    ways::Ways,
};
use crate::ports::Reporter;

/// How long Docker may be away before a restart fails: enough for its own restart or upgrade.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pause before Docker is asked again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Asks until Docker is there to answer, for a while. What is asked must be repeatable.
pub(super) async fn patiently<T, F: Future<Output = Result<T, EngineError>>>(
    reporter: &Reporter,
    mut ask: impl FnMut() -> F,
) -> Result<T, Failure> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match ask().await {
            Err(error @ EngineError::Unreachable { .. }) => error,
            Ok(answer) => return Ok(answer),
            Err(error @ (EngineError::Silent { .. } | EngineError::Refused { .. })) => {
                return Err(error.into());
            }
        };
        if Instant::now() + pause > deadline {
            return Err(error.into());
        }
        if pause == FIRST_PAUSE {
            reporter.remark(format!("{error}; trying for {}s", PATIENCE.as_secs())).await;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Restarts one container.
pub(super) async fn one(
    engine: &Engine,
    container: &Found,
    settings: &DockerSettings,
    ways: &Ways,
    reporter: &Reporter,
) -> Result<(), Failure> {
    patiently(reporter, || stop_and_start(engine, container, settings, ways, reporter)).await?;
    ways.clear(engine, container, reporter).await;
    Ok(())
}

/// Looks at it each time: who was deaf before Docker went away may hear now, and would be killed.
async fn stop_and_start(
    engine: &Engine,
    container: &Found,
    settings: &DockerSettings,
    ways: &Ways,
    reporter: &Reporter,
) -> Result<(), EngineError> {
    let look = engine.inspect(&container.id).await?;
    ways.learn(engine, &look).await;
    let stop = Stop::of(&look, &container.source, settings);
    if let Some(remark) = stop.remark {
        reporter.remark(remark).await;
    }
    engine.restart(&container.id, &container.source, stop.grace).await
}
