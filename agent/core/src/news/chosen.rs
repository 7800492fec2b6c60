//! Which facts are news, and which of several facts that say the same is the one that is told.

use super::{
    Context,
    cause::{Cause, CiRun},
    ending::{self, awaits_ci, is_by_a_person, timing},
    story::{Awaited, Consequence, Story, Subject, Waits},
};
use crate::{
    admission::Refusal,
    environment::Environment,
    event::Event,
    ids::{CommitSha, DeploymentNumber, Identity},
    lifecycle::{Deployment, Outcome, Phase},
    policy::VerifyWhen,
    verdict::{Verdict, VerdictReport},
};

/// What is to be told of `event`. Exhaustive on purpose: whoever adds an event decides here.
pub(super) fn story(
    event: &Event,
    deployment: Option<&Deployment>,
    context: &Context<'_>,
) -> Option<Story> {
    match event {
        Event::Admitted { .. } => rollback_started(deployment?),
        Event::Refused { sha, by, refusal } => refused(*sha, by, refusal),
        Event::PhaseEntered { phase } => entered(*phase, deployment?, context),
        Event::VerdictReceived { report, by: Some(by), reason } => {
            judged(report, by, reason.as_ref(), deployment)
        }
        Event::VerdictReceived { report, by: None, .. } => ci_said(report, deployment?, context),
        Event::StillPending { after_ms, verdict } => {
            Some(still_pending(*after_ms, *verdict, deployment?))
        }
        Event::Superseded { by } => Some(superseded(deployment?, *by)),
        Event::Retargeted { sha } => {
            Some(Story::Retargeted { number: deployment?.number, to: *sha })
        }
        Event::Ended { outcome, .. } => ending::story(*outcome, deployment?, context),
        Event::StillStranded { after_ms } => Some(still_stranded(*after_ms, context.environment)),
        Event::WentDown { status, wrong_content: true, detail } => {
            Some(Story::WrongContent { status: *status, detail: detail.clone() })
        }
        Event::WentDown { status, wrong_content: false, detail } => {
            Some(Story::Down { status: *status, detail: detail.clone() })
        }
        Event::CameBack { down_ms } => Some(Story::CameBack { down_ms: *down_ms }),
        Event::CertificateExpires { whose, days } => {
            Some(Story::CertificateExpires { whose: whose.clone(), days: *days })
        }
        Event::Held { by, reason } => Some(held(by, reason)),
        Event::Resumed { by } => Some(Story::Resumed { by: by.clone() }),
        Event::Recovered { away_ms, .. } => agent_restarted(deployment?, *away_ms, context),
        // `Ended` says it, with the cause and what became of it.
        Event::StepFailed { .. } | Event::Condemned { .. } | Event::UndoneBy { .. } => None,
        // The verdict that they follow from says it; an overridden quarantine, the deployment.
        Event::Validated | Event::Quarantined { .. } | Event::QuarantineLifted { .. } => None,
        // The phase that follows says it.
        Event::Prepared { .. } | Event::WentLive { .. } => None,
        // Details: the deployment's story has them.
        Event::MonitorBegan { .. }
        | Event::MonitorEnded
        | Event::BaselineFound { .. }
        | Event::ValidatedImported { .. }
        | Event::BackedUp(_)
        | Event::TreeReset(_)
        | Event::Restarted { .. }
        | Event::BakeBegan { .. }
        | Event::Baked
        | Event::ListeningEnded
        | Event::ProbeFailed { .. }
        | Event::Remarked { .. }
        | Event::Output { .. } => None,
    }
}

/// Whether [`story`] has nothing to tell of `event`, whatever else is so: most facts are details.
pub(super) fn is_detail(event: &Event) -> bool {
    match event {
        Event::PhaseEntered { phase } => {
            !matches!(phase, Phase::Gating | Phase::Resetting | Phase::Watching)
        }
        Event::StepFailed { .. }
        | Event::Condemned { .. }
        | Event::UndoneBy { .. }
        | Event::Validated
        | Event::Quarantined { .. }
        | Event::QuarantineLifted { .. }
        | Event::Prepared { .. }
        | Event::WentLive { .. }
        | Event::MonitorBegan { .. }
        | Event::MonitorEnded
        | Event::BaselineFound { .. }
        | Event::ValidatedImported { .. }
        | Event::BackedUp(_)
        | Event::TreeReset(_)
        | Event::Restarted { .. }
        | Event::BakeBegan { .. }
        | Event::Baked
        | Event::ListeningEnded
        | Event::ProbeFailed { .. }
        | Event::Remarked { .. }
        | Event::Output { .. } => true,
        Event::Admitted { .. }
        | Event::Refused { .. }
        | Event::VerdictReceived { .. }
        | Event::StillPending { .. }
        | Event::Superseded { .. }
        | Event::Retargeted { .. }
        | Event::Ended { .. }
        | Event::StillStranded { .. }
        | Event::WentDown { .. }
        | Event::CameBack { .. }
        | Event::CertificateExpires { .. }
        | Event::Held { .. }
        | Event::Resumed { .. }
        | Event::Recovered { .. } => false,
    }
}

