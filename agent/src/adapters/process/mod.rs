//! A runtime without Docker: a program that the agent starts, supervises, and restarts by itself.
//!
//! ```text
//! ProcessRuntime ── asks ──► Supervisor (one task) ── owns ──► Run (a process group, its pipes)
//!      │                          │                              │ lines
//!      └── reads Condition ◄──────┘                              ▼
//!          logs() ───────────────────────────── ProcessLog ◄── LogWriter (one thread, rotated files)
//! ```

mod log;
mod run;
mod segments;
mod supervisor;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use ripcord_core::{Failure, FailureKind};
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    log::ProcessLog,
    supervisor::{Ask, Condition, Supervisor},
};
use crate::ports::{LogSource, Reporter, Runtime, RuntimeHealth};

/// What to run, and where to keep what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSettings {
    /// What its log lines say they come from.
    pub name: String,
    /// Program and arguments; the program is looked up in `PATH` when it has no slash.
    pub argv: Vec<String>,
    /// Where it runs; it may not exist before the first deployment.
    pub cwd: PathBuf,
    /// Its environment, beside `PATH`, `HOME` and `LANG`.
    pub env: Vec<(String, String)>,
    /// How long it may take to stop before it is killed.
    pub stop_timeout: Duration,
    /// A folder of its own, for the log files and the record of the running process.
    pub state_dir: PathBuf,
}

/// Runs one program. Dropping it stops the program.
#[derive(Debug)]
pub struct ProcessRuntime {
    asks: mpsc::Sender<Ask>,
    condition: watch::Receiver<Condition>,
    log: ProcessLog,
}

impl ProcessRuntime {
    /// A runtime that runs nothing yet. Needs a tokio runtime around it.
    #[must_use]
    pub fn new(settings: ProcessSettings) -> Self {
        let (writer, log) = log::open(&settings.state_dir.join("log"), &settings.name);
        let (asks, asked) = mpsc::channel(1);
        let (told, condition) = watch::channel(Condition::Stopped);
        tokio::spawn(Supervisor::new(settings, writer, told).run(asked));
        Self { asks, condition, log }
    }

    async fn ask(&self, ask: impl FnOnce(oneshot::Sender<Answer>) -> Ask) -> Answer {
        let (answer, answered) = oneshot::channel();
        let _ = self.asks.send(ask(answer)).await;
        answered.await.unwrap_or_else(|_closed| {
            Err(Failure::new(FailureKind::Internal, "the supervisor of the process is gone"))
        })
    }
}

/// What the supervisor did, or why it could not.
type Answer = Result<String, Failure>;

#[async_trait]
impl Runtime for ProcessRuntime {
    async fn preflight(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn restart(&self, _reporter: &Reporter) -> Result<String, Failure> {
        self.ask(Ask::Restart).await
    }

    async fn health(&self) -> Result<RuntimeHealth, Failure> {
        Ok(match &*self.condition.borrow() {
            Condition::Running => RuntimeHealth::Fine,
            Condition::Stopped => {
                RuntimeHealth::Bad { detail: "the process was never started".to_owned() }
            }
            Condition::Crashing { detail } => RuntimeHealth::Bad { detail: detail.clone() },
        })
    }

    async fn ensure_running(&self) -> Result<(), Failure> {
        self.ask(Ask::Start).await.map(drop)
    }

    async fn shutdown(&self) {
        let _ = self.ask(Ask::Stop).await;
    }

    fn logs(&self) -> Arc<dyn LogSource> {
        Arc::new(self.log.clone())
    }
}
