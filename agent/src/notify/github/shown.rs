//! What GitHub is to be told of a deployment after an event: the tables of the module, as pure
//! functions. They decide by where the deployment stands, not by what happened last, so that a
//! reader that is late tells what is so, and not what was.

use ripcord_core::{CommitSha, Deployment, Event, Outcome, Phase, Verdict};
use serde::{Deserialize, Serialize};

use super::words::{fitted, standing, superseded_by};

/// A deployment at an event, as far as GitHub is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The deployment after it; a reader that is late sees what became of it since.
    pub deployment: &'a Deployment,
    /// The commit that serves instead, once a rollback undoes the deployment.
    pub back_to: Option<CommitSha>,
    /// Where the environment's users find it.
    pub url: Option<&'a str>,
}

/// `POST /repos/{owner}/{repo}/statuses/{sha}`, without its context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitStatus {
    /// What it shows.
    pub state: StatusState,
    /// At most 140 characters.
    pub description: String,
    /// The CI run, else the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_url: Option<String>,
}

/// The states of a commit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusState {
    /// Not decided.
    Pending,
    /// Validated.
    Success,
    /// Bad: for its CI, or because it did not become healthy.
    Failure,
    /// Nothing is said about the commit: it was refused, or the environment needs a human.
    Error,
}

/// `POST /repos/{owner}/{repo}/deployments/{id}/statuses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// What it shows.
    pub state: DeploymentState,
    /// At most 140 characters.
    pub description: String,
    /// Where the environment's users find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_url: Option<String>,
    /// The CI run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_url: Option<String>,
    /// Never: GitHub would leave production and unvalidated deployments active.
    pub auto_inactive: bool,
}

/// The states of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// Waits: for another one, or at the gate.
    Queued,
    /// Under way, or live and not validated.
    InProgress,
    /// Live and validated.
    Success,
    /// Undone, or never live.
    Failure,
    /// Refused, or stranded.
    Error,
    /// Something newer runs.
    Inactive,
}

/// What an event means for GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It changes where its deployment stands.
    Moves,
    /// It is a word on the commit that also counts after the deployment has ended.
    Judges,
    /// GitHub has no place for it: a detail, or a fact about the environment. A refused *request*
    /// is one: it says nothing about the commit, which may be live and validated, and whoever asked
    /// has the answer.
    Nothing,
}

/// What `event` means for GitHub.
#[must_use]
pub fn meaning(event: &Event) -> Meaning {
    match event {
        Event::Admitted { .. }
        | Event::PhaseEntered { .. }
        | Event::WentLive { .. }
        | Event::BakeBegan { .. }
        | Event::Baked
        | Event::StillPending { .. }
        | Event::Condemned { .. }
        | Event::Superseded { .. }
        | Event::UndoneBy { .. }
        | Event::Retargeted { .. }
        | Event::Ended { .. }
        | Event::Recovered { .. } => Meaning::Moves,
        Event::VerdictReceived { .. } | Event::Validated => Meaning::Judges,
        Event::Refused { .. }
        | Event::Prepared { .. }
        | Event::BaselineFound { .. }
        | Event::ValidatedImported { .. }
        | Event::BackedUp(_)
        | Event::TreeReset(_)
        | Event::Restarted { .. }
        | Event::StepFailed { .. }
        | Event::Quarantined { .. }
        | Event::QuarantineLifted { .. }
        | Event::ListeningEnded
        | Event::MonitorBegan { .. }
        | Event::MonitorEnded
        | Event::WentDown { .. }
        | Event::CameBack { .. }
        | Event::CertificateExpires { .. }
        | Event::StillStranded { .. }
        | Event::Held { .. }
        | Event::Resumed { .. }
        | Event::ProbeFailed { .. }
        | Event::Remarked { .. }
        | Event::Output { .. } => Meaning::Nothing,
    }
}

/// The status of the deployment's commit; `None` where a rollback says nothing about its target.
#[must_use]
pub fn commit_status(moment: &Moment<'_>) -> Option<CommitStatus> {
    let deployment = moment.deployment;
    let (state, text) = match late_word(moment) {
        Some(word) => word,
        None => (status_state(deployment)?, standing(deployment, moment.back_to)),
    };
    let run = ci_run(moment);
    let target_url = run.or_else(|| moment.url.map(str::to_owned));
    Some(CommitStatus { state, description: fitted(&text), target_url })
}

fn status_state(deployment: &Deployment) -> Option<StatusState> {
    let undecided = match deployment.condemned {
        Some(_) => StatusState::Failure,
        None => StatusState::Pending,
    };
    let state = match deployment.phase {
        Phase::Ended => match deployment.outcome {
            Some(outcome) => return outcome_on_commit(deployment, outcome),
            None => undecided,
        },
        Phase::RollingBack => StatusState::Failure,
        Phase::Queued
        | Phase::Preparing
        | Phase::Gating
        | Phase::BackingUp
        | Phase::Resetting
        | Phase::Restarting
        | Phase::Probing
        | Phase::Watching => undecided,
    };
    // A rollback's target keeps the status that it earned, until it serves again.
    (!deployment.is_rollback()).then_some(state)
}