/// A rollback that the agent orders takes less than a minute, and its end tells everything.
fn rollback_started(deployment: &Deployment) -> Option<Story> {
    is_by_a_person(deployment).then(|| Story::RollbackStarted {
        of: Subject::of(deployment),
        by: deployment.by.clone(),
        reason: deployment.reason.clone(),
        leaves: deployment.previous,
        from: deployment.restores().cloned(),
    })
}

/// Somebody's code does not go live, and somebody else may have expected it. What only the caller
/// did wrong is the caller's to know.
fn refused(sha: Option<CommitSha>, by: &Identity, refusal: &Refusal) -> Option<Story> {
    match refusal {
        Refusal::Confirmation
        | Refusal::Oidc { .. }
        | Refusal::NotValidated { .. }
        | Refusal::PlanChanged { .. }
        | Refusal::Held { .. }
        | Refusal::Quarantined { .. }
        | Refusal::OlderThanLive { .. }
        | Refusal::RollbackPending { .. } => {
            Some(Story::Refused { sha, by: by.clone(), refusal: refusal.clone() })
        }
        Refusal::OverrideWithoutReason
        | Refusal::CommitNeeded
        | Refusal::NothingToPromote { .. }
        | Refusal::RequestIdTaken { .. }
        | Refusal::NoRollbackPoint
        | Refusal::Unavailable { .. } => None,
    }
}

/// A deployment starts for people when it touches something: from then on it is told to its end.
fn entered(phase: Phase, deployment: &Deployment, context: &Context<'_>) -> Option<Story> {
    let of = Subject::of(deployment);
    match phase {
        Phase::Resetting if !deployment.is_rollback() => Some(Story::Started {
            of,
            verified: context.verify == VerifyWhen::After,
            overridden_by: deployment.is_overriding().then(|| deployment.by.clone()),
        }),
        Phase::Gating => Some(Story::Gated { of }),
        Phase::Watching => {
            let took_ms = timing(deployment, "live");
            let bake_ms = deployment.bake.map(|bake| bake.for_ms);
            let waits = Waits { for_ci: awaits_ci(deployment, context), bake_ms };
            Some(Story::Live { of, took_ms, waits })
        }
        Phase::Queued
        | Phase::Preparing
        | Phase::BackingUp
        | Phase::Resetting
        | Phase::Restarting
        | Phase::Probing
        | Phase::RollingBack
        | Phase::Ended => None,
    }
}

fn superseded(deployment: &Deployment, by: DeploymentNumber) -> Story {
    let of = Subject::of(deployment);
    if deployment.is_rollback() {
        return Story::RollbackFailed { of, by: deployment.by.clone(), cause: Cause::Replaced(by) };
    }
    Story::Superseded { of, by, was_live: deployment.live_at.is_some() }
}

fn judged(
    report: &VerdictReport,
    by: &Identity,
    reason: Option<&String>,
    deployment: Option<&Deployment>,
) -> Option<Story> {
    let good = match report.value {
        Verdict::Success => true,
        Verdict::Failure => false,
        Verdict::Pending | Verdict::Cancelled | Verdict::NoRun | Verdict::Unknown => return None,
    };
    let of = deployment.map(Subject::of);
    Some(Story::Judged { of, good, by: by.clone(), reason: reason.cloned() })
}

/// Green is told by the validation, unless that has no place to be told any more; what is neither
/// green nor red, when it has lasted.
fn ci_said(
    report: &VerdictReport,
    deployment: &Deployment,
    context: &Context<'_>,
) -> Option<Story> {
    let of = Subject::of(deployment);
    let run = CiRun { jobs: report.jobs.clone(), url: report.url.clone() };
    match report.value {
        Verdict::Failure => {
            Some(Story::CiFailed { of, run, then: consequence(deployment, context) })
        }
        Verdict::Success if had_ended(deployment, context) => {
            // A human is needed for its health: that its CI is green helps nobody.
            let needs_a_human = deployment.outcome == Some(Outcome::Stranded);
            (!needs_a_human).then(|| green_late(deployment, run, context))
        }
        Verdict::Success
        | Verdict::Pending
        | Verdict::Cancelled
        | Verdict::NoRun
        | Verdict::Unknown => None,
    }
}

