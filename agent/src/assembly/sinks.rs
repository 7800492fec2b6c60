//! From `[github]` to the readers that show deployments there.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    adapters::github::Github,
    config::{Config, EnvironmentConfig},
    journal::{Journal, JournalError},
    notify::{
        Reader, SinkHealth,
        github::{CommitStatuses, Deployments, Place, Site},
    },
};

/// The readers that show deployments on GitHub, as far as the configuration asks for them.
#[derive(Default)]
pub(super) struct Readers {
    statuses: Option<Reader<CommitStatuses>>,
    deployments: Option<Reader<Deployments>>,
}

impl Readers {
    /// Takes up their places in the journal; before anything is appended that they have to tell.
    pub(super) async fn open(
        config: &Config,
        journal: &Journal,
        github: Github,
    ) -> Result<Self, JournalError> {
        let Some(shown) = &config.github else { return Ok(Self::default()) };
        let environments = config.environments.values();
        let site = Site {
            github,
            repository: shown.repository.as_str().to_owned(),
            journal: journal.clone(),
            environments: Arc::new(environments.map(|it| (it.name.clone(), place(it))).collect()),
        };
        let statuses = shown.commit_status.then(|| CommitStatuses(site.clone()));
        let deployments = shown.deployments.then(|| Deployments(site));
        Ok(Self {
            statuses: match statuses {
                Some(sink) => Some(Reader::open(journal.clone(), sink).await?),
                None => None,
            },
            deployments: match deployments {
                Some(sink) => Some(Reader::open(journal.clone(), sink).await?),
                None => None,
            },
        })
    }

    /// How they fare.
    pub(super) fn health(&self) -> Vec<watch::Receiver<SinkHealth>> {
        let statuses = self.statuses.iter().map(Reader::health);
        statuses.chain(self.deployments.iter().map(Reader::health)).collect()
    }

    /// Starts them; they end with `shutdown`.
    pub(super) fn spawn(self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let Self { statuses, deployments } = self;
        statuses.map(|reader| tasks.spawn(reader.run(shutdown.clone())));
        deployments.map(|reader| tasks.spawn(reader.run(shutdown.clone())));
    }
}

/// Production is what takes commits that another environment has validated, or is called so.
fn place(environment: &EnvironmentConfig) -> Place {
    let named = matches!(environment.name.as_str(), "prod" | "production");
    Place {
        url: environment.url.as_ref().map(ToString::to_string),
        production: named || environment.promotes.is_some(),
    }
}
