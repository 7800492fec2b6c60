//! From `[github]` and `[[notify]]` to the readers of the journal that tell people and programs.

use std::{collections::BTreeMap, sync::Arc};

use ripcord_core::{EnvironmentName, VerifyWhen};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::StartError;
use crate::{
    adapters::{
        git::http_client,
        github::Github,
        secret_url::{self, SecretUrl},
    },
    config::{Config, EnvironmentConfig, Locale, NotifyConfig, NotifyKind},
    journal::{Journal, JournalError},
    notify::{
        Home, Newsroom, Outlet, Outlets, Policy, Reader, SinkHealth,
        discord::{self, Discord},
        fingerprint,
        github::{CommitStatuses, Deployments, Place, Site},
        webhook::Webhook,
    },
};

/// The readers that the configuration asks for.
#[derive(Default)]
pub(super) struct Readers(Vec<Reader>);

impl Readers {
    /// Takes up their places in the journal; before anything is appended that they have to tell.
    pub(super) async fn open(
        config: &Config,
        journal: &Journal,
        github: Option<Github>,
    ) -> Result<Self, StartError> {
        let mut readers = Vec::new();
        if let Some(github) = github {
            show_on_github(config, journal, github, &mut readers).await?;
        }
        if !config.notify.is_empty() {
            tell(config, journal, &mut readers).await?;
        }
        Ok(Self(readers))
    }

    /// How they fare.
    pub(super) fn outlets(&self) -> Outlets {
        Outlets(self.0.iter().map(Outlet::of).collect())
    }

    /// How they fare, as it changes.
    pub(super) fn health(&self) -> Vec<watch::Receiver<SinkHealth>> {
        self.0.iter().map(Reader::health).collect()
    }

    /// Starts them; they end with `shutdown`.
    pub(super) fn spawn(self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        for reader in self.0 {
            tasks.spawn(reader.run(shutdown.clone()));
        }
    }
}

async fn show_on_github(
    config: &Config,
    journal: &Journal,
    github: Github,
    readers: &mut Vec<Reader>,
) -> Result<(), JournalError> {
    let Some(shown) = &config.github else { return Ok(()) };
    let environments = config.environments.values();
    let site = Site {
        github,
        repository: shown.repository.as_str().to_owned(),
        journal: journal.clone(),
        environments: Arc::new(environments.map(|it| (it.name.clone(), place(it))).collect()),
    };
    if shown.commit_status {
        readers.push(Reader::open(journal.clone(), CommitStatuses(site.clone())).await?);
    }
    if shown.deployments {
        readers.push(Reader::open(journal.clone(), Deployments(site)).await?);
    }
    Ok(())
}

/// Production is what takes commits that another environment has validated, or is called so.
fn place(environment: &EnvironmentConfig) -> Place {
    let named = matches!(environment.name.as_str(), "prod" | "production");
    Place {
        url: environment.url.as_ref().map(ToString::to_string),
        production: named || environment.promotes.is_some(),
    }
}

async fn tell(
    config: &Config,
    journal: &Journal,
    readers: &mut Vec<Reader>,
) -> Result<(), StartError> {
    let other = |why: String| StartError::Other(why);
    let http = http_client::builder(config.extra_ca.as_deref())
        .map_err(|failure| other(failure.message))?;
    let http = secret_url::client(http).map_err(|error| other(error.to_string()))?;
    let newsroom = Newsroom { journal: journal.clone(), homes: Arc::new(homes(config)) };
    for sink in &config.notify {
        let file = sink.url_file.path();
        let url = |adapt| SecretUrl { http: http.clone(), file: file.clone(), adapt };
        let (journal, newsroom) = (journal.clone(), newsroom.clone());
        let (policy, locale) = (Policy::new(sink), locale(sink));
        let name = |kind: &str| format!("{kind}.{}", fingerprint(&[&file.to_string_lossy()]));
        let opened = match (sink.kind, &sink.secret_file) {
            (NotifyKind::Webhook, Some(secret)) => {
                let (name, url, secret_file) = (name("webhook"), url(|_| ()), secret.path());
                let sink = Webhook { name, newsroom, policy, locale, url, secret_file };
                Reader::open(journal, sink).await
            }
            // A webhook without a secret is refused with the configuration.
            (NotifyKind::Webhook, None) => continue,
            (NotifyKind::Discord, _) => {
                let (name, url, style) = (name("discord"), url(discord::versioned), sink.style);
                let sink = Discord { name, newsroom, policy, locale, style, url };
                Reader::open(journal, sink).await
            }
        };
        readers.push(opened?);
    }
    Ok(())
}

fn locale(sink: &NotifyConfig) -> ripcord_core::news::Locale {
    match sink.locale {
        Locale::Fr => ripcord_core::news::Locale::Fr,
        Locale::En => ripcord_core::news::Locale::En,
    }
}

/// The environments, and the agent itself, as people know them.
fn homes(config: &Config) -> BTreeMap<EnvironmentName, Home> {
    let title = |name| config.environments.get(name).map(|source| source.title.clone());
    let environments = config.environments.values().map(|environment| {
        let home = Home {
            title: environment.title.clone(),
            url: environment.url.as_ref().map(ToString::to_string),
            promotes: environment.promotes.as_ref().and_then(title),
            verify: environment.verify.when,
        };
        (environment.name.clone(), home)
    });
    let agent = Home {
        title: format!("AGENT {}", gethostname::gethostname().to_string_lossy()),
        url: None,
        promotes: None,
        verify: VerifyWhen::After,
    };
    environments.chain([(EnvironmentName::agent(), agent)]).collect()
}