/// What green means for a deployment that had ended: it is validated where it was healthy, and
/// what was undone may come again.
fn green_late(deployment: &Deployment, run: CiRun, context: &Context<'_>) -> Story {
    let of = Subject::of(deployment);
    let point = context.environment.and_then(Environment::rollback_point);
    let is_point = point == Some(deployment.placement());
    match deployment.outcome {
        // It was replaced before it had been healthy for long enough.
        Some(Outcome::Superseded) if deployment.ended_unbaked() => Story::CiGreen { of, run },
        Some(Outcome::Live | Outcome::Validated) | None => {
            Story::ValidatedLate { of, run, by: None, is_point }
        }
        Some(Outcome::Superseded) => {
            Story::ValidatedLate { of, run, by: deployment.superseded_by, is_point }
        }
        Some(Outcome::RolledBack | Outcome::Failed | Outcome::Refused | Outcome::Stranded) => {
            Story::CiGreen { of, run }
        }
    }
}

/// Whether it had ended before the fact in question.
fn had_ended(deployment: &Deployment, context: &Context<'_>) -> bool {
    deployment.finished_at.is_some_and(|finished| finished < context.at)
}

fn consequence(deployment: &Deployment, context: &Context<'_>) -> Consequence {
    let undone = deployment.undone_by.is_some() || deployment.condemned.is_some();
    match deployment.outcome {
        None if deployment.is_baking() && !undone && deployment.is_overriding() => {
            Consequence::StaysOverridden
        }
        None if deployment.is_baking() && !undone => Consequence::StaysValidated,
        Some(Outcome::Validated) => Consequence::StaysValidated,
        Some(Outcome::Live) if deployment.is_overriding() => Consequence::StaysOverridden,
        Some(Outcome::Live) if !undone => Consequence::StaysValidated,
        Some(Outcome::Superseded | Outcome::Refused) => Consequence::NothingRuns,
        Some(Outcome::Stranded) if deployment.undone_by.is_none() => Consequence::NoWayBack,
        Some(Outcome::RolledBack | Outcome::Failed | Outcome::Stranded)
            if had_ended(deployment, context) || deployment.live_at.is_none() =>
        {
            Consequence::NothingRuns
        }
        Some(Outcome::Live | Outcome::RolledBack | Outcome::Failed | Outcome::Stranded) | None => {
            Consequence::RollsBack
        }
    }
}

fn still_pending(after_ms: u64, verdict: Verdict, deployment: &Deployment) -> Story {
    let awaited = match verdict {
        Verdict::NoRun => Awaited::NoRun,
        Verdict::Unknown => Awaited::Unreachable,
        Verdict::Pending | Verdict::Success | Verdict::Failure | Verdict::Cancelled => {
            Awaited::Running
        }
    };
    let gating = deployment.phase == Phase::Gating || timing(deployment, "gating").is_some();
    Story::StillPending { of: Subject::of(deployment), after_ms, awaited, live: !gating }
}

fn still_stranded(after_ms: u64, environment: Option<&Environment>) -> Story {
    let stranded = environment.and_then(|environment| environment.stranded.as_ref());
    Story::StillStranded {
        after_ms,
        of: stranded.map(|stranded| stranded.deployment),
        why: stranded.map(|stranded| stranded.reason.clone()),
        back_to: environment.and_then(Environment::rollback_point),
    }
}

/// The agent itself holds for one reason only.
fn held(by: &Identity, reason: &str) -> Story {
    if *by == Identity::agent() {
        return Story::Flapping;
    }
    Story::Held { by: by.clone(), reason: reason.to_owned() }
}

/// A start of the agent is one message, although each open deployment has its own fact: the one
/// with the lowest number tells of all.
fn agent_restarted(deployment: &Deployment, away_ms: i64, context: &Context<'_>) -> Option<Story> {
    let open = context.environment.into_iter().flat_map(|environment| environment.open.values());
    let others = open
        .filter(|other| other.resumed_at == Some(context.at) && other.number != deployment.number);
    let others: Vec<&Deployment> = others.collect();
    if others.iter().any(|other| other.number < deployment.number) {
        return None;
    }
    let resumed = [deployment].into_iter().chain(others).map(Subject::of).collect();
    let away_ms = u64::try_from(away_ms).ok().filter(|away| *away > 0);
    Some(Story::AgentRestarted { resumed, away_ms })
}
