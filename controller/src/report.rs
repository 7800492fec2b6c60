//! How a deployment ended, as programs and people are told: the one shape behind every result.

use std::collections::BTreeMap;

use ripcord_proto::v1;
use serde::Serialize;

use crate::{exit::Exit, failure::Failure, fleet::full_name};

/// The schema of `deploy|rollback|watch --json`.
const SCHEMA: &str = "ripcord/v1/result";

/// The `outcome` of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Live,
    Validated,
    RolledBack,
    Failed,
    Superseded,
    Stranded,
    Refused,
    Pending,
    Error,
}

/// What runs, or ran, somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Placement {
    /// 0: what ran before the first deployment.
    pub(crate) deployment: u64,
    pub(crate) sha: String,
}

/// What verification said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct VerdictReport {
    pub(crate) value: String,
    #[serde(serialize_with = "empty_as_null")]
    pub(crate) url: String,
    pub(crate) jobs: Vec<String>,
    /// Why the source cannot be asked, or what it lacks.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
}

/// The result of `deploy`, `rollback` or `watch`. Fields are added, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: &'static str,
    pub(crate) command: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) exit_code: u8,
    pub(crate) environment: Option<String>,
    /// The agent's name, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    pub(crate) deployment: Option<u64>,
    pub(crate) sha: Option<String>,
    pub(crate) previous: Option<Placement>,
    pub(crate) live: Option<Placement>,
    pub(crate) verdict: Option<VerdictReport>,
    pub(crate) reason: Option<String>,
    /// Why it was refused or failed, as one of the ErrorInfo reasons.
    pub(crate) error: Option<String>,
    pub(crate) timings_ms: BTreeMap<String, u64>,
    /// The backup that was made before anything was touched.
    pub(crate) backup: Option<String>,
    /// The command that undoes what was done.
    pub(crate) undo: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) plan: Vec<String>,
    /// With a plan: the word that the deployment has to be confirmed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) confirm: Option<String>,
    /// With a plan: the environment whose validated commits are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) promotes: Option<String>,
    /// How a person goes back: the first by ripcord, the others on the agent's machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) by_hand: Vec<String>,
    /// When the agent's retention removed the most of its story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) story_removed: Option<String>,
}

impl Report {
    /// A report that knows nothing but the command.
    pub(crate) fn of_command(command: &'static str) -> Self {
        Self {
            schema: SCHEMA,
            command,
            outcome: Outcome::Error,
            exit_code: Exit::Unexpected.code(),
            environment: None,
            agent: None,
            deployment: None,
            sha: None,
            previous: None,
            live: None,
            verdict: None,
            reason: None,
            error: None,
            timings_ms: BTreeMap::new(),
            backup: None,
            undo: None,
            plan: Vec::new(),
            confirm: None,
            promotes: None,
            by_hand: Vec::new(),
            story_removed: None,
        }
    }

    /// What the agent's last message says.
    pub(crate) fn of_result(command: &'static str, result: v1::Result) -> Self {
        Self {
            outcome: outcome(result.outcome()),
            environment: present(result.environment),
            deployment: number(result.deployment),
            sha: present(result.sha),
            previous: result.previous.map(Placement::from),
            live: result.live.map(Placement::from),
            verdict: result.verdict.map(VerdictReport::from),
            reason: present(result.reason),
            error: present(result.refusal),
            timings_ms: result.timings_ms.into_iter().collect(),
            backup: present(result.backup),
            undo: present(result.undo),
            plan: result.plan,
            confirm: present(result.confirm),
            promotes: present(result.promotes),
            by_hand: result.by_hand,
            story_removed: result.story_removed.as_ref().map(crate::render::json::rfc3339),
            ..Self::of_command(command)
        }
    }

    /// The same of the agent of this name. An agent knows no other: its commands name nobody.
    pub(crate) fn at(mut self, agent: Option<String>) -> Self {
        if let Some(name) = &agent {
            let commands = self.undo.iter_mut().chain(self.by_hand.first_mut());
            commands.for_each(|line| *line = at_agent(line, name));
        }
        Self { agent, ..self }
    }

    /// Adds why there is no result.
    pub(crate) fn failed(self, failure: &Failure) -> Self {
        let outcome = match failure {
            Failure::Refused { .. } if failure.lacks_commit() => Outcome::Error,
            Failure::Refused { .. } | Failure::Oidc { .. } => Outcome::Refused,
            Failure::TimedOut { .. } | Failure::Detached => Outcome::Pending,
            Failure::Usage(_)
            | Failure::Access { .. }
            | Failure::Unreachable { .. }
            | Failure::Left
            | Failure::Unexpected(_)
            | Failure::Stdout(_) => Outcome::Error,
        };
        let reason = Some(failure.to_string());
        Self { outcome, reason, error: Some(failure.reason().to_owned()), ..self }
    }

    /// The environment as it is named on the command line.
    pub(crate) fn full_name(&self) -> Option<String> {
        let environment = self.environment.as_deref()?;
        Some(full_name(environment, self.agent.as_deref()))
    }

    /// Whether verification said that the commit is not good.
    pub(crate) fn has_red_verdict(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.value == "failure")
    }
}

/// Each command of a line is for this agent, or else a part of it is for another one.
fn at_agent(line: &str, agent: &str) -> String {
    let named = |command: &str| match command.starts_with("ripcord ") {
        true => format!("{command} --agent {agent}"),
        false => command.to_owned(),
    };
    line.split(" && ").map(named).collect::<Vec<_>>().join(" && ")
}

fn outcome(outcome: v1::Outcome) -> Outcome {
    match outcome {
        v1::Outcome::Unspecified => Outcome::Error,
        v1::Outcome::Pending => Outcome::Pending,
        v1::Outcome::Live => Outcome::Live,
        v1::Outcome::Validated => Outcome::Validated,
        v1::Outcome::RolledBack => Outcome::RolledBack,
        v1::Outcome::Failed => Outcome::Failed,
        v1::Outcome::Superseded => Outcome::Superseded,
        v1::Outcome::Stranded => Outcome::Stranded,
        v1::Outcome::Refused => Outcome::Refused,
    }
}

/// Protobuf's empty text is JSON's null.
pub(crate) fn present(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Protobuf's 0 is JSON's null.
pub(crate) fn number(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

fn empty_as_null<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    if text.is_empty() { serializer.serialize_none() } else { serializer.serialize_str(text) }
}

impl From<v1::Placement> for Placement {
    fn from(placement: v1::Placement) -> Self {
        Self { deployment: placement.deployment, sha: placement.sha }
    }
}

impl From<v1::VerdictInfo> for VerdictReport {
    fn from(verdict: v1::VerdictInfo) -> Self {
        let v1::VerdictInfo { value, url, jobs, detail } = verdict;
        Self { value, url, jobs, detail }
    }
}
