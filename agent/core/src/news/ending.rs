//! How a deployment's end is told, and which of two that end together tells it.

use super::{
    Context,
    cause::{Cause, CiRun},
    story::{Restored, Saved, Story, Subject, WhyStranded},
};
use crate::{
    environment::Environment,
    lifecycle::{Deployment, Kind, Outcome, Phase},
    policy::VerifyWhen,
};

/// What is to be told of an ending, if this one speaks.
pub(super) fn story(
    outcome: Outcome,
    deployment: &Deployment,
    context: &Context<'_>,
) -> Option<Story> {
    if is_told_elsewhere(outcome, deployment, context) {
        return None;
    }
    let of = Subject::of(deployment);
    let cause = Cause::of(deployment);
    Some(match outcome {
        Outcome::Validated | Outcome::Live if deployment.is_rollback() => Story::RollbackDone {
            of,
            by: deployment.by.clone(),
            validated: outcome == Outcome::Validated,
            moved: deployment.live_at.is_some(),
            took_ms: timing(deployment, "total"),
            from: deployment.restored_from.clone(),
        },
        Outcome::RolledBack => {
            let restored = restored(deployment, context);
            Story::RolledBack { of, cause, restored, saved: Saved::before(deployment) }
        }
        Outcome::Stranded => stranded(deployment, cause, context),
        Outcome::Failed | Outcome::Refused | Outcome::Superseded if deployment.is_rollback() => {
            Story::RollbackFailed { of, by: deployment.by.clone(), cause }
        }
        Outcome::Validated => match timing(deployment, Phase::Watching.as_str()) {
            Some(_) if awaits_ci(deployment, context) => {
                let (run, took_ms) = (CiRun::of(deployment), timing(deployment, "total"));
                Story::Validated { of, run, took_ms }
            }
            Some(_) | None => Story::Succeeded { of },
        },
        Outcome::Live => Story::Unvalidated { of, cause, overridden: deployment.is_overriding() },
        Outcome::Failed => {
            let restored = restored(deployment, context);
            let saved = Saved::before(deployment).filter(|_| restored.is_some());
            Story::Failed { of, cause, restored, saved }
        }
        Outcome::Refused => Story::NotAllowed { of, cause },
        Outcome::Superseded => return None,
    })
}

/// A rollback and what it undoes end together, and one of them speaks: what is undone for the
/// agent's rollbacks, the rollback for a person's.
fn is_told_elsewhere(outcome: Outcome, deployment: &Deployment, context: &Context<'_>) -> bool {
    let by_the_agent = matches!(deployment.kind, Kind::Rollback { automatic: true, .. });
    let by_a_person =
        deployment.undone_by.is_some() && context.counterpart.is_some_and(is_by_a_person);
    match outcome {
        Outcome::Validated | Outcome::Live => by_the_agent,
        // One that served already ended as a rollback long ago: this is about its own commit.
        Outcome::Stranded => by_a_person || (by_the_agent && deployment.live_at.is_none()),
        Outcome::RolledBack | Outcome::Failed => by_a_person,
        Outcome::Refused | Outcome::Superseded => false,
    }
}

fn restored(deployment: &Deployment, context: &Context<'_>) -> Option<Restored> {
    deployment.undone_by?;
    let rollback = context.counterpart;
    let took_ms = rollback.and_then(|rollback| timing(rollback, "total"));
    let from = rollback.and_then(|rollback| rollback.restored_from.clone());
    Some(Restored { target: rollback.map(|rollback| rollback.sha), took_ms, from })
}

/// Whether its CI has a word on it after it went live.
pub(super) fn awaits_ci(deployment: &Deployment, context: &Context<'_>) -> bool {
    let only_bakes = deployment.is_baking() && deployment.watching_since.is_none();
    context.verify != VerifyWhen::None && !deployment.was_gated() && !only_bakes
}

fn stranded(deployment: &Deployment, cause: Cause, context: &Context<'_>) -> Story {
    let why = match deployment.undone_by {
        Some(number) => {
            let failure = context.counterpart.and_then(|rollback| rollback.failure.as_ref());
            let detail = failure.map(|failure| failure.message.clone());
            WhyStranded::RollbackFailed { number, detail }
        }
        None if deployment.is_rollback() && deployment.live_at.is_none() => {
            WhyStranded::NoOlderTarget
        }
        None => WhyStranded::NoWayBack,
    };
    let back_to = context.environment.and_then(Environment::rollback_point);
    let saved = Saved::before(deployment);
    Story::Stranded { of: Subject::of(deployment), cause, why, back_to, saved }
}

pub(super) fn is_by_a_person(rollback: &Deployment) -> bool {
    matches!(rollback.kind, Kind::Rollback { automatic: false, .. })
}

/// Milliseconds from the admission to the end of a phase.
pub(super) fn timing(deployment: &Deployment, until: &str) -> Option<u64> {
    deployment.timings_ms.get(until).copied()
}
