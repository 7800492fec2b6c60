//! Runs and jobs, and how GitHub writes them.

use serde_json::{Value, json};

use super::REPOSITORY;

/// A workflow run.
#[derive(Debug, Clone)]
pub struct FakeRun {
    pub id: u64,
    pub workflow: String,
    pub event: String,
    pub branch: Option<String>,
    pub sha: String,
    pub number: u64,
    pub attempt: u64,
    pub status: String,
    pub conclusion: Option<String>,
}

impl FakeRun {
    /// A run of `ci.yml` for a push on `main` that has begun.
    pub fn of(sha: impl ToString, id: u64) -> Self {
        Self {
            id,
            workflow: "ci.yml".to_owned(),
            event: "push".to_owned(),
            branch: Some("main".to_owned()),
            sha: sha.to_string(),
            number: id,
            attempt: 1,
            status: "in_progress".to_owned(),
            conclusion: None,
        }
    }

    #[must_use]
    pub fn status(self, status: &str) -> Self {
        Self { status: status.to_owned(), conclusion: None, ..self }
    }

    #[must_use]
    pub fn ended(self, conclusion: &str) -> Self {
        let conclusion = Some(conclusion.to_owned());
        Self { status: "completed".to_owned(), conclusion, ..self }
    }

    #[must_use]
    pub fn attempt(self, attempt: u64) -> Self {
        Self { attempt, ..self }
    }

    #[must_use]
    pub fn workflow(self, file: &str) -> Self {
        Self { workflow: file.to_owned(), ..self }
    }

    pub fn url(&self) -> String {
        format!("https://github.com/{REPOSITORY}/actions/runs/{}", self.id)
    }

    pub(super) fn matches(&self, parameter: &str, value: &str) -> bool {
        match parameter {
            "head_sha" => self.sha == value,
            "event" => self.event == value,
            "branch" => self.branch.as_deref() == Some(value),
            "status" => self.status == value || self.conclusion.as_deref() == Some(value),
            _ => true,
        }
    }

    pub(super) fn json(&self) -> Value {
        let Self { id, workflow, number, attempt, sha, .. } = self;
        let api = format!("https://api.github.com/repos/{REPOSITORY}");
        json!({
            "id": id, "name": "CI", "node_id": format!("WFR_{id}"), "check_suite_id": id + 1,
            "check_suite_node_id": "CS_kwDO", "head_branch": self.branch, "head_sha": sha,
            "path": format!(".github/workflows/{workflow}"), "run_number": number,
            "event": self.event, "display_title": "Fix bug \"analysis\" 🚀", "status": self.status,
            "conclusion": self.conclusion, "workflow_id": 161_335, "url": format!("{api}/actions/runs/{id}"),
            "html_url": self.url(), "pull_requests": [], "created_at": "2026-11-20T19:33:08Z",
            "updated_at": "2026-11-20T19:33:08Z", "actor": user(), "run_attempt": attempt,
            "referenced_workflows": [], "run_started_at": "2026-11-20T19:33:08Z",
            "triggering_actor": user(), "jobs_url": format!("{api}/actions/runs/{id}/jobs"),
            "logs_url": format!("{api}/actions/runs/{id}/logs"),
            "check_suite_url": format!("{api}/check-suites/{}", id + 1),
            "previous_attempt_url": (*attempt > 1).then(|| format!("{api}/actions/runs/{id}/attempts/{}", attempt - 1)),
            "head_commit": { "id": sha, "tree_id": sha, "message": "Fix bug", "timestamp": "2026-11-20T19:33:05Z",
                "author": { "name": "Octo Cat", "email": "octocat@github.com" },
                "committer": { "name": "GitHub", "email": "noreply@github.com" } },
            "repository": { "id": 217_723_378, "name": "mangetamain", "full_name": REPOSITORY, "private": true, "owner": user() },
            "head_repository": { "id": 217_723_378, "name": "mangetamain", "full_name": REPOSITORY, "private": true, "owner": user() },
        })
    }
}

pub(super) fn user() -> Value {
    json!({ "login": "octocat", "id": 1, "node_id": "MDQ6VXNlcjE=", "type": "User", "site_admin": false })
}

/// A job, and its steps with how each ended.
#[derive(Debug, Clone)]
pub struct FakeJob {
    pub name: String,
    pub conclusion: Option<String>,
    pub steps: Vec<(String, Option<String>)>,
}

impl FakeJob {
    pub fn of(name: &str, conclusion: &str, steps: &[(&str, &str)]) -> Self {
        let owned = |(name, end): &(&str, &str)| ((*name).to_owned(), Some((*end).to_owned()));
        let steps = steps.iter().map(owned).collect();
        Self { name: name.to_owned(), conclusion: Some(conclusion.to_owned()), steps }
    }

    pub(super) fn json(&self, run: u64, attempt: u64) -> Value {
        let steps = self.steps.iter().enumerate().map(|(at, (name, conclusion))| {
            json!({ "name": name, "status": "completed", "conclusion": conclusion, "number": at + 1,
                "started_at": "2026-11-20T09:42:40.000-08:00", "completed_at": "2026-11-20T09:42:41.000-08:00" })
        });
        json!({
            "id": 399_444_496, "run_id": run, "run_attempt": attempt, "node_id": "MDg6Q2hlY2tSdW4=",
            "head_sha": "f83a356604ae3c5d03e1b46ef4d1ca77d64a90b0", "status": "completed",
            "conclusion": self.conclusion, "name": self.name, "steps": steps.collect::<Vec<_>>(),
            "labels": ["ubuntu-latest"], "runner_id": null, "runner_name": null, "workflow_name": "CI", "head_branch": null,
            "html_url": format!("https://github.com/{REPOSITORY}/actions/runs/{run}/job/399444496"),
        })
    }
}
