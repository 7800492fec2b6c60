//! A journal that the real core writes, and sinks on it that speak to a local server.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use ripcord_agent::{
    adapters::{
        git::http_client,
        secret_url::{self, SecretUrl},
    },
    config::{Config, NotifyStyle},
    journal::{Batch, Journal, file_in},
    notify::{
        Home, Newsroom, Policy, Reader, Sink, SinkHealth, SinkState,
        discord::{self, Discord},
        webhook::Webhook,
    },
};
use ripcord_core::{
    CommitSha, DeployRequest, DeploymentNumber, Environment, EnvironmentName, Input, Step,
    StepDone, Timestamp, Verdict, VerdictReport, VerifyWhen, news::Locale,
};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{receiver::Receiver, support::site::PATIENCE};

/// The key of the signatures: 32 bytes that no output may show.
pub(crate) const SECRET: &str = "whsec_Y2FuYXJ5LXNlY3JldC0wMTIzNDU2Nzg5LWFiY2RlZg==";

pub(crate) struct Desk {
    pub(crate) server: Receiver,
    pub(crate) folder: TempDir,
    pub(crate) journal: Journal,
    pub(crate) author: &'static str,
    pub(crate) subject: &'static str,
    /// Lines of the sinks' configuration.
    pub(crate) policy: &'static str,
    state: Environment,
    now: i64,
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

    pub(crate) async fn stops(&self) -> String {
        match self.becomes(|state| matches!(state, SinkState::Stopped { .. })).await {
            SinkState::Stopped { why, .. } => why,
            SinkState::Working | SinkState::Waiting { .. } => unreachable!(),
        }
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

pub(crate) fn lab() -> EnvironmentName {
    "lab".parse().unwrap()
}

/// The default policy, and these lines besides.
fn policy(more: &str) -> Policy {
    let text = include_str!("../../packaging/agent.example.toml");
    let is_policy = |line: &&str| line.starts_with("events ") || line.starts_with("ping ");
    let kept: Vec<&str> = text.lines().filter(|line| !is_policy(line)).collect();
    let text = kept.join("\n").replacen("[[notify]]\n", &format!("[[notify]]\n{more}\n"), 1);
    let config = Config::parse(std::path::Path::new("agent.toml"), &text).unwrap();
    Policy::new(&config.notify[0])
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let journal = Journal::open(&file_in(folder.path())).unwrap();
        let (state, server) = (Environment::default(), Receiver::start().await);
        let now = jiff::Timestamp::now().as_millisecond();
        let (author, subject) = ("Ann", "Fix bug analysis");
        let desk = Self { server, folder, journal, author, subject, policy: "", state, now };
        desk.write_url(&desk.server.url());
        std::fs::write(desk.folder.path().join("secret"), SECRET).unwrap();
        desk
    }

    pub(crate) fn url_file(&self) -> PathBuf {
        self.folder.path().join("webhook-url")
    }

    pub(crate) fn write_url(&self, url: &str) {
        std::fs::write(self.url_file(), url).unwrap();
    }

    /// As if everything had happened so much earlier.
    pub(crate) fn earlier(&mut self, by: Duration) {
        self.now -= i64::try_from(by.as_millis()).unwrap();
    }

    fn newsroom(&self) -> Newsroom {
        let home = Home {
            title: "LAB".to_owned(),
            url: Some("https://lab.example/".to_owned()),
            promotes: None,
            verify: VerifyWhen::After,
        };
        let homes = Arc::new(BTreeMap::from([(lab(), home)]));
        Newsroom { journal: self.journal.clone(), homes }
    }

    fn url(&self, adapt: fn(&mut url::Url)) -> SecretUrl {
        let http = secret_url::client(http_client::builder(None).unwrap()).unwrap();
        SecretUrl { http, file: self.url_file(), adapt }
    }

    pub(crate) fn discord(&self, style: NotifyStyle) -> Discord {
        let (newsroom, url) = (self.newsroom(), self.url(discord::versioned));
        let (name, policy, locale) = ("discord.test".to_owned(), policy(self.policy), Locale::En);
        Discord { name, newsroom, policy, locale, style, url }
    }

    pub(crate) fn webhook(&self) -> Webhook {
        let (newsroom, url) = (self.newsroom(), self.url(|_| ()));
        let (name, policy, locale) = ("webhook.test".to_owned(), policy(self.policy), Locale::En);
        let secret_file = self.folder.path().join("secret");
        Webhook { name, newsroom, policy, locale, url, secret_file }
    }

    pub(crate) async fn messages(&self) -> Running {
        self.run(self.discord(NotifyStyle::Messages)).await
    }

    pub(crate) async fn run(&self, sink: impl Sink + 'static) -> Running {
        let reader = Reader::open(self.journal.clone(), sink).await.unwrap();
        let health = reader.health();
        Running { health, task: tokio::spawn(reader.run(CancellationToken::new())) }
    }

    /// Decides as a driver does, and journals it.
    pub(crate) async fn give(&mut self, input: Input) {
        self.now += 1;
        let at = Timestamp(self.now);
        let decision = self.state.on(input, &ripcord_core::Policy::default(), at).unwrap();
        self.state = decision.environment.clone();
        let (entries, changed) = (decision.entries, decision.changed);
        let (environment, state) = (lab(), Some(decision.environment));
        self.journal.append(Batch { environment, at, entries, state, changed }).await.unwrap();
    }

    /// Deploys a commit, and ends all steps well.
    pub(crate) async fn deploy(&mut self, index: u8) {
        self.give(Input::Deploy(DeployRequest {
            sha: CommitSha::from_bytes([index * 0x11; 20]),
            by: "spiffe://test/operator/ada".parse().unwrap(),
            reason: None,
            request_id: None,
            redeploy: true,
            allow_older: true,
            override_quarantine: false,
            planned_on: None,
        }))
        .await;
        while let Some(wanted) = self.state.wanted() {
            let done = match wanted.step {
                Step::Prepare { .. } => StepDone::Prepared {
                    subject: self.subject.to_owned(),
                    author: self.author.to_owned(),
                    older_than_live: false,
                    head: None,
                },
                Step::BackUp { .. } => unreachable!("nothing is saved here"),
                Step::Reset { .. } => StepDone::Reset(Default::default()),
                Step::Restart => StepDone::Restarted { detail: String::new() },
                Step::Probe => StepDone::Healthy { status: Some(200), attempts: 1 },
            };
            self.give(Input::StepEnded { deployment: wanted.deployment, result: Ok(done) }).await;
        }
    }

    pub(crate) async fn verdict(&mut self, number: u64, value: Verdict) {
        let report = VerdictReport::of(value);
        self.give(Input::Verdict { deployment: DeploymentNumber(number), report }).await;
    }

    /// A deployment that is told with three messages.
    pub(crate) async fn good_deployment(&mut self, number: u8) {
        self.deploy(number).await;
        self.verdict(number.into(), Verdict::Success).await;
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
}
