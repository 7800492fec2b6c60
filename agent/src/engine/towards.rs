//! Where a rollback shall lead, and what that is: looked up in the journal, or among the backups.

use ripcord_core::{BackupId, CommitSha, DeploymentNumber, Failure, Placement};

use super::handle::{EngineError, EnvironmentHandle};
use crate::ports::Backup;

/// Where a rollback leads, looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// `None`: the rollback point.
    pub placement: Option<Placement>,
    /// The backup whose files are wanted.
    pub backup: Option<BackupId>,
}

impl From<Option<Placement>> for Target {
    fn from(placement: Option<Placement>) -> Self {
        Self { placement, backup: None }
    }
}

/// Where a rollback shall lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Towards {
    /// The rollback point.
    RollbackPoint,
    /// What that deployment put live.
    Deployment(DeploymentNumber),
    /// That commit, which was live before.
    Commit(CommitSha),
    /// The files as that backup holds them.
    Backup(BackupId),
}

impl EnvironmentHandle {
    /// Finds where a rollback leads; `None` is the rollback point.
    ///
    /// # Errors
    /// When nothing that once was live is meant.
    pub async fn resolve(&self, towards: Towards) -> Result<Target, EngineError> {
        let environment = self.name.clone();
        match towards {
            Towards::RollbackPoint => Ok(Target::default()),
            Towards::Deployment(number) => {
                let deployment = self.deployment(number).await?;
                if deployment.live_at.is_none() {
                    return Err(EngineError::NeverLive { environment, sha: deployment.sha });
                }
                Ok(Some(deployment.placement()).into())
            }
            Towards::Commit(sha) => {
                let baseline = self.state.borrow().baseline.filter(|baseline| *baseline == sha);
                let newest = self.journal.newest_of(&self.name, sha).await?;
                let newest = newest.filter(|deployment| deployment.live_at.is_some());
                let placement = newest.map(|deployment| deployment.placement());
                let baseline = baseline.map(|sha| Placement { deployment: None, sha });
                let placement = placement.or(baseline);
                let found = placement.ok_or(EngineError::NeverLive { environment, sha })?;
                Ok(Some(found).into())
            }
            Towards::Backup(id) => {
                let backup = self.backup(&id).await?;
                let unknown = Placement { deployment: None, sha: CommitSha::UNKNOWN };
                let placement = Some(backup.of.unwrap_or(unknown));
                Ok(Target { placement, backup: Some(id) })
            }
        }
    }

    async fn backup(&self, id: &BackupId) -> Result<Backup, EngineError> {
        let found = self.list_backups().await?.into_iter().find(|backup| backup.id == *id);
        let unusable = |what: String| {
            let list = format!("`ripcord history {} --backups` lists what is there", self.name);
            EngineError::Backup { why: format!("backup {id} {what}; {list}") }
        };
        let found = found.ok_or_else(|| unusable("is not there".to_owned()))?;
        match &found.damage {
            Some(damage) => Err(unusable(format!("cannot be used: {damage}"))),
            None => Ok(found),
        }
    }

    /// What was saved before deployments, newest first.
    ///
    /// # Errors
    /// When nothing is saved here, or the folder cannot be read.
    pub async fn list_backups(&self) -> Result<Vec<Backup>, EngineError> {
        let none = || EngineError::Backup {
            why: format!("nothing is saved here: add [environments.{}.backup]", self.name),
        };
        let backups = self.backups.as_ref().ok_or_else(none)?;
        let unusable = |failure: Failure| EngineError::Backup { why: failure.to_string() };
        backups.list().await.map_err(unusable)
    }
}
