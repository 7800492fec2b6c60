//! A deployment that waits for its verdict, as the engine starts it.

use std::{sync::Arc, time::Duration};

use ripcord_agent::{
    adapters::github::GithubRuns,
    ports::{Question, Reporter, Verifier},
    verify::github::{GithubVerifier, Poller},
};
use ripcord_core::{CommitSha, DeploymentNumber, Pace, Verdict, VerdictReport};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    client::{Desk, SHA, desk},
    fake::{FakeGithub, REPOSITORY},
};

/// An environment that looks at once and often.
pub struct Site {
    pub server: FakeGithub,
    pub desk: Desk,
    pub poller: Arc<Poller>,
    pub verifier: Arc<GithubVerifier>,
}

pub fn sha() -> CommitSha {
    SHA.parse().unwrap()
}

pub fn question(pace: Pace, awaited: Duration) -> Question {
    Question { deployment: DeploymentNumber(142), sha: sha(), awaited, pace }
}

pub fn poller_of(desk: &Desk) -> Arc<Poller> {
    Poller::start(Arc::new(GithubRuns::new(desk.github.clone(), REPOSITORY.to_owned())))
}

pub fn verifier(poller: &Arc<Poller>, workflows: &[&str], poll: Duration) -> Arc<GithubVerifier> {
    Arc::new(GithubVerifier {
        poller: poller.clone(),
        workflows: workflows.iter().map(|file| (*file).to_owned()).collect(),
        event: "push".to_owned(),
        branch: "main".to_owned(),
        start_delay: Duration::ZERO,
        poll,
    })
}

impl Site {
    pub async fn of(server: FakeGithub, workflows: &[&str]) -> Self {
        let desk = desk(&server);
        let poller = poller_of(&desk);
        let verifier = verifier(&poller, workflows, Duration::from_millis(20));
        Self { server, desk, poller, verifier }
    }

    pub async fn start() -> Self {
        Self::of(FakeGithub::start().await, &["ci.yml"]).await
    }

    pub fn watch(&self) -> Watching {
        Watching::start(self.verifier.clone(), Pace::Prompt, Duration::ZERO)
    }

    /// What is said first of what the server shows now.
    pub async fn first_report(&self) -> VerdictReport {
        self.watch().next().await
    }
}

/// A running watch; dropping it ends it as the engine does.
pub struct Watching {
    pub reports: mpsc::Receiver<VerdictReport>,
    pub task: JoinHandle<()>,
}

impl Watching {
    pub fn start(verifier: Arc<GithubVerifier>, pace: Pace, awaited: Duration) -> Self {
        let (sender, reports) = mpsc::channel(8);
        let task = tokio::spawn(async move {
            let (reporter, _story) = Reporter::channel(8);
            verifier.watch(question(pace, awaited), &reporter, sender).await;
        });
        Self { reports, task }
    }

    pub async fn next(&mut self) -> VerdictReport {
        let report = timeout(Duration::from_secs(20), self.reports.recv()).await;
        report.expect("a report within 20 s").expect("the watch goes on")
    }

    pub async fn until(&mut self, verdict: Verdict) -> VerdictReport {
        loop {
            let report = self.next().await;
            if report.value == verdict {
                return report;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits, not for ever, until something is so.
pub async fn eventually(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.expect("it never came to be so");
}
