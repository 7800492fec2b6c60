//! Containers as a runtime, through the Docker Engine API.
//!
//! `engine` talks to Docker, `select` finds the containers of an environment, `restart` restarts
//! them, `recreate` makes new ones and `cutting` chooses whom it does not wait for, `reload` tells
//! them to read their files again, `stopping` says how long they are waited for, `health` judges them,
//! `ways` lets requests reach them as soon as they are back; `logs` follows them, with a `tracker` per
//! container that neither loses nor repeats a line, and reads what was from its `jsonfile`. Docker may
//! be down when the agent starts: nothing connects before use.

mod cutting;
mod deaf;
mod engine;
mod follow;
mod health;
mod jsonfile;
mod logs;
mod merge;
mod recreate;
mod reload;
mod restart;
mod select;
mod signal;
mod stopping;
mod tracker;
mod ways;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;
use ripcord_core::{Failure, FailureKind};

use self::{
    engine::Engine,
    logs::DockerLogs,
    recreate::Recreation,
    reload::Reload,
    select::{Found, find},
    ways::Ways,
};
pub use self::{engine::default_socket, signal::Signal};
use super::compose::ComposeProgram;
use crate::ports::{Advice, LogSource, Neighbours, Reporter, Runtime, RuntimeHealth};

/// Which containers, and how they are restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerSettings {
    /// Docker's unix socket; [`default_socket`] unless told otherwise.
    pub socket: PathBuf,
    /// Which containers.
    pub containers: Containers,
    /// How they are restarted.
    pub action: RestartAction,
    /// How long containers may take to stop before they are killed; each one's own time if `None`,
    /// and none for those that cannot hear that they should.
    pub stop_timeout: Option<Duration>,
    /// Whether those get their own time as well.
    pub wait_for_deaf: bool,
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
    /// Nothing is stopped: the containers' first processes get this signal.
    Reload(Signal),
}

/// Runs the application in containers.
pub struct DockerRuntime {
    engine: Arc<Engine>,
    settings: DockerSettings,
    ways: Ways,
}

impl DockerRuntime {
    /// A runtime that has not talked to Docker yet.
    #[must_use]
    pub fn new(settings: DockerSettings) -> Self {
        let engine = Arc::new(Engine::at(&settings.socket));
        Self { engine, settings, ways: Ways::default() }
    }

    /// The same, telling this machine of containers that are back.
    #[must_use]
    pub fn telling(self, neighbours: Arc<dyn Neighbours>) -> Self {
        Self { ways: Ways::of(neighbours), ..self }
    }

    /// The compose program on the project, when there is one and it is to be used.
    fn recreated_by(&self) -> Option<ComposeProgram<'_>> {
        match (&self.settings.containers, self.settings.action) {
            (Containers::ComposeProject { file, project }, RestartAction::Recreate) => {
                Some(ComposeProgram {
                    file,
                    project: project.as_deref(),
                    socket: &self.settings.socket,
                })
            }
            (_, RestartAction::Restart | RestartAction::Reload(_))
            | (Containers::Named(_), RestartAction::Recreate) => None,
        }
    }

    /// How the containers are told to reload, when they are not to be stopped.
    fn reloaded_by(&self) -> Option<Reload<'_>> {
        let (engine, settings) = (&*self.engine, &self.settings);
        match settings.action {
            RestartAction::Reload(signal) => {
                Some(Reload { engine, settings, signal, ways: &self.ways })
            }
            RestartAction::Restart | RestartAction::Recreate => None,
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
                "{} was modified after its containers were created: a restart does not apply it, nor \
                 a reload (action = \"recreate\" does)",
                file.display()
            )
        })
    }
}

#[async_trait]
impl Runtime for DockerRuntime {
    async fn preflight(&self) -> Result<(), Failure> {
        self.engine.ping().await?;
        if let Some(compose) = self.recreated_by() {
            return compose.preflight().await;
        }
        let found = self.containers().await?;
        match self.reloaded_by() {
            Some(reload) => reload.preflight(&found).await,
            None => Ok(()),
        }
    }

    async fn reachable(&self) -> Result<(), Failure> {
        Ok(self.engine.ping().await?)
    }

    async fn restart(&self, reporter: &Reporter) -> Result<String, Failure> {
        if let Some(compose) = self.recreated_by() {
            let (engine, settings) = (&*self.engine, &self.settings);
            Recreation { engine, settings, compose }.run(reporter).await?;
            let found = self.containers().await?;
            join_all(found.iter().map(|each| self.ways.clear(&self.engine, each, reporter))).await;
            return Ok(format!("recreated {}", select::names(&found)));
        }
        let found = restart::patiently(reporter, || find(&self.engine, &self.settings.containers));
        let found = found.await?;
        if found.is_empty() {
            return Err(Failure::new(FailureKind::Runtime, self.settings.containers.missing()));
        }
        if let Some(remark) = self.settings.containers.unapplied_change(&found) {
            reporter.remark(remark).await;
        }
        if let Some(reload) = self.reloaded_by() {
            return reload.run(&found, reporter).await;
        }
        let (settings, ways) = (&self.settings, &self.ways);
        let restarts =
            found.iter().map(|each| restart::one(&self.engine, each, settings, ways, reporter));
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

    async fn advice(&self) -> Vec<Advice> {
        // Who only reloads is never away.
        if self.reloaded_by().is_some() {
            return Vec::new();
        }
        self.ways.advice(&self.engine, &self.settings.containers).await.into_iter().collect()
    }
}
