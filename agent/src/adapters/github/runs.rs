//! Workflow runs and their jobs: small models that one odd field does not fail, and all the pages.

use async_trait::async_trait;
use ripcord_core::ci::{Conclusion, Run, Status, Wanted};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::{Github, GithubError};
use crate::ports::{CannotAsk, RunSource};

/// As many as GitHub gives at once.
const PER_PAGE: usize = 100;
/// GitHub lists 1,000 runs of a search, and no more.
const MOST_PAGES: usize = 10;
/// So many failed steps tell enough.
const MOST_FAILED: usize = 20;

/// The workflow runs of one repository.
#[derive(Debug, Clone)]
pub struct GithubRuns {
    github: Github,
    repository: String,
}

impl GithubRuns {
    /// The runs of `repository`, which is `owner/name`.
    #[must_use]
    pub fn new(github: Github, repository: String) -> Self {
        Self { github, repository }
    }

    async fn all<P: Page>(&self, path: &str, query: &str) -> Result<Vec<P::Item>, GithubError> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let repository = &self.repository;
            let route =
                format!("/repos/{repository}/{path}?{query}per_page={PER_PAGE}&page={page}");
            let (total, items) = self.github.get::<P>(&route).await?.into_parts();
            let is_last = items.len() < PER_PAGE;
            if items.is_empty() && all.len() < total {
                let reason = format!("page {page} is empty, and {total} entries were announced");
                return Err(GithubError::Unreadable { reason });
            }
            all.extend(items);
            if is_last || all.len() >= total {
                break;
            }
        }
        Ok(all)
    }
}

#[async_trait]
impl RunSource for GithubRuns {
    async fn runs(&self, wanted: &Wanted) -> Result<Vec<Run>, CannotAsk> {
        let query = Serializer::new(String::new())
            .append_pair("head_sha", &wanted.sha.to_string())
            .append_pair("event", &wanted.event)
            .append_pair("branch", &wanted.branch)
            .append_pair("exclude_pull_requests", "true")
            .finish();
        let runs = self.all::<RunsPage>("actions/runs", &format!("{query}&")).await?;
        Ok(runs.into_iter().map(Run::from).collect())
    }

    async fn failed_jobs(&self, run: &Run) -> Result<Vec<String>, CannotAsk> {
        let path = format!("actions/runs/{}/attempts/{}/jobs", run.id, run.attempt);
        let jobs = self.all::<JobsPage>(&path, "").await?;
        Ok(jobs.iter().flat_map(JobModel::failures).take(MOST_FAILED).collect())
    }
}

/// One page of a list.
trait Page: serde::de::DeserializeOwned {
    type Item;

    /// How many there are on all pages, and those of this one.
    fn into_parts(self) -> (usize, Vec<Self::Item>);
}

#[derive(Deserialize)]
struct RunsPage {
    total_count: usize,
    workflow_runs: Vec<RunModel>,
}

impl Page for RunsPage {
    type Item = RunModel;

    fn into_parts(self) -> (usize, Vec<RunModel>) {
        (self.total_count, self.workflow_runs)
    }
}

#[derive(Deserialize)]
struct RunModel {
    id: u64,
    path: String,
    event: String,
    head_branch: Option<String>,
    head_sha: String,
    run_number: u64,
    /// GitHub Enterprise servers of old have none.
    #[serde(default = "first")]
    run_attempt: u64,
    /// A run that was just made may have none.
    status: Option<String>,
    conclusion: Option<String>,
    html_url: String,
}

fn first() -> u64 {
    1
}

impl From<RunModel> for Run {
    fn from(run: RunModel) -> Self {
        Self {
            id: run.id,
            workflow: run.path,
            event: run.event,
            branch: run.head_branch,
            sha: run.head_sha,
            number: run.run_number,
            attempt: run.run_attempt,
            status: run.status.as_deref().map_or(Status::Open, Status::from),
            conclusion: run.conclusion.as_deref().map(Conclusion::from),
            url: run.html_url,
        }
    }
}

#[derive(Deserialize)]
struct JobsPage {
    total_count: usize,
    jobs: Vec<JobModel>,
}

impl Page for JobsPage {
    type Item = JobModel;

    fn into_parts(self) -> (usize, Vec<JobModel>) {
        (self.total_count, self.jobs)
    }
}

#[derive(Deserialize)]
struct JobModel {
    name: String,
    conclusion: Option<String>,
    /// A job that never began has none.
    #[serde(default)]
    steps: Vec<StepModel>,
}

#[derive(Deserialize)]
struct StepModel {
    name: String,
    conclusion: Option<String>,
}

impl JobModel {
    /// `job › step` for each step that failed; the job alone where no step did.
    fn failures(&self) -> Vec<String> {
        if !has_failed(self.conclusion.as_deref()) {
            return Vec::new();
        }
        let failed = self.steps.iter().filter(|step| has_failed(step.conclusion.as_deref()));
        let steps: Vec<_> = failed.map(|step| format!("{} › {}", self.name, step.name)).collect();
        if steps.is_empty() { vec![self.name.clone()] } else { steps }
    }
}

fn has_failed(conclusion: Option<&str>) -> bool {
    conclusion.is_some_and(|word| match Conclusion::from(word) {
        Conclusion::Failure | Conclusion::TimedOut | Conclusion::StartupFailure => true,
        Conclusion::Success
        | Conclusion::Neutral
        | Conclusion::Cancelled
        | Conclusion::Skipped
        | Conclusion::ActionRequired
        | Conclusion::Stale
        | Conclusion::Other => false,
    })
}

impl From<GithubError> for CannotAsk {
    fn from(error: GithubError) -> Self {
        let retry_at = match &error {
            GithubError::RateLimited { retry_at } => Some(*retry_at),
            GithubError::Unreachable { .. }
            | GithubError::Unauthorized { .. }
            | GithubError::Forbidden { .. }
            | GithubError::NotFound { .. }
            | GithubError::Rejected { .. }
            | GithubError::Server { .. }
            | GithubError::Unreadable { .. }
            | GithubError::Credentials { .. } => None,
        };
        Self { detail: steady(&error), retry_at }
    }
}

/// The same words for as long as a trouble lasts, however its details change: each change is told.
fn steady(error: &GithubError) -> String {
    match error {
        GithubError::Unreachable { api, .. } => format!("GitHub cannot be reached at {api}"),
        GithubError::Server { .. } => "GitHub has trouble of its own (HTTP 5xx)".to_owned(),
        GithubError::Unreadable { .. } => {
            "what answers for GitHub does not speak its language: a proxy, perhaps".to_owned()
        }
        GithubError::RateLimited { .. }
        | GithubError::Unauthorized { .. }
        | GithubError::Forbidden { .. }
        | GithubError::NotFound { .. }
        | GithubError::Rejected { .. }
        | GithubError::Credentials { .. } => error.to_string(),
    }
}
