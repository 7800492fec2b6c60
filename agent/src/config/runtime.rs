//! What runs the application: one type per kind, so that a key of another kind cannot linger.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::value::Argv;

/// `[environments.NAME.runtime]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeConfig {
    /// Containers of a compose project.
    Compose(ComposeRuntime),
    /// Containers by name.
    Container(ContainerRuntime),
    /// A command that the agent supervises itself.
    Process(ProcessRuntime),
}

impl RuntimeConfig {
    /// The kind, as it is written.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Compose(_) => "compose",
            Self::Container(_) => "container",
            Self::Process(_) => "process",
        }
    }
}

/// `kind = "compose"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeRuntime {
    /// The compose file.
    pub file: PathBuf,
    /// The project's name; what the compose program makes of the file's folder unless said.
    pub project: Option<String>,
    /// How it is restarted.
    pub action: ComposeAction,
    /// How long a container may take to stop.
    pub stop_timeout: Duration,
}

/// How a compose project is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComposeAction {
    /// The containers are restarted as they are.
    #[default]
    Restart,
    /// `down` and `up -d`: a changed compose file takes effect.
    Recreate,
}

/// `kind = "container"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRuntime {
    /// Their names; never empty.
    pub containers: Vec<String>,
    /// How long a container may take to stop.
    pub stop_timeout: Duration,
}

/// `kind = "process"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessRuntime {
    /// The command.
    pub run: Argv,
    /// Where it runs, relative to the work tree and inside it.
    pub cwd: PathBuf,
    /// What is added to its environment.
    pub env: BTreeMap<String, String>,
    /// How long it may take to stop before it is killed.
    pub stop_timeout: Duration,
}