fn outcome_on_commit(deployment: &Deployment, outcome: Outcome) -> Option<StatusState> {
    let by_verdict = match deployment.verdict_value() {
        Verdict::Success => StatusState::Success,
        Verdict::Failure => StatusState::Failure,
        Verdict::Pending | Verdict::Cancelled | Verdict::NoRun | Verdict::Unknown => {
            StatusState::Pending
        }
    };
    let state = match outcome {
        Outcome::Validated => StatusState::Success,
        Outcome::Live if by_verdict == StatusState::Failure => StatusState::Failure,
        Outcome::Live => StatusState::Pending,
        // A rollback's target is not at fault for what a rollback ended with.
        Outcome::RolledBack
        | Outcome::Failed
        | Outcome::Superseded
        | Outcome::Refused
        | Outcome::Stranded
            if deployment.is_rollback() =>
        {
            return None;
        }
        Outcome::RolledBack | Outcome::Failed => StatusState::Failure,
        Outcome::Superseded if deployment.live_at.is_some() => by_verdict,
        Outcome::Superseded => StatusState::Pending,
        Outcome::Refused | Outcome::Stranded => StatusState::Error,
    };
    Some(state)
}

/// A word on a commit whose deployment has ended: a person's, or a validation. The deployment
/// itself does not change any more.
fn late_word(moment: &Moment<'_>) -> Option<(StatusState, String)> {
    let deployment = moment.deployment;
    let outcome = deployment.outcome?;
    let (state, word) = if matches!(moment.event, Event::Validated) {
        (outcome != Outcome::Validated).then(|| (StatusState::Success, "validated".to_owned()))?
    } else {
        personal_word(moment.event)?
    };
    let gone = outcome == Outcome::Superseded;
    let suffix = if gone { format!("; {}", superseded_by(deployment)) } else { String::new() };
    Some((state, format!("{word}{suffix}")))
}

/// Whether a person judges the commit, and not its CI.
pub(super) fn is_personal(event: &Event) -> bool {
    matches!(event, Event::VerdictReceived { by: Some(_), .. })
}

fn personal_word(event: &Event) -> Option<(StatusState, String)> {
    let Event::VerdictReceived { report, by: Some(by), reason } = event else { return None };
    let (state, word) = match report.value {
        Verdict::Success => (StatusState::Success, "good"),
        Verdict::Failure => (StatusState::Failure, "bad"),
        Verdict::Pending | Verdict::Cancelled | Verdict::NoRun | Verdict::Unknown => return None,
    };
    let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Some((state, format!("called {word} by {by}{why}")))
}

/// The status of the deployment itself; `None` where it stays as it is.
#[must_use]
pub fn deployment_status(moment: &Moment<'_>) -> Option<DeploymentStatus> {
    let deployment = moment.deployment;
    let judged_late = deployment.phase == Phase::Ended && is_personal(moment.event);
    let validated_late =
        matches!(moment.event, Event::Validated) && deployment.outcome == Some(Outcome::Live);
    let (state, text) = if validated_late {
        (DeploymentState::Success, "validated".to_owned())
    } else {
        (deployment_state(deployment), standing(deployment, moment.back_to))
    };
    // A person's word on what has ended is on the commit; what follows from it is told by itself.
    (!judged_late).then(|| DeploymentStatus {
        state,
        description: fitted(&text),
        environment_url: moment.url.map(str::to_owned),
        log_url: ci_run(moment),
        auto_inactive: false,
    })
}

fn deployment_state(deployment: &Deployment) -> DeploymentState {
    match (deployment.phase, deployment.outcome) {
        (Phase::Queued | Phase::Gating, _) => DeploymentState::Queued,
        (
            Phase::Preparing
            | Phase::BackingUp
            | Phase::Resetting
            | Phase::Restarting
            | Phase::Probing
            | Phase::Watching
            | Phase::RollingBack,
            _,
        )
        | (Phase::Ended, None) => DeploymentState::InProgress,
        (Phase::Ended, Some(outcome)) => match outcome {
            Outcome::Validated => DeploymentState::Success,
            Outcome::Live => DeploymentState::InProgress,
            Outcome::RolledBack | Outcome::Failed => DeploymentState::Failure,
            Outcome::Superseded => DeploymentState::Inactive,
            Outcome::Refused | Outcome::Stranded => DeploymentState::Error,
        },
    }
}

fn ci_run(moment: &Moment<'_>) -> Option<String> {
    moment.deployment.verdict.as_ref()?.url.clone()
}
