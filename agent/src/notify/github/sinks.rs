//! Tells GitHub: one sink for commit statuses and one for deployments, so that a permission that one
//! of them lacks does not silence the other.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use ripcord_core::{CommitSha, Deployment, DeploymentNumber, EnvironmentName, Event, Phase};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    memo::{self, Kept, KeptDeployment, Statuses},
    shown::{
        CommitStatus, DeploymentStatus, Meaning, Moment, commit_status, deployment_status,
        is_personal, meaning,
    },
    succession::{left_no_trace, replaced, retargeted, takes_the_place},
    undelivered::{About, undelivered},
};
use crate::{
    adapters::github::Github,
    causes::with_causes,
    journal::{Journal, JournalError, Record},
    notify::{Sink, Tested, Undelivered},
};

/// What both sinks have to know.
#[derive(Clone)]
pub struct Site {
    /// The client.
    pub github: Github,
    /// `owner/name`.
    pub repository: String,
    /// What is deployed where.
    pub journal: Journal,
    /// The environments that are shown.
    pub environments: Arc<BTreeMap<EnvironmentName, Place>>,
}

/// An environment as GitHub shows it.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where its users find it.
    pub url: Option<String>,
    /// Whether GitHub marks it as production.
    pub production: bool,
}

impl Site {
    fn shows(&self, record: &Record) -> bool {
        record.entry.deployment.is_some()
            && self.environments.contains_key(&record.environment)
            && meaning(&record.entry.event) != Meaning::Nothing
    }

    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        about: About,
        route: &str,
        body: &Value,
    ) -> Result<T, Undelivered> {
        let route = format!("/repos/{}/{route}", self.repository);
        self.github.post(&route, body).await.map_err(|error| undelivered(&error, about))
    }

    /// The deployment that a record speaks of; `None` when the journal does not know it.
    async fn deployment(
        &self,
        environment: &EnvironmentName,
        number: Option<DeploymentNumber>,
    ) -> Result<Option<Deployment>, Undelivered> {
        let Some(number) = number else { return Ok(None) };
        self.journal.deployment(environment, number).await.map_err(unread)
    }

    /// The commit that serves in the place of what was undone.
    async fn back_to(
        &self,
        environment: &EnvironmentName,
        deployment: &Deployment,
    ) -> Result<Option<CommitSha>, Undelivered> {
        let rollback = self.deployment(environment, deployment.undone_by).await?;
        Ok(rollback.map(|rollback| rollback.sha))
    }

    fn url(&self, environment: &EnvironmentName) -> Option<&str> {
        self.environments.get(environment)?.url.as_deref()
    }
}

fn unread(error: JournalError) -> Undelivered {
    Undelivered::Later { after: None, why: with_causes(&error) }
}

/// Shows each deployed commit's status `ripcord/<environment>`.
pub struct CommitStatuses(pub Site);

/// What is shown on GitHub cannot be tried without showing something.
const NOT_TRIED: Tested = Tested::NotTried("nothing is asked: its state is its last delivery's");

#[async_trait]
impl Sink for CommitStatuses {
    fn name(&self) -> &str {
        "github.commit_status"
    }

    fn about(&self) -> String {
        self.0.repository.clone()
    }

    fn concerns(&self, record: &Record) -> bool {
        self.0.shows(record)
    }

    async fn deliver(&self, record: &Record, memo: &mut Option<String>) -> Result<(), Undelivered> {
        let environment = &record.environment;
        let Some(speaker) = self.speaker(record).await? else { return Ok(()) };
        let back_to = self.0.back_to(environment, &speaker).await?;
        let (event, url) = (&record.entry.event, self.0.url(environment));
        let moment = Moment { event, deployment: &speaker, back_to, url };
        let Some(status) = commit_status(&moment) else { return Ok(()) };
        let mut said: Statuses = memo::read(memo.as_deref());
        let sha = speaker.sha;
        // A person's word on a commit counts whichever deployment it was said about.
        let from = record.entry.deployment.filter(|_| !is_personal(event));
        if !said.need_no(&status, environment, sha, from) {
            self.say(environment, sha, &status).await?;
            said.remember(status, environment, sha, speaker.number);
            *memo = memo::write(&said);
        }
        Ok(())
    }

    async fn test(&self, _send: bool) -> Result<Tested, Undelivered> {
        Ok(NOT_TRIED)
    }
}

impl CommitStatuses {
    /// The deployment whose standing is its commit's: the one that the record speaks of, unless
    /// that one ended without a trace, and its commit is live as another one.
    async fn speaker(&self, record: &Record) -> Result<Option<Deployment>, Undelivered> {
        let environment = &record.environment;
        let found = self.0.deployment(environment, record.entry.deployment).await?;
        let Some(spoken_of) = found else { return Ok(None) };
        if !left_no_trace(&spoken_of) {
            return Ok(Some(spoken_of));
        }
        let state = self.0.journal.state(environment).await.map_err(unread)?;
        let live = state.and_then(|state| state.live).filter(|live| live.sha == spoken_of.sha);
        let live = live.and_then(|live| live.deployment);
        Ok(self.0.deployment(environment, live).await?.or(Some(spoken_of)))
    }

