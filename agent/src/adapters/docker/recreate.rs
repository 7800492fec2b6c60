//! Removes an environment's containers and makes new ones, as its compose file says now.
//!
//! The compose program does it, with two things that it does not know. Two files in one folder have
//! one project name, and so one network: `down` on the one fails, after it has removed its
//! containers, because the other's still use the network. And what an older file brought, a newer one
//! leaves running.

use ripcord_core::Failure;

use super::{
    Containers,
    engine::Engine,
    restart,
    select::{self, Found, find},
};
use crate::{adapters::compose::ComposeProgram, ports::Reporter};

/// The compose program on one environment, and the engine that it speaks to.
pub(super) struct Recreation<'a> {
    pub(super) engine: &'a Engine,
    pub(super) containers: &'a Containers,
    pub(super) compose: ComposeProgram<'a>,
}

impl Recreation<'_> {
    /// Recreates the containers, once more when Docker went away in the middle and came back.
    pub(super) async fn run(&self, reporter: &Reporter) -> Result<(), Failure> {
        let Err(failure) = self.once(reporter).await else { return Ok(()) };
        // The program's words are for people; whether Docker is there, Docker says best.
        if self.engine.ping().await.is_ok() {
            return Err(failure);
        }
        restart::patiently(reporter, || self.engine.ping()).await?;
        self.once(reporter).await
    }

    async fn once(&self, reporter: &Reporter) -> Result<(), Failure> {
        let down = self.compose.down(reporter).await;
        let left = find(self.engine, self.containers).await?;
        if let Err(failure) = down {
            // With a file that cannot be read, what runs is better than nothing.
            if !left.is_empty() && !self.compose.understands().await {
                return Err(failure);
            }
            reporter.remark("compose could not remove all; going on with what it left").await;
        }
        self.remove(&left, reporter).await?;
        self.compose.up(reporter).await
    }

    /// What the compose file does not have any more would go on running the old version.
    async fn remove(&self, left: &[Found], reporter: &Reporter) -> Result<(), Failure> {
        for orphan in left {
            self.engine.remove(&orphan.id, &orphan.source).await?;
        }
        if !left.is_empty() {
            let names = select::names(left);
            let remark = format!("removed {names}, which the compose file does not have any more");
            reporter.remark(remark).await;
        }
        Ok(())
    }
}
