//! Which deployment restarted the application when. Says which number a log line carries, and
//! where the marks of deployments belong, also for lines from before the agent's own start.

use std::sync::Arc;

use ripcord_core::{Deployment, DeploymentNumber, Environment, EnvironmentName, Kind, Phase};
use tokio::sync::watch;

use crate::{
    journal::{Journal, JournalError},
    ports::LogRecord,
};

/// So many restarts are remembered per environment: more than a kept log holds.
const REMEMBERED: usize = 200;

/// What the marks of deployments name as their source.
const SOURCE: &str = "deployment";

/// One restart by a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// When it began, nanoseconds since 1970.
    pub at: i64,
    /// By which deployment.
    pub deployment: DeploymentNumber,
    /// What the log says there.
    pub text: String,
}

/// The restarts of one environment, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restarts(Vec<Restart>);

impl Restarts {
    /// The restarts in the journal, and from there on as they happen.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn follow(
        journal: Journal,
        environment: EnvironmentName,
        mut state: watch::Receiver<Arc<Environment>>,
    ) -> Result<watch::Receiver<Arc<Self>>, JournalError> {
        let mut known = Self::default();
        let deployments = journal.history(&environment, REMEMBERED).await?;
        known.add_all(deployments.iter().rev());
        let (out, restarts) = watch::channel(Arc::new(known.clone()));
        tokio::spawn(async move {
            while state.changed().await.is_ok() {
                let now = Arc::clone(&state.borrow_and_update());
                let mut is_new = known.add_all(now.open.values());
                // One that came and went between two looks.
                if let Some(missed) = known.missed(&now)
                    && let Ok(Some(deployment)) = journal.deployment(&environment, missed).await
                {
                    is_new |= known.add_all([&deployment]);
                }
                if is_new {
                    out.send_replace(Arc::new(known.clone()));
                }
            }
        });
        Ok(restarts)
    }

    /// Adds a restart that is newer than all others; says whether it is.
    pub fn add(&mut self, restart: Restart) -> bool {
        let is_new = self.0.last().is_none_or(|last| last.at < restart.at);
        if is_new {
            self.0.push(restart);
            let forgotten = self.0.len().saturating_sub(REMEMBERED);
            self.0.drain(..forgotten);
        }
        is_new
    }

    /// The deployment whose application printed a line at this time; nothing before the first.
    pub(super) fn in_place_at(&self, time: i64) -> Option<DeploymentNumber> {
        let later = self.0.partition_point(|restart| restart.at <= time);
        later.checked_sub(1).map(|last| self.0[last].deployment)
    }

    /// The marks at or after `time`.
    pub(super) fn marks_from(&self, time: i64) -> impl Iterator<Item = LogRecord> + '_ {
        let first = self.0.partition_point(|restart| restart.at < time);
        self.0[first..].iter().map(|restart| LogRecord {
            time_unix_nanos: restart.at,
            source: SOURCE.into(),
            stderr: false,
            line: restart.text.clone(),
            marker: true,
        })
    }

    fn add_all<'a>(&mut self, deployments: impl IntoIterator<Item = &'a Deployment>) -> bool {
        let mut restarts: Vec<Restart> = deployments.into_iter().filter_map(restart_by).collect();
        restarts.sort_by_key(|restart| restart.at);
        restarts.into_iter().filter(|restart| self.add(restart.clone())).count() > 0
    }

    fn missed(&self, now: &Environment) -> Option<DeploymentNumber> {
        let live = now.live.and_then(|live| live.deployment)?;
        let known = self.0.last().is_some_and(|last| last.deployment >= live);
        (!known).then_some(live)
    }
}

/// The restart of this deployment, if it came so far: it begins where the reset ended.
fn restart_by(deployment: &Deployment) -> Option<Restart> {
    let timing = |phase: Phase| deployment.timings_ms.get(phase.as_str());
    if deployment.phase != Phase::Restarting && timing(Phase::Restarting).is_none() {
        return None;
    }
    let after = i64::try_from(*timing(Phase::Resetting)?).ok()?;
    let at = deployment.admitted_at.0.saturating_add(after).saturating_mul(1_000_000);
    let number = deployment.number;
    let what = match deployment.kind {
        Kind::Deploy { .. } => String::new(),
        Kind::Rollback { backup: Some(ref backup), .. } if deployment.poisoned.is_empty() => {
            format!("rollback to backup {backup}, ")
        }
        Kind::Rollback { .. } => "rollback to ".to_owned(),
    };
    let subject = deployment.subject.as_deref().unwrap_or_default();
    let text = format!("deployment {number}: {what}{} {subject}", deployment.sha.short());
    Some(Restart { at, deployment: number, text: text.trim_end().to_owned() })
}
