//! What the configuration says of one environment, and what that means for the decisions.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use ripcord_core::{EnvironmentName, Policy};
use serde::Deserialize;
use url::Url;

use super::{
    runtime::RuntimeConfig,
    value::{Argv, Monitor, SecretFile, absolute, absolute_list},
    verify::{VerdictSource, VerifyConfig},
};

/// `[environments.NAME]`.
#[derive(Debug, Clone)]
pub struct EnvironmentConfig {
    /// Its name.
    pub name: EnvironmentName,
    /// What people call it; its name unless said otherwise.
    pub title: String,
    /// Where its users find it.
    pub url: Option<Url>,
    /// Where its files come from; `None` when they come from `promote`.
    pub repository: Option<RepositoryConfig>,
    /// The environment whose validated commits it takes.
    pub promotes: Option<EnvironmentName>,
    /// The command that brings its files.
    pub promote: Option<PromoteConfig>,
    /// What is saved before anything is touched.
    pub backup: Option<BackupConfig>,
    /// The word that a deployment has to be confirmed with, byte for byte.
    pub confirm: Option<String>,
    /// A second proof that a deployment has to carry.
    pub oidc: Option<OidcConfig>,
    /// Whether a rollback by a person puts the environment on hold.
    pub hold_after_manual_rollback: bool,
    /// The file that tells older scripts which commit was validated last.
    pub validated_sha_file: Option<PathBuf>,
    /// What is run around the restart.
    pub hooks: Hooks,
    /// What runs the application.
    pub runtime: RuntimeConfig,
    /// When the application counts as healthy.
    pub health: HealthConfig,
    /// When a commit counts as validated.
    pub verify: VerifyConfig,
}

impl EnvironmentConfig {
    /// The rules that the decisions follow here.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            when: self.verify.when,
            notice_after_ms: millis(self.verify.notice_after),
            deadline_ms: millis(self.verify.deadline),
            on_deadline: self.verify.on_deadline,
            late_verdicts: matches!(self.verify.source, VerdictSource::Github(_)),
            hold_after_manual_rollback: self.hold_after_manual_rollback,
            monitored: self.health.monitor.is_some(),
            backs_up: self.backup.is_some(),
            bake_ms: millis(self.health.bake),
            ..Policy::default()
        }
    }

    /// The folder in which commands run where there is no work tree.
    #[must_use]
    pub fn own_folder(&self) -> Option<&Path> {
        self.backup.as_ref()?.paths.first().map(PathBuf::as_path)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The git work tree that is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryConfig {
    /// The work tree, or any folder inside it.
    pub path: PathBuf,
    /// The remote that is fetched.
    pub remote: String,
    /// The branch that a commit has to be reachable from.
    pub branch: String,
    /// How the remote knows us; nothing for public and local ones.
    pub credentials: Option<GitCredentials>,
}

/// How a git remote knows us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitCredentials {
    /// Over https.
    Password {
        /// The user name; `x-access-token` for GitHub's tokens.
        username: String,
        /// The password or token.
        password_file: SecretFile,
    },
    /// Over ssh.
    SshKey {
        /// The private key.
        key_file: SecretFile,
    },
}

/// `[environments.NAME.promote]`: the command that brings the files from another environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromoteConfig {
    /// The command.
    pub run: Argv,
    /// How long it may take.
    pub timeout: Duration,
}

/// `[environments.NAME.backup]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupConfig {
    /// What is saved.
    #[serde(deserialize_with = "absolute_list")]
    pub paths: Vec<PathBuf>,
    /// Where to.
    #[serde(deserialize_with = "absolute")]
    pub dir: PathBuf,
    /// How many are kept.
    #[serde(default = "ten")]
    pub keep: u32,
}

fn ten() -> u32 {
    10
}

/// `oidc`: the workflow's own token travels with the call, and has to match.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// Who signs the token.
    pub issuer: String,
    /// Whom it is meant for.
    pub audience: String,
    /// What it has to say.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
}

/// `[environments.NAME.hooks]`: commands of the operator around the restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// Run in order between the reset and the restart.
    pub pre_restart: Vec<Argv>,
    /// Run in order behind the restart, before the first probe.
    pub post_restart: Vec<Argv>,
    /// How long each command may take.
    pub timeout: Duration,
}

/// `[environments.NAME.health]`.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthConfig {
    /// What is asked for.
    pub url: Url,
    /// The status that it has to answer with.
    pub status: u16,
    /// What the body has to contain.
    pub contains: Option<String>,
    /// How many failed looks are believed.
    pub attempts: u32,
    /// How long between two looks; the first one is at once.
    pub interval: Duration,
    /// How long one look may take.
    pub timeout: Duration,
    /// How long behind a restart failures do not count.
    pub grace: Duration,
    /// How many good looks in a row are needed.
    pub successes: u32,
    /// How long behind going live failing looks undo a deployment; zero: not at all.
    pub bake: Duration,
    /// When to look although nothing happens.
    pub monitor: Option<Monitor>,
}
