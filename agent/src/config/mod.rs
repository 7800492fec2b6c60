//! The agent's configuration: one TOML file, parsed once into values that cannot be wrong.
//!
//! [`Config::load`] refuses what the text alone shows to be wrong, with file, line and a suggestion;
//! [`Config::check_files`] looks at the files that it names. Nothing here reads a secret's content
//! unless [`SecretFile::read`] is asked to, and nothing here starts anything.

mod document;
mod environment;
mod error;
mod files;
mod github;
mod interpret;
mod model;
mod raw;
mod report;
mod runtime;
mod value;
mod verify;

pub use environment::{
    BackupConfig, EnvironmentConfig, GitCredentials, HealthConfig, Hooks, OidcConfig,
    PromoteConfig, RepositoryConfig,
};
pub use error::{ConfigError, Fault};
pub use files::Problem;
pub use github::{GithubApp, GithubAuth, GithubConfig, Repository};
pub use model::{
    AccessRule, Config, JournalConfig, Locale, NotifyConfig, NotifyEvent, NotifyKind, NotifyStyle,
    RightName, TlsConfig,
};
pub use report::render_check;
pub use runtime::{
    ComposeAction, ComposeRuntime, ContainerRuntime, ProcessRuntime, ReloadSignal, RuntimeConfig,
    StopConfig,
};
pub use value::{Argv, EnvironmentSelector, IdentityPattern, Monitor, SecretFile};
pub use verify::{CommandSource, GithubSource, VerdictSource, VerifyConfig};
