//! Whether the plan that somebody agreed to is still the plan.

use ripcord_core::{DeployRequest, PlannedOn, Refusal, RollbackRequest};

use super::{WAITS, deploy, rollback};
use crate::engine::EnvironmentHandle;

/// So many lines that differ are told, and so much of each: they come from outside.
const TOLD: usize = 8;
const TOLD_CHARS: usize = 160;

/// Makes the plan of a deployment again: what it is made on, when it is the agreed one.
///
/// # Errors
/// The refusal: it is another one, or there is none any more.
pub(in crate::rpc) async fn still_deploys(
    environment: &EnvironmentHandle,
    request: &DeployRequest,
    confirm: &str,
    agreed: &[String],
) -> Result<PlannedOn, Refusal> {
    let state = environment.state.borrow().clone();
    let plan = deploy::plan(environment, &state, request, Some(confirm)).await?;
    compare(agreed, &plan.lines)?;
    Ok(PlannedOn { live: state.live })
}

/// Makes the plan of a rollback again.
///
/// # Errors
/// The refusal: it is another one, or there is none any more.
pub(in crate::rpc) async fn still_rolls_back(
    environment: &EnvironmentHandle,
    request: &RollbackRequest,
    agreed: &[String],
) -> Result<(), Refusal> {
    let state = environment.state.borrow().clone();
    let plan = rollback::plan(environment, &state, request).await?;
    compare(agreed, &plan.lines)
}

fn compare(agreed: &[String], now: &[String]) -> Result<(), Refusal> {
    match difference(agreed, now) {
        Some(difference) => Err(Refusal::PlanChanged { difference }),
        None => Ok(()),
    }
}

/// The lines that went, and those that came; what is waited for does not matter.
fn difference(agreed: &[String], now: &[String]) -> Option<String> {
    let lasting = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| !line.starts_with(WAITS)).cloned().collect()
    };
    let (was, is) = (lasting(agreed), lasting(now));
    if was == is {
        return None;
    }
    let gone = was.iter().filter(|line| !is.contains(line)).map(|line| told('-', line));
    let come = is.iter().filter(|line| !was.contains(line)).map(|line| told('+', line));
    let lines: Vec<String> = gone.chain(come).collect();
    let more = lines.len().checked_sub(TOLD).filter(|more| *more > 0);
    let more = more.map(|more| format!("… {more} lines more"));
    let told: Vec<String> = lines.into_iter().take(TOLD).chain(more).collect();
    Some(if told.is_empty() {
        "its lines are in another order".to_owned()
    } else {
        told.join("; ")
    })
}

fn told(mark: char, line: &str) -> String {
    let line: String = line.trim().chars().take(TOLD_CHARS).collect();
    format!("{mark} {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn only_the_lines_that_differ_are_told() {
        let told = difference(&lines("live: a/restart web"), &lines("live: b/restart web"));
        assert_eq!(told.as_deref(), Some("- live: a; + live: b"));
        assert_eq!(difference(&lines("a/b"), &lines("a/b")), None);
    }

    #[test]
    fn what_is_waited_for_may_have_ended_meanwhile() {
        assert_eq!(difference(&lines("waits for #7, which runs now/a"), &lines("a")), None);
    }

    #[test]
    fn a_plan_from_outside_does_not_flood_the_journal() {
        let endless = vec!["x".repeat(100_000); 1000];
        let told = difference(&endless, &lines("a")).unwrap_or_default();
        assert!(told.len() < 2000 && told.ends_with("lines more"), "{told}");
    }
}
