//! The environment tables as they are written, before defaults and checks across keys.
//!
//! Optional keys stay `Option`: whether a default fits depends on other keys, and `interpret` knows.

use std::{collections::BTreeMap, path::PathBuf};

use ripcord_core::{EnvironmentName, OnDeadline, VerifyWhen};
use serde::Deserialize;

use super::{
    environment::{BackupConfig, OidcConfig},
    github::GithubConfig,
    model::{AccessRule, JournalConfig, NotifyConfig, TlsConfig},
    runtime::ReloadSignal,
    value::{AbsolutePath, Address, Argv, HttpUrl, Monitor, OwnAddress, Period, SecretFile},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) listen: Address,
    pub(super) state_dir: AbsolutePath,
    pub(super) metrics: Option<OwnAddress>,
    pub(super) extra_ca: Option<AbsolutePath>,
    pub(super) tls: TlsConfig,
    #[serde(default)]
    pub(super) access: Vec<AccessRule>,
    #[serde(default)]
    pub(super) journal: JournalConfig,
    pub(super) github: Option<GithubConfig>,
    #[serde(default)]
    pub(super) notify: Vec<NotifyConfig>,
    #[serde(default)]
    pub(super) environments: BTreeMap<EnvironmentName, RawEnvironment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEnvironment {
    pub(super) title: Option<String>,
    pub(super) url: Option<HttpUrl>,
    pub(super) repository: Option<AbsolutePath>,
    pub(super) remote: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) git_credentials: Option<RawCredentials>,
    pub(super) validated_sha_file: Option<AbsolutePath>,
    pub(super) promotes: Option<EnvironmentName>,
    pub(super) confirm: Option<String>,
    #[serde(default)]
    pub(super) hold_after_manual_rollback: bool,
    pub(super) oidc: Option<OidcConfig>,
    pub(super) promote: Option<RawPromote>,
    pub(super) backup: Option<BackupConfig>,
    #[serde(default)]
    pub(super) hooks: RawHooks,
    pub(super) runtime: RawRuntime,
    #[serde(default)]
    pub(super) health: RawHealth,
    #[serde(default)]
    pub(super) verify: RawVerify,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCredentials {
    pub(super) username: Option<String>,
    pub(super) password_file: Option<SecretFile>,
    pub(super) ssh_key_file: Option<SecretFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPromote {
    pub(super) run: Argv,
    pub(super) timeout: Option<Period>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHooks {
    #[serde(default)]
    pub(super) pre_restart: Vec<Argv>,
    #[serde(default)]
    pub(super) post_restart: Vec<Argv>,
    pub(super) timeout: Option<Period>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawRuntimeKind {
    Compose,
    Container,
    Process,
}

impl RawRuntimeKind {
    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Container => "container",
            Self::Process => "process",
        }
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawAction {
    #[default]
    Restart,
    Recreate,
    Reload,
}

/// One struct for all kinds: a tagged enum would lose the line of what is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRuntime {
    pub(super) kind: RawRuntimeKind,
    pub(super) file: Option<AbsolutePath>,
    pub(super) project: Option<String>,
    pub(super) action: Option<RawAction>,
    pub(super) signal: Option<ReloadSignal>,
    pub(super) containers: Option<Vec<String>>,
    pub(super) run: Option<Argv>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) env: Option<BTreeMap<String, String>>,
    pub(super) stop_timeout: Option<Period>,
    pub(super) wait_for_deaf: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHealth {
    pub(super) url: Option<HttpUrl>,
    pub(super) status: Option<u16>,
    pub(super) contains: Option<String>,
    pub(super) attempts: Option<u32>,
    pub(super) interval: Option<Period>,
    pub(super) timeout: Option<Period>,
    pub(super) grace: Option<Period>,
    pub(super) successes: Option<u32>,
    pub(super) bake: Option<Period>,
    pub(super) monitor: Option<Monitor>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawSource {
    Github,
    Command,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVerify {
    pub(super) when: Option<VerifyWhen>,
    pub(super) source: Option<RawSource>,
    pub(super) workflows: Option<Vec<String>>,
    pub(super) event: Option<String>,
    pub(super) start_delay: Option<Period>,
    pub(super) poll: Option<Period>,
    pub(super) notice_after: Option<Period>,
    pub(super) deadline: Option<Period>,
    pub(super) on_deadline: Option<OnDeadline>,
    pub(super) run: Option<Vec<Argv>>,
    pub(super) timeout: Option<Period>,
    pub(super) env: Option<BTreeMap<String, String>>,
}