    async fn say(
        &self,
        environment: &EnvironmentName,
        sha: CommitSha,
        status: &CommitStatus,
    ) -> Result<(), Undelivered> {
        let mut body = json!(status);
        body["context"] = format!("ripcord/{environment}").into();
        self.0.post(About::Commit, &format!("statuses/{sha}"), &body).await.map(|_: Value| ())
    }
}

/// Shows each deployment among GitHub's deployments.
pub struct Deployments(pub Site);

/// What is needed of GitHub's answer.
#[derive(Deserialize)]
struct Created {
    id: u64,
}

#[async_trait]
impl Sink for Deployments {
    fn name(&self) -> &str {
        "github.deployments"
    }

    fn about(&self) -> String {
        self.0.repository.clone()
    }

    fn concerns(&self, record: &Record) -> bool {
        self.0.shows(record)
    }

    async fn deliver(&self, record: &Record, memo: &mut Option<String>) -> Result<(), Undelivered> {
        let number = record.entry.deployment;
        let found = self.0.deployment(&record.environment, number).await?;
        let Some(deployment) = found else { return Ok(()) };
        let mut telling = Telling { site: &self.0, record, kept: memo::read(memo.as_deref()) };
        let told = telling.tell(&deployment).await;
        // Also after a failure: what GitHub has made already is not made again.
        *memo = memo::write(&telling.kept);
        told
    }

    async fn test(&self, _send: bool) -> Result<Tested, Undelivered> {
        Ok(NOT_TRIED)
    }
}

/// One record on its way.
struct Telling<'a> {
    site: &'a Site,
    record: &'a Record,
    kept: Kept,
}

impl Telling<'_> {
    async fn tell(&mut self, deployment: &Deployment) -> Result<(), Undelivered> {
        let environment = &self.record.environment;
        self.leave_failed_target(deployment).await?;
        let Some(kept) = self.keep(deployment).await? else { return Ok(()) };
        let moment = Moment {
            event: &self.record.entry.event,
            deployment,
            back_to: self.site.back_to(environment, deployment).await?,
            url: self.site.url(environment),
        };
        let over = deployment.phase == Phase::Ended;
        if let Some(status) = deployment_status(&moment) {
            self.say(KeptDeployment { over, ..kept }, status).await?;
        }
        if takes_the_place(deployment) {
            self.retire_older_than(deployment).await?;
        }
        Ok(())
    }

    /// GitHub's deployments have one commit each: a rollback that goes on with an older one is
    /// another one there.
    async fn leave_failed_target(&mut self, deployment: &Deployment) -> Result<(), Undelivered> {
        let environment = &self.record.environment;
        let kept = self.kept.of(environment, deployment.number);
        if let Some(kept) = kept.filter(|kept| kept.sha != deployment.sha).cloned()
            && let Some(told) = kept.told.clone()
        {
            self.say(kept, retargeted(deployment, &told)).await?;
            self.kept.forget(environment, deployment.number);
        }
        Ok(())
    }

    /// What GitHub keeps of it, made where that is missing. What ended before anybody listened is
    /// not made.
    async fn keep(
        &mut self,
        deployment: &Deployment,
    ) -> Result<Option<KeptDeployment>, Undelivered> {
        let environment = &self.record.environment;
        if let Some(kept) = self.kept.of(environment, deployment.number) {
            return Ok(Some(kept.clone()));
        }
        let is_new = matches!(self.record.entry.event, Event::Admitted { .. });
        if deployment.phase == Phase::Ended && !is_new {
            return Ok(None);
        }
        let body = self.creation(deployment);
        let created: Created = self.site.post(About::Repository, "deployments", &body).await?;
        let kept = KeptDeployment {
            environment: environment.clone(),
            number: deployment.number,
            sha: deployment.sha,
            id: created.id,
            over: false,
            told: None,
        };
        self.kept.keep(kept.clone());
        Ok(Some(kept))
    }

    fn creation(&self, deployment: &Deployment) -> Value {
        let environment = &self.record.environment;
        let production = self.site.environments.get(environment).is_some_and(|it| it.production);
        let number = deployment.number;
        let kind = if deployment.is_rollback() { "rollback" } else { "deploy" };
        json!({
            "ref": deployment.sha,
            "environment": environment,
            "description": format!("ripcord {kind} {number}"),
            "payload": { "ripcord": { "deployment": number, "kind": kind } },
            "production_environment": production,
            "transient_environment": false,
            // What is told has happened: GitHub has nothing to merge, and nothing to wait for.
            "auto_merge": false,
            "required_contexts": [],
        })
    }

    async fn retire_older_than(&mut self, newer: &Deployment) -> Result<(), Undelivered> {
        for older in self.kept.seem_to_run_before(&self.record.environment, newer.number) {
            if let Some(told) = older.told.clone() {
                self.say(older, replaced(newer, &told)).await?;
            }
        }
        Ok(())
    }

    async fn say(
        &mut self,
        kept: KeptDeployment,
        status: DeploymentStatus,
    ) -> Result<(), Undelivered> {
        if kept.told.as_ref() != Some(&status) {
            let route = format!("deployments/{}/statuses", kept.id);
            let _: Value = self.site.post(About::Deployment, &route, &json!(status)).await?;
        }
        self.kept.keep(KeptDeployment { told: Some(status), ..kept });
        Ok(())
    }
}
