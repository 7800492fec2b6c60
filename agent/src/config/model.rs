//! What the configuration says about the agent itself; `environment` holds what it says of each place.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ripcord_core::EnvironmentName;
use serde::Deserialize;

use super::{
    document,
    environment::EnvironmentConfig,
    error::ConfigError,
    github::GithubConfig,
    value::{EnvironmentSelector, IdentityPattern, SecretFile, absolute, absolute_option},
};

/// The whole configuration, checked as far as its text can be.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where controllers connect.
    pub listen: SocketAddr,
    /// Journal, logs, saved changes, check-outs of the command verifier.
    pub state_dir: PathBuf,
    /// Where Prometheus may ask: an address of this machine that no other can reach.
    pub metrics: Option<SocketAddr>,
    /// PEM file of authorities that are trusted besides the system's, for git and HTTP.
    pub extra_ca: Option<PathBuf>,
    /// Who the agent is, and whose certificates it accepts.
    pub tls: TlsConfig,
    /// Who may do what; everything else is denied.
    pub access: Vec<AccessRule>,
    /// For how long the journal keeps stories.
    pub journal: JournalConfig,
    /// Where verdicts of GitHub Actions come from, and where deployments are shown.
    pub github: Option<GithubConfig>,
    /// Who is told.
    pub notify: Vec<NotifyConfig>,
    /// The places that the agent serves; never empty.
    pub environments: BTreeMap<EnvironmentName, EnvironmentConfig>,
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// Everything that is wrong with the text, each with its line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        Self::parse(path, &text)
    }

    /// Checks `text`, which came from the file at `path`.
    ///
    /// # Errors
    /// Everything that is wrong with the text, each with its line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        document::parse(text).map_err(|faults| ConfigError::new(path, faults))
    }
}

/// `[journal]`: what is kept of what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// So many days after a deployment ended its story goes; 0: never.
    pub keep_days: u16,
}

impl Default for JournalConfig {
    /// A year: long enough for "how was it before the last summer", and some ten megabytes.
    fn default() -> Self {
        Self { keep_days: 365 }
    }
}

/// `[tls]`: files that are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The agent's certificate chain, PEM.
    #[serde(deserialize_with = "absolute")]
    pub cert: PathBuf,
    /// Its private key, PEM.
    #[serde(deserialize_with = "absolute")]
    pub key: PathBuf,
    /// The authorities that sign controllers' certificates, PEM.
    #[serde(deserialize_with = "absolute")]
    pub client_ca: PathBuf,
    /// Revoked certificates, PEM.
    #[serde(default, deserialize_with = "absolute_option")]
    pub crl: Option<PathBuf>,
}

/// `[[access]]`: what an identity may do where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRule {
    /// Whom the rule speaks of.
    pub identity: IdentityPattern,
    /// Which rights they have in which environments.
    pub allow: BTreeMap<EnvironmentSelector, BTreeSet<RightName>>,
}

/// What a rule may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RightName {
    /// Put a commit live.
    Deploy,
    /// Go back.
    Rollback,
    /// Refuse deployments, and accept them again.
    Hold,
    /// Speak in the place of CI.
    Verdict,
    /// See what runs, and the stories of deployments.
    Status,
    /// Read the application's and the agent's log.
    Logs,
}

impl RightName {
    /// All rights, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Deploy, Self::Rollback, Self::Hold, Self::Verdict, Self::Status, Self::Logs];

    /// As it is written in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Hold => "hold",
            Self::Verdict => "verdict",
            Self::Status => "status",
            Self::Logs => "logs",
        }
    }
}

/// `[[notify]]`: who is told what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyConfig {
    /// How the message travels.
    pub kind: NotifyKind,
    /// The address, which is a secret.
    pub url_file: SecretFile,
    /// What signs the messages of a webhook.
    pub secret_file: Option<SecretFile>,
    /// The language of the messages.
    #[serde(default)]
    pub locale: Locale,
    /// Whether each piece of news is a message of its own.
    #[serde(default)]
    pub style: NotifyStyle,
    /// What is told, by environment; the mission's policy unless said otherwise.
    #[serde(default = "usual_events")]
    pub events: BTreeMap<EnvironmentSelector, BTreeSet<NotifyEvent>>,
    /// Which of these may mention everybody.
    #[serde(default)]
    pub ping: BTreeMap<EnvironmentSelector, BTreeSet<NotifyEvent>>,
}

/// All deployments and rollbacks, the failures of CI, and outages; of every environment.
fn usual_events() -> BTreeMap<EnvironmentSelector, BTreeSet<NotifyEvent>> {
    let events = [
        NotifyEvent::Deployments,
        NotifyEvent::Rollbacks,
        NotifyEvent::CiFailures,
        NotifyEvent::Down,
    ];
    BTreeMap::from([(EnvironmentSelector::All, BTreeSet::from(events))])
}

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyKind {
    /// A Discord webhook.
    Discord,
    /// A signed JSON document.
    Webhook,
}

/// How much a deployment writes into a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyStyle {
    /// A message for each piece of news.
    #[default]
    Messages,
    /// One message for each deployment, which is edited; Discord only.
    Live,
}

/// The language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// French.
    #[default]
    Fr,
    /// English.
    En,
}

/// What people may be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyEvent {
    /// A deployment began or ended.
    Deployments,
    /// A rollback began or ended.
    Rollbacks,
    /// CI went red.
    CiFailures,
    /// The application is down, or up again.
    Down,
    /// A human is needed.
    Stranded,
}
