//! How long an application may take to become healthy, and how it is asked meanwhile.
//!
//! An attempt is a window of `interval`. The first look comes at once; while nothing answers yet
//! (the application is starting) the next looks follow quickly within the same window, so a fast
//! application is live in milliseconds. An answer that is wrong ends the attempt.

use std::time::Duration;

use ripcord_core::{Event, Failure, FailureKind, StepDone};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::ports::{Probe, Reporter, Runtime, RuntimeHealth, Sample};

/// How health is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbePlan {
    /// How many failed attempts are too many.
    pub attempts: u32,
    /// From one attempt to the next.
    pub interval: Duration,
    /// After the restart, failures do not count for so long.
    pub grace: Duration,
    /// How many good attempts in a row make it healthy.
    pub successes: u32,
}

/// The pause after the first look that nothing answered; doubles up to [`SLOWEST_LOOK`].
const QUICKEST_LOOK: Duration = Duration::from_millis(5);
/// Looks within an attempt are never further apart than this.
const SLOWEST_LOOK: Duration = Duration::from_millis(250);
/// A runtime that does not answer within this time hangs.
const RUNTIME_PATIENCE: Duration = Duration::from_secs(10);

/// What one look found.
pub(super) struct Look {
    pub(super) sample: Sample,
    /// Nothing answers yet: soon it may.
    starting: bool,
}

/// Asks until the application is healthy, or `plan` is used up.
pub(super) async fn until_healthy(
    plan: &ProbePlan,
    runtime: &dyn Runtime,
    probe: Option<&dyn Probe>,
    reporter: &Reporter,
) -> Result<StepDone, Failure> {
    let grace_ends = Instant::now() + plan.grace;
    let (mut failed, mut good, mut tries) = (0, 0, 0);
    loop {
        tries += 1;
        let window_ends = Instant::now() + plan.interval;
        match attempt(runtime, probe, window_ends).await {
            Ok(status) => {
                good += 1;
                if good >= plan.successes {
                    return Ok(StepDone::Healthy { status, attempts: tries });
                }
            }
            Err(detail) => {
                good = 0;
                reporter.tell(Event::ProbeFailed { attempt: tries, detail: detail.clone() }).await;
                if Instant::now() >= grace_ends {
                    failed += 1;
                }
                if failed >= plan.attempts {
                    return Err(unhealthy(tries, &detail));
                }
            }
        }
        sleep_until(window_ends).await;
    }
}

fn unhealthy(tries: u32, detail: &str) -> Failure {
    let tries = if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
    let message = format!("the application is not healthy after {tries}: {detail}");
    Failure::new(FailureKind::Unhealthy, message)
}

/// One attempt: looks until there is an answer, at most until `window_ends`.
async fn attempt(
    runtime: &dyn Runtime,
    probe: Option<&dyn Probe>,
    window_ends: Instant,
) -> Result<Option<u16>, String> {
    let mut pause = QUICKEST_LOOK;
    loop {
        let Look { sample, starting } = look(runtime, probe).await;
        if sample.ok {
            return Ok(sample.status);
        }
        if !starting || Instant::now() + pause >= window_ends {
            return Err(sample.detail);
        }
        sleep(pause).await;
        pause = (pause * 2).min(SLOWEST_LOOK);
    }
}

/// One look: what the runtime says first, then what a visitor sees.
pub(super) async fn look(runtime: &dyn Runtime, probe: Option<&dyn Probe>) -> Look {
    let Ok(health) = timeout(RUNTIME_PATIENCE, runtime.health()).await else {
        let seconds = RUNTIME_PATIENCE.as_secs();
        return bad(format!("the runtime did not say within {seconds}s how the application is"));
    };
    match health {
        Ok(RuntimeHealth::Bad { detail }) => return bad(detail),
        Ok(RuntimeHealth::Starting) => {
            return Look { starting: true, ..bad("the container is still starting".to_owned()) };
        }
        Ok(RuntimeHealth::Fine) => {}
        Err(failure) => return bad(failure.message),
    }
    let sample = match probe {
        Some(probe) => probe.sample().await,
        None => Sample { ok: true, status: None, wrong_content: false, detail: String::new() },
    };
    let starting = !sample.ok && sample.status.is_none();
    Look { sample, starting }
}

fn bad(detail: String) -> Look {
    let sample = Sample { ok: false, status: None, wrong_content: false, detail };
    Look { sample, starting: false }
}
