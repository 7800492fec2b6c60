//! A journal that the real core writes, and both sinks on it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ripcord_agent::{
    adapters::{
        git::http_client,
        github::{Github, Login},
    },
    journal::{Batch, Journal, file_in},
    notify::{
        Reader, Sink, SinkHealth, SinkState,
        github::{CommitStatuses, Deployments, Place, Site},
    },
};
use ripcord_core::{
    CommitSha, DeployRequest, DeploymentNumber, Environment, EnvironmentName, Failure, FailureKind,
    Input, Policy, Step, StepDone, Timestamp, Verdict, VerdictReport,
};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::support::{
    github::{FakeGithub, REPOSITORY, Seen, TOKEN},
    site::PATIENCE,
};

pub(crate) struct Desk {
    pub(crate) server: FakeGithub,
    pub(crate) folder: TempDir,
    pub(crate) journal: Journal,
    state: Environment,
    now: i64,
    /// Each step waits until this reader has told it.
    pub(crate) in_step_with: Option<&'static str>,
}

/// A reader at work; it is killed with the value.
pub(crate) struct Running {
    pub(crate) health: watch::Receiver<SinkHealth>,
    task: JoinHandle<()>,
}

impl Running {
    /// Waits until the sink fares like this.
    pub(crate) async fn becomes(&self, is_so: impl Fn(&SinkState) -> bool) -> SinkState {
        let mut health = self.health.clone();
        let becoming = health.wait_for(|health| is_so(&health.state));
        let fares = tokio::time::timeout(PATIENCE, becoming).await;
        fares.expect("it never came to be so").unwrap().state.clone()
    }

    pub(crate) async fn kill(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn sha(index: u8) -> CommitSha {
    CommitSha::from_bytes([index * 0x11; 20])
}

pub(crate) fn lab() -> EnvironmentName {
    "lab".parse().unwrap()
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("token"), TOKEN).unwrap();
        let journal = Journal::open(&file_in(folder.path())).unwrap();
        let (state, server) = (Environment::default(), FakeGithub::start().await);
        Self { server, folder, journal, state, now: 1_000, in_step_with: None }
    }

    fn site(&self) -> Site {
        let login = Login::Token(self.folder.path().join("token"));
        let place = Place { url: Some("https://lab.example/".to_owned()), production: false };
        Site {
            github: Github::new(http_client::build(None).unwrap(), self.server.api(), login),
            repository: REPOSITORY.to_owned(),
            journal: self.journal.clone(),
            environments: Arc::new(BTreeMap::from([(lab(), place)])),
        }
    }

    pub(crate) async fn statuses(&self) -> Running {
        self.run(CommitStatuses(self.site())).await
    }

    pub(crate) async fn deployments(&self) -> Running {
        self.run(Deployments(self.site())).await
    }

    async fn run<S: Sink + 'static>(&self, sink: S) -> Running {
        let reader = Reader::open(self.journal.clone(), sink).await.unwrap();
        let health = reader.health();
        Running { health, task: tokio::spawn(reader.run(CancellationToken::new())) }
    }

    /// Decides as a driver does, and journals it.
    pub(crate) async fn give(&mut self, input: Input) {
        self.now += 1_000;
        let at = Timestamp(self.now);
        let decision = self.state.on(input, &Policy::default(), at).unwrap();
        self.state = decision.environment.clone();
        let (entries, changed) = (decision.entries, decision.changed);
        let state = Some(decision.environment);
        self.journal
            .append(Batch { environment: lab(), at, entries, state, changed })
            .await
            .unwrap();
        if let Some(reader) = self.in_step_with {
            self.told_all(reader).await;
        }
    }

    pub(crate) async fn deploy(&mut self, index: u8) {
        self.give(Input::Deploy(DeployRequest {
            sha: sha(index),
            by: "spiffe://test/operator/ada".parse().unwrap(),
            reason: None,
            request_id: None,
            redeploy: true,
            allow_older: true,
            override_quarantine: false,
            planned_on: None,
        }))
        .await;
    }

    /// Deploys, and ends all steps well.
    pub(crate) async fn deploy_live(&mut self, index: u8) {
        self.deploy(index).await;
        self.steps().await;
    }

    pub(crate) async fn steps(&mut self) {
        while let Some(wanted) = self.state.wanted() {
            let done = match wanted.step {
                Step::Prepare { .. } => StepDone::Prepared {
                    subject: "Fix".to_owned(),
                    author: "Ada".to_owned(),
                    older_than_live: false,
                    head: Some(sha(9)),
                },
                Step::BackUp { .. } => unreachable!("nothing is saved here"),
                Step::Reset { .. } => StepDone::Reset(Default::default()),
                Step::Restart => StepDone::Restarted { detail: String::new() },
                Step::Probe => StepDone::Healthy { status: Some(200), attempts: 1 },
            };
            self.give(Input::StepEnded { deployment: wanted.deployment, result: Ok(done) }).await;
        }
    }

    pub(crate) async fn fail_step(&mut self) {
        let deployment = self.state.wanted().unwrap().deployment;
        let result = Err(Failure::new(FailureKind::Repository, "the remote is down"));
        self.give(Input::StepEnded { deployment, result }).await;
    }

    pub(crate) async fn verdict(&mut self, number: u64, value: Verdict) {
        let mut report = VerdictReport::of(value);
        report.url = Some("https://ci.example/7".to_owned());
        self.give(Input::Verdict { deployment: DeploymentNumber(number), report }).await;
    }

    /// Waits until this reader has told all that there is.
    pub(crate) async fn told_all(&self, reader: &str) {
        let newest = *self.journal.appended().borrow();
        let told = async {
            while self.journal.cursor(reader).await.unwrap().sequence < newest {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.unwrap_or_else(|_| {
            panic!("{reader} did not tell it all; the server saw {:#?}", self.server.seen())
        });
    }

    /// Waits until the server saw this many requests with `path`.
    pub(crate) async fn saw(&self, path: &str, count: usize) {
        let seen = async {
            while self.server.seen_at(path).len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| {
            panic!("only {:#?}", self.server.seen());
        });
    }

    /// `path state description` of each request, those that failed with their status.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.server.seen().iter().map(line).collect()
    }

    /// What a person sees in the end: the last good answer for each path.
    pub(crate) fn last(&self, path: &str) -> String {
        let seen = self.server.seen();
        let good = |seen: &&Seen| seen.status == 201 && seen.path.ends_with(path);
        let last = seen.iter().rev().find(good).unwrap_or_else(|| panic!("{path}: {seen:#?}"));
        format!("{} {}", text(&last.body["state"]), text(&last.body["description"]))
    }
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn line(seen: &Seen) -> String {
    let path = seen.path.trim_start_matches(&format!("/repos/{REPOSITORY}/")).to_owned();
    let (state, description) = (text(&seen.body["state"]), text(&seen.body["description"]));
    let failed = if seen.status == 201 { String::new() } else { format!(" [{}]", seen.status) };
    let line = format!("{path} {state} {description}{failed}");
    line.replace("  ", " ")
}
