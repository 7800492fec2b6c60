//! The repository of an environment that has none that can be used: every call says why.

use std::path::Path;

use async_trait::async_trait;
use ripcord_core::{CommitSha, DeploymentNumber, Failure, effect::TreeReport};

use crate::ports::{Between, PreparedCommit, Reporter, SourceRepository, TreeState};

/// Stands where a repository should be.
#[derive(Debug, Clone)]
pub struct AbsentRepository(pub Failure);

#[async_trait]
impl SourceRepository for AbsentRepository {
    async fn prepare(
        &self,
        _sha: CommitSha,
        _live: Option<CommitSha>,
        _reporter: &Reporter,
    ) -> Result<PreparedCommit, Failure> {
        Err(self.0.clone())
    }

    async fn reset(
        &self,
        _deployment: DeploymentNumber,
        _sha: CommitSha,
        _reporter: &Reporter,
    ) -> Result<TreeReport, Failure> {
        Err(self.0.clone())
    }

    async fn inspect(&self, _sha: CommitSha) -> Result<TreeState, Failure> {
        Err(self.0.clone())
    }

    async fn export(&self, _sha: CommitSha, _into: &Path) -> Result<(), Failure> {
        Err(self.0.clone())
    }

    async fn unpin_except(&self, _keep: &[CommitSha]) -> Result<(), Failure> {
        Err(self.0.clone())
    }

    async fn between(&self, _from: CommitSha, _to: CommitSha) -> Result<Between, Failure> {
        Err(self.0.clone())
    }

    async fn preflight(&self) -> Result<String, Failure> {
        Err(self.0.clone())
    }
}
