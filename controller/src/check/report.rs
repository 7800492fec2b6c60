//! What became of a run, as programs and people are told. Fields are added, never renamed.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

use super::{formats::Diagnostic, run::Ended};
use crate::exit::Exit;

/// The schema of `check --json`.
const SCHEMA: &str = "ripcord/v1/check";

/// What became of a job, of setup or of a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// It failed, and may.
    Warning,
    /// It never began, because of another.
    Skipped,
    /// It was stopped, or did not begin, because the run was stopped.
    Cancelled,
}

impl Outcome {
    /// The mark that people know it by.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Passed => "✅",
            Self::Failed => "❌",
            Self::Warning => "⚠️",
            Self::Skipped => "⏭",
            Self::Cancelled => "⏹",
        }
    }

    /// Whether jobs that need it may begin.
    pub(crate) fn is_good(self) -> bool {
        match self {
            Self::Passed | Self::Warning => true,
            Self::Failed | Self::Skipped | Self::Cancelled => false,
        }
    }

    /// Whether what it printed is shown to those who did not ask for everything.
    pub(crate) fn is_worth_reading(self) -> bool {
        match self {
            Self::Failed | Self::Warning | Self::Cancelled => true,
            Self::Passed | Self::Skipped => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Warning => "warning",
            Self::Skipped => "skipped",
            Self::Cancelled => "stopped",
        })
    }
}

/// Something that ran, or should have: a job, the setup, a fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    /// Why it is not good.
    pub(crate) reason: Option<String>,
    pub(crate) exit_code: Option<i32>,
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub(crate) took: Duration,
    /// What it printed, as far as it is worth reading.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) output: String,
}

impl Step {
    /// One that never began.
    pub(crate) fn unbegun(name: &str, outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            outcome,
            reason: Some(reason.into()),
            exit_code: None,
            took: Duration::ZERO,
            output: String::new(),
        }
    }
}

/// A file that a job says it makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Artifact {
    /// From the repository's root.
    pub(crate) path: String,
    pub(crate) exists: bool,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobReport {
    #[serde(flatten)]
    pub(crate) step: Step,
    pub(crate) allow_failure: bool,
    pub(crate) needs: Vec<String>,
    /// Whether `--fix` would run something for it.
    pub(crate) fixable: bool,
    /// What tools complain about, where their format is known.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Looked at when the job is over; empty for one that never began.
    pub(crate) artifacts: Vec<Artifact>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Passed,
    Failed,
    /// By Ctrl-C, or another signal that ends.
    Interrupted,
    /// By `--timeout`.
    TimedOut,
}

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    command: &'static str,
    pub(crate) outcome: Verdict,
    pub(crate) exit_code: u8,
    pub(crate) group: String,
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub(crate) took: Duration,
    /// None where the group has none.
    pub(crate) setup: Option<Step>,
    /// With `--fix`: what was run before the jobs.
    pub(crate) fixes: Vec<Step>,
    /// In the order of the file.
    pub(crate) jobs: Vec<JobReport>,
}

impl Report {
    /// Judges what became of the steps. `stopped` says by whom, if the run did not end by itself.
    pub(crate) fn new(group: &str, took: Duration, stopped: Option<Verdict>, ended: Ended) -> Self {
        let Ended { setup, fixes, jobs } = ended;
        let is_red = setup.iter().any(|setup| !setup.outcome.is_good())
            || jobs.iter().any(|job| !job.step.outcome.is_good());
        let judged = if is_red { Verdict::Failed } else { Verdict::Passed };
        let outcome = stopped.unwrap_or(judged);
        Self {
            schema: SCHEMA,
            command: "check",
            outcome,
            exit_code: exit(outcome).code(),
            group: group.to_owned(),
            took,
            setup,
            fixes,
            jobs,
        }
    }

    /// How many jobs became `outcome`.
    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        self.jobs.iter().filter(|job| job.step.outcome == outcome).count()
    }

    /// The jobs that are not green, and that `--fix` may make so; none when that was tried.
    pub(crate) fn repairable(&self) -> Vec<&str> {
        let is_bad = |job: &&JobReport| match job.step.outcome {
            Outcome::Failed | Outcome::Warning => job.fixable && self.fixes.is_empty(),
            Outcome::Passed | Outcome::Skipped | Outcome::Cancelled => false,
        };
        self.jobs.iter().filter(is_bad).map(|job| job.step.name.as_str()).collect()
    }

    /// What was run, in the order in which it is told.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        let jobs = self.jobs.iter().map(|job| &job.step);
        self.setup.iter().chain(&self.fixes).chain(jobs)
    }
}

/// A red check is a red CI, wherever it runs: 7. Setup that fails is one too, as it is in a
/// workflow; 1 stays for what nobody thought of.
pub(crate) fn exit(outcome: Verdict) -> Exit {
    match outcome {
        Verdict::Passed => Exit::Success,
        Verdict::Failed => Exit::RolledBack,
        Verdict::Interrupted => Exit::Detached,
        Verdict::TimedOut => Exit::Undecided,
    }
}

fn millis<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
