//! The repository of the scripted world.

use std::{future::pending, path::Path, sync::atomic::Ordering};

use async_trait::async_trait;
use ripcord_agent::ports::{Between, PreparedCommit, Reporter, SourceRepository, TreeState};
use ripcord_core::{CommitSha, DeploymentNumber, Failure, effect::TreeReport};
use tokio::sync::Semaphore;

use super::World;

struct Wakes<'s>(&'s Semaphore);

impl Drop for Wakes<'_> {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

#[async_trait]
impl SourceRepository for World {
    async fn prepare(
        &self,
        _: CommitSha,
        _: Option<CommitSha>,
        reporter: &Reporter,
    ) -> Result<PreparedCommit, Failure> {
        self.note("prepare");
        for number in 0..self.script.prepare_tells.load(Ordering::SeqCst) {
            reporter.remark(format!("object {number}")).await;
        }
        let (subject, author) = ("a commit".to_owned(), "ada".to_owned());
        Ok(PreparedCommit { subject, author, older_than_live: false, head: None })
    }

    async fn reset(
        &self,
        _: DeploymentNumber,
        _: CommitSha,
        _: &Reporter,
    ) -> Result<TreeReport, Failure> {
        self.touch("reset").await;
        assert!(!self.script.reset_panics.swap(false, Ordering::SeqCst), "as the script says");
        Ok(TreeReport::default())
    }

    async fn inspect(&self, _: CommitSha) -> Result<TreeState, Failure> {
        Ok(TreeState { exact: true, untracked: 0 })
    }

    async fn export(&self, _: CommitSha, _: &Path) -> Result<(), Failure> {
        Ok(())
    }

    async fn unpin_except(&self, _: &[CommitSha]) -> Result<(), Failure> {
        Ok(())
    }

    async fn between(&self, _: CommitSha, _: CommitSha) -> Result<Between, Failure> {
        Ok(Between::default())
    }

    async fn tidy(&self) -> Result<Option<String>, Failure> {
        let _until_dropped = Wakes(&self.untidied);
        self.tidying.add_permits(1);
        pending().await
    }

    async fn preflight(&self) -> Result<String, Failure> {
        Ok("main is here".to_owned())
    }
}
