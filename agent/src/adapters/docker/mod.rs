//! Containers as a runtime, through the Docker Engine API.
//!
//! `engine` talks to Docker, `select` finds the containers of an environment, `restart` restarts
//! them, `recreate` makes new ones, `health` judges them; `logs` follows them, with a `tracker` per
//! container that neither loses nor repeats a line, and reads what was from its `jsonfile`. Docker may be down when the agent starts: nothing connects before use.

mod deaf;
mod engine;
mod follow;
mod health;
mod jsonfile;
mod logs;
mod merge;
mod recreate;
mod restart;
mod select;
mod tracker;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;
use ripcord_core::{Failure, FailureKind};

pub use self::engine::default_socket;
use self::{
    engine::Engine,
    logs::DockerLogs,
    recreate::Recreation,
    select::{Found, find},
};
use super::compose::ComposeProgram;
use crate::ports::{LogSource, Reporter, Runtime, RuntimeHealth};

/// Which containers, and how they are restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerSettings {
    /// Docker's unix socket; [`default_socket`] unless told otherwise.
    pub socket: PathBuf,
    /// Which containers.
    pub containers: Containers,
    /// How they are restarted.
    pub action: RestartAction,
    /// How long containers may take to stop before they are killed; each one's own time if `None`.
    pub stop_timeout: Option<Duration>,
}

/// The containers of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Containers {
    /// Those of a compose project.
    ComposeProject {
        /// The compose file, as an absolute path.
        file: PathBuf,
        /// The project's name, when it is not the one that compose chooses.
        project: Option<String>,
    },
    /// Those with these names.
    Named(Vec<String>),
}

/// What a restart is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartAction {
    /// The same containers are stopped and started.
    Restart,
    /// The compose program removes them and makes new ones: `down`, then `up -d`.
    Recreate,
}

/// Runs the application in containers.
#[derive(Debug)]
pub struct DockerRuntime {
    engine: Arc<Engine>,
    settings: DockerSettings,
}

impl DockerRuntime {
    /// A runtime that has not talked to Docker yet.
    #[must_use]
    pub fn new(settings: DockerSettings) -> Self {
        Self { engine: Arc::new(Engine::at(&settings.socket)), settings }
    }

    /// The compose program on the project, when there is one and it is to be used.
    fn recreated_by(&self) -> Option<ComposeProgram<'_>> {
        match (&self.settings.containers, self.settings.action) {
            (Containers::ComposeProject { file, project }, RestartAction::Recreate) => {
                Some(ComposeProgram {
                    file,
                    project: project.as_deref(),
                    socket: &self.settings.socket,
                    stop_timeout: self.settings.stop_timeout,
                })
            }
            (Containers::ComposeProject { .. } | Containers::Named(_), RestartAction::Restart)
            | (Containers::Named(_), RestartAction::Recreate) => None,
        }
    }

    /// The containers; a failure that says what to do when there are none.
    async fn containers(&self) -> Result<Vec<Found>, Failure> {
        let found = find(&self.engine, &self.settings.containers).await?;
        if found.is_empty() {
            return Err(Failure::new(FailureKind::Runtime, self.settings.containers.missing()));
        }
        Ok(found)
    }
}

impl Containers {
    /// What to say when none exists.
    fn missing(&self) -> String {
        match self {
            Self::ComposeProject { file, .. } => format!(
                "no container of {} exists: start the project once, or set action = \"recreate\"",
                file.display()
            ),
            Self::Named(_) => "no container is configured".to_owned(),
        }
    }

    /// A remark when a restart will not do what people may expect.
    fn unapplied_change(&self, found: &[Found]) -> Option<String> {
        let Self::ComposeProject { file, .. } = self else { return None };
        let modified = std::fs::metadata(file).and_then(|meta| meta.modified()).ok()?;
        let oldest = found.iter().map(|container| container.created).min()?;
        let created = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(oldest).ok()? + 1);
        (modified > created).then(|| {
            format!(
                "{} was modified after its containers were created: a restart does not apply it \
                 (action = \"recreate\" does)",
                file.display()
            )
        })
    }
}

#[async_trait]
impl Runtime for DockerRuntime {
    async fn preflight(&self) -> Result<(), Failure> {
        self.engine.ping().await?;
        match self.recreated_by() {
            Some(compose) => compose.preflight().await,
            None => self.containers().await.map(drop),
        }
    }

    async fn reachable(&self) -> Result<(), Failure> {
        Ok(self.engine.ping().await?)
    }

    async fn restart(&self, reporter: &Reporter) -> Result<String, Failure> {
        if let Some(compose) = self.recreated_by() {
            let (engine, containers) = (&*self.engine, &self.settings.containers);
            Recreation { engine, containers, compose }.run(reporter).await?;
            let names = select::names(&self.containers().await?);
            return Ok(format!("recreated {names}"));
        }
        let found = restart::patiently(reporter, || find(&self.engine, &self.settings.containers));
        let found = found.await?;
        if found.is_empty() {
            return Err(Failure::new(FailureKind::Runtime, self.settings.containers.missing()));
        }
        if let Some(remark) = self.settings.containers.unapplied_change(&found) {
            reporter.remark(remark).await;
        }
        let restarts = found
            .iter()
            .map(|each| restart::one(&self.engine, each, self.settings.stop_timeout, reporter));
        // All of them to their end: a failure of one must not leave another half-way.
        join_all(restarts).await.into_iter().collect::<Result<(), Failure>>()?;
        Ok(format!("restarted {}", select::names(&found)))
    }

    async fn health(&self) -> Result<RuntimeHealth, Failure> {
        let found = self.containers().await?;
        let looks = found.iter().map(|each| self.engine.inspect(&each.id));
        let looks = try_join_all(looks).await?;
        let names = found.iter().map(|each| &*each.source);
        Ok(health::judge_all(names.zip(&looks), Timestamp::now()))
    }

    async fn ensure_running(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn shutdown(&self) {}

    fn logs(&self) -> Arc<dyn LogSource> {
        Arc::new(DockerLogs::new(Arc::clone(&self.engine), self.settings.containers.clone()))
    }
}
