//! What the runs of CI say of a commit: a listing in, a verdict out.
//!
//! A server is never trusted to have filtered: a run of another commit, event, branch or workflow
//! says nothing here. A word that we do not know is pending: it neither validates nor rolls back.

use crate::{ids::CommitSha, verdict::Verdict};

/// Where workflow files are.
const WORKFLOWS: &str = ".github/workflows/";

/// Which runs are looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Of this commit.
    pub sha: CommitSha,
    /// Started by this event, such as `push`.
    pub event: String,
    /// On this branch.
    pub branch: String,
}

/// A run of a workflow, in its newest attempt that the server tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The run's number among all runs of the server; attempts share it.
    pub id: u64,
    /// The workflow's file, `.github/workflows/ci.yml`, perhaps with `@` and a ref behind it.
    pub workflow: String,
    /// What started it.
    pub event: String,
    /// The branch; a run of something else has none.
    pub branch: Option<String>,
    /// The commit, as the server writes it.
    pub sha: String,
    /// Counts the runs of one workflow.
    pub number: u64,
    /// Counts the attempts of this run.
    pub attempt: u64,
    /// How far it is.
    pub status: Status,
    /// How it ended; nothing before that.
    pub conclusion: Option<Conclusion>,
    /// Where people read about it.
    pub url: String,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has ended.
    Completed,
    /// It has not: `queued`, `in_progress`, `waiting`, `pending`, `requested`, or a new word.
    Open,
}

impl From<&str> for Status {
    fn from(word: &str) -> Self {
        if word == "completed" { Self::Completed } else { Self::Open }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// All is well.
    Success,
    /// Nothing was wrong.
    Neutral,
    /// Something failed.
    Failure,
    /// It took too long.
    TimedOut,
    /// It could not start: the workflow file is wrong, say.
    StartupFailure,
    /// Somebody, or a newer push, cancelled it.
    Cancelled,
    /// Its conditions did not hold.
    Skipped,
    /// It waits for somebody's approval.
    ActionRequired,
    /// The server gave it up.
    Stale,
    /// A word that this version does not know.
    Other,
}

impl From<&str> for Conclusion {
    fn from(word: &str) -> Self {
        match word {
            "success" => Self::Success,
            "neutral" => Self::Neutral,
            "failure" => Self::Failure,
            "timed_out" => Self::TimedOut,
            "startup_failure" => Self::StartupFailure,
            "cancelled" => Self::Cancelled,
            "skipped" => Self::Skipped,
            "action_required" => Self::ActionRequired,
            "stale" => Self::Stale,
            _ => Self::Other,
        }
    }
}

impl Run {
    /// What this run alone says.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (self.status, self.conclusion) {
            (Status::Open, _) | (Status::Completed, None) => Verdict::Pending,
            (Status::Completed, Some(conclusion)) => match conclusion {
                Conclusion::Success | Conclusion::Neutral => Verdict::Success,
                Conclusion::Failure | Conclusion::TimedOut | Conclusion::StartupFailure => {
                    Verdict::Failure
                }
                Conclusion::Cancelled => Verdict::Cancelled,
                Conclusion::Skipped => Verdict::NoRun,
                Conclusion::ActionRequired | Conclusion::Stale | Conclusion::Other => {
                    Verdict::Pending
                }
            },
        }
    }

    fn is_wanted(&self, wanted: &Wanted) -> bool {
        self.sha.parse() == Ok(wanted.sha)
            && self.event == wanted.event
            && self.branch.as_deref() == Some(wanted.branch.as_str())
    }

    fn is_of(&self, workflow: &str) -> bool {
        let file = self.workflow.split('@').next().unwrap_or_default();
        let name = |file: &str| file.strip_prefix(WORKFLOWS).unwrap_or(file).to_owned();
        name(file) == name(workflow)
    }
}

/// What the runs of a commit say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement<'a> {
    /// The verdict.
    pub verdict: Verdict,
    /// The run that decided it; none where one is missing.
    pub decided_by: Option<&'a Run>,
    /// What is missing, for `no_run`.
    pub detail: Option<String>,
}

/// Judges `runs`: of each of the `required` workflow files the newest attempt of the newest run
/// counts, and the worst of them decides.
#[must_use]
pub fn judge<'a>(required: &[String], wanted: &Wanted, runs: &'a [Run]) -> Judgement<'a> {
    let newest = |workflow: &String| {
        let of_it = runs.iter().filter(|run| run.is_wanted(wanted) && run.is_of(workflow));
        of_it.max_by_key(|run| (run.number, run.id, run.attempt))
    };
    let each: Vec<_> = required.iter().map(|workflow| (workflow, newest(workflow))).collect();
    let verdict_of = |run: Option<&Run>| run.map_or(Verdict::NoRun, Run::verdict);
    let worst = each.iter().max_by(|(_, a), (_, b)| {
        // The first of equals: `max_by` would take the last.
        severity(verdict_of(*a)).cmp(&severity(verdict_of(*b))).then(std::cmp::Ordering::Greater)
    });
    let Some((_, decided_by)) = worst else {
        let detail = Some("no workflow is required: nothing can succeed".to_owned());
        return Judgement { verdict: Verdict::NoRun, decided_by: None, detail };
    };
    let verdict = verdict_of(*decided_by);
    let detail = (verdict == Verdict::NoRun).then(|| missing(&each));
    Judgement { verdict, decided_by: *decided_by, detail }
}

/// Which verdict of several workflows wins.
fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Failure => 5,
        Verdict::Cancelled => 4,
        Verdict::Unknown => 3,
        Verdict::Pending => 2,
        Verdict::NoRun => 1,
        Verdict::Success => 0,
    }
}

/// Says which workflows have no run that counts.
fn missing(each: &[(&String, Option<&Run>)]) -> String {
    let without = each.iter().filter_map(|(workflow, run)| match run {
        None => Some(format!("{workflow} has no run")),
        Some(run) if run.verdict() == Verdict::NoRun => Some(format!("{workflow} was skipped")),
        Some(_) => None,
    });
    format!("{} for this commit", without.collect::<Vec<_>>().join(", "))
}
