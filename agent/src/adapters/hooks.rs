//! The operator's own commands around a restart, from the agent's configuration only.

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use ripcord_core::{CommitSha, DeploymentNumber, EnvironmentName, Failure, FailureKind};

use super::command::{self, CommandSpec};
use crate::ports::{Hooks, Moment, Reporter};

/// Commands to run around a restart.
#[derive(Debug, Clone)]
pub struct CommandHooks {
    /// For which environment.
    pub environment: EnvironmentName,
    /// Before the restart: argument lists.
    pub pre_restart: Vec<Vec<String>>,
    /// After the restart, before the first probe: argument lists.
    pub post_restart: Vec<Vec<String>>,
    /// Where they run.
    pub cwd: PathBuf,
    /// How long each of them may take.
    pub timeout: Duration,
}

#[async_trait]
impl Hooks for CommandHooks {
    async fn run(
        &self,
        moment: Moment,
        deployment: DeploymentNumber,
        sha: CommitSha,
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        let (source, commands) = match moment {
            Moment::BeforeRestart => ("pre_restart", &self.pre_restart),
            Moment::AfterRestart => ("post_restart", &self.post_restart),
        };
        for argv in commands {
            let spec = CommandSpec {
                argv: argv.clone(),
                cwd: self.cwd.clone(),
                env: command::identity_of(&self.environment, deployment, sha),
                timeout: self.timeout,
                source: source.to_owned(),
            };
            let failed = |error: command::CommandError| {
                let failure = error.into_failure(FailureKind::Hook);
                Failure::new(failure.kind, format!("hook {source}: {}", failure.message))
            };
            command::run(spec, reporter).await.map_err(failed)?;
        }
        Ok(())
    }
}
