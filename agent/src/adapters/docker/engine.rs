//! The connection to Docker: made when it is first needed, and every call has its time.

use std::{
    env,
    error::Error as StdError,
    path::{Path, PathBuf},
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error,
    models::{ContainerInspectResponse, ContainerSummary, NetworkInspect},
    query_parameters::{
        InspectContainerOptions, InspectNetworkOptions, KillContainerOptionsBuilder,
        ListContainersOptions, RemoveContainerOptionsBuilder, RestartContainerOptionsBuilder,
        StopContainerOptionsBuilder,
    },
};
use ripcord_core::{Failure, FailureKind};
use tokio::{sync::OnceCell, time::timeout};

use super::{signal::Signal, stopping::whole_seconds};

/// How long a question may take; answers come within milliseconds.
const QUESTION: Duration = Duration::from_secs(15);

/// How long a start may take beyond the stop: images are there, volumes may be slow.
const START: Duration = Duration::from_secs(60);

/// bollard's own limit; ours are below it, and log streams have none.
const CLIENT_SECONDS: u64 = 24 * 60 * 60;

/// Where Docker listens: the unix socket that `DOCKER_HOST` names, or the usual one.
#[must_use]
pub fn default_socket() -> PathBuf {
    let host = env::var("DOCKER_HOST").unwrap_or_default();
    match host.strip_prefix("unix://") {
        Some(path) => path.into(),
        None => {
            if !host.is_empty() {
                tracing::warn!("DOCKER_HOST is not a unix:// socket: the usual socket is used");
            }
            "/var/run/docker.sock".into()
        }
    }
}

/// Docker, as one environment talks to it.
#[derive(Debug)]
pub(super) struct Engine {
    socket: PathBuf,
    docker: OnceCell<Docker>,
}

/// Why Docker did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// It does not run, does not let us in, or went away: asking again may help.
    #[error("cannot reach docker at {socket}: {cause}; is it running, and may this user use it?", socket = socket.display())]
    Unreachable {
        /// Where.
        socket: PathBuf,
        /// Why.
        cause: String,
    },
    /// It took the question and did not answer.
    #[error("docker did not {what} within {}s", limit.as_secs())]
    Silent {
        /// What was asked.
        what: String,
        /// How long it had.
        limit: Duration,
    },
    /// It answered that it will not.
    #[error("docker failed to {what}: {message}")]
    Refused {
        /// What was asked.
        what: String,
        /// HTTP status; 404 for a container that is gone.
        status: Option<u16>,
        /// Its words.
        message: String,
    },
}

impl EngineError {
    /// Whether the container is gone, or about to be.
    pub(super) fn is_of_removed(&self) -> bool {
        matches!(self, Self::Refused { status: Some(404 | 409), .. })
    }

    /// Whether the container's log driver keeps nothing that can be read, as `none` does.
    pub(super) fn is_of_no_log(&self) -> bool {
        matches!(self, Self::Refused { status: Some(501), .. })
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let kind = match error {
            EngineError::Silent { .. } => FailureKind::Timeout,
            EngineError::Unreachable { .. } | EngineError::Refused { .. } => FailureKind::Runtime,
        };
        Self::new(kind, error.to_string())
    }
}

impl Engine {
    /// Docker behind this socket.
    pub(super) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), docker: OnceCell::new() }
    }

    /// The client, for streams; connected and agreed on a version the first time.
    pub(super) async fn docker(&self) -> Result<&Docker, EngineError> {
        let connect = self.docker.get_or_try_init(|| async {
            let path = self.socket.to_string_lossy();
            let docker = Docker::connect_with_unix(&path, CLIENT_SECONDS, API_DEFAULT_VERSION)?;
            docker.negotiate_version().await
        });
        self.answer("tell its version", QUESTION, connect).await
    }

    /// Whether it is there.
    pub(super) async fn ping(&self) -> Result<(), EngineError> {
        let docker = self.docker().await?;
        self.answer("answer", QUESTION, docker.ping()).await.map(drop)
    }

    /// The containers that match, running or not.
    pub(super) async fn list(
        &self,
        options: ListContainersOptions,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        let docker = self.docker().await?;
        self.answer("list containers", QUESTION, docker.list_containers(Some(options))).await
    }

    /// Everything about one container.
    pub(super) async fn inspect(&self, id: &str) -> Result<ContainerInspectResponse, EngineError> {
        let docker = self.docker().await?;
        let call = docker.inspect_container(id, None::<InspectContainerOptions>);
        self.answer("inspect a container", QUESTION, call).await
    }

    /// Everything about one network.
    pub(super) async fn network(&self, id: &str) -> Result<NetworkInspect, EngineError> {
        let docker = self.docker().await?;
        let call = docker.inspect_network(id, None::<InspectNetworkOptions>);
        self.answer("inspect a network", QUESTION, call).await
    }

    /// Whether it runs without root, and so in a network of its own.
    pub(super) async fn is_rootless(&self) -> Result<bool, EngineError> {
        let docker = self.docker().await?;
        let info = self.answer("tell about itself", QUESTION, docker.info()).await?;
        let options = info.security_options.unwrap_or_default();
        Ok(options.iter().any(|option| option == "name=rootless"))
    }

    /// Stops within `grace`, or kills, and starts.
    pub(super) async fn restart(
        &self,
        id: &str,
        name: &str,
        grace: Duration,
    ) -> Result<(), EngineError> {
        let docker = self.docker().await?;
        let seconds = i32::try_from(whole_seconds(grace)).unwrap_or(i32::MAX);
        let options = RestartContainerOptionsBuilder::new().t(seconds).build();
        let call = docker.restart_container(id, Some(options));
        self.answer(&format!("restart {name}"), grace + START, call).await
    }

    /// Stops without waiting.
    pub(super) async fn cut_off(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let docker = self.docker().await?;
        let options = StopContainerOptionsBuilder::new().t(0).build();
        self.answer(&format!("stop {name}"), START, docker.stop_container(id, Some(options))).await
    }

    /// Sends a signal to its first process.
    pub(super) async fn signal(
        &self,
        id: &str,
        name: &str,
        signal: Signal,
    ) -> Result<(), EngineError> {
        let docker = self.docker().await?;
        let number = signal.number().to_string();
        let options = KillContainerOptionsBuilder::new().signal(&number).build();
        let call = docker.kill_container(id, Some(options));
        self.answer(&format!("send {signal} to {name}"), QUESTION, call).await
    }

    /// Removes it, running or not.
    pub(super) async fn remove(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let docker = self.docker().await?;
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        let call = docker.remove_container(id, Some(options));
        self.answer(&format!("remove {name}"), START, call).await
    }

    async fn answer<T>(
        &self,
        what: &str,
        limit: Duration,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, EngineError> {
        match timeout(limit, call).await {
            Ok(answer) => answer.map_err(|error| self.explain(what, error)),
            Err(_elapsed) => Err(EngineError::Silent { what: what.to_owned(), limit }),
        }
    }

    /// What a bollard error means for whoever asked.
    pub(super) fn explain(&self, what: &str, error: Error) -> EngineError {
        let what = what.to_owned();
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                EngineError::Refused { what, status: Some(status_code), message }
            }
            Error::JsonDataError { message, .. } => {
                EngineError::Refused { what, status: None, message }
            }
            // The enum is bollard's: what is not an answer is a broken or missing connection.
            other => EngineError::Unreachable {
                socket: self.socket.clone(),
                cause: innermost(&other).to_string(),
            },
        }
    }
}

fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}
