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
    /// How its containers are stopped.
    pub stop: StopConfig,
}

/// How a compose project is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComposeAction {
    /// The containers are restarted as they are.
    Restart,
    /// `down` and `up -d`: a changed compose file takes effect.
    Recreate,
    /// Nothing is stopped: the containers get this signal.
    Reload(ReloadSignal),
}

/// How containers are stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopConfig {
    /// How long each may take; `None` when nobody said so, which leaves it to the container.
    pub timeout: Option<Duration>,
    /// Whether one that cannot hear its stop signal is waited for as well.
    pub wait_for_deaf: bool,
}

/// A signal that by custom makes applications read their files again, and ends none that hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ReloadSignal {
    /// `SIGHUP`
    Hup,
    /// `SIGUSR1`
    Usr1,
    /// `SIGUSR2`
    Usr2,
}

impl ReloadSignal {
    /// Its name, as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hup => "HUP",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
        }
    }
}

impl TryFrom<String> for ReloadSignal {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let all = [Self::Hup, Self::Usr1, Self::Usr2];
        let name = text.strip_prefix("SIG").unwrap_or(&text);
        all.into_iter().find(|signal| signal.name() == name).ok_or_else(|| {
            format!(
                "`{text}` makes no application reload: write \"HUP\", \"USR1\" or \"USR2\"; other \
                 signals stop it, or mean something else"
            )
        })
    }
}

/// `kind = "container"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRuntime {
    /// Their names; never empty.
    pub containers: Vec<String>,
    /// The signal at which they reload; they are restarted if `None`.
    pub reload: Option<ReloadSignal>,
    /// How they are stopped.
    pub stop: StopConfig,
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
