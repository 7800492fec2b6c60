//! Removes an environment's containers and makes new ones, as its compose file says now.
//!
//! The compose program does it, with two things that it does not know. Two files in one folder have
//! one project name, and so one network: `down` on the one fails, after it has removed its
//! containers, because the other's still use the network. And what an older file brought, a newer one
//! leaves running. Nor does it know who cannot hear that it should stop.

use std::time::Duration;

use futures_util::future::try_join_all;
use ripcord_core::Failure;

use super::{
    DockerSettings,
    engine::Engine,
    restart,
    select::{self, Found, find},
    stopping::Stop,
};
use crate::{adapters::compose::ComposeProgram, ports::Reporter};

/// The compose program on one environment, and the engine that it speaks to.
pub(super) struct Recreation<'a> {
    pub(super) engine: &'a Engine,
    pub(super) settings: &'a DockerSettings,
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
        let found = find(self.engine, &self.settings.containers).await?;
        let (grace, takes) = self.shorten(&found, reporter).await?;
        let down = self.compose.down(grace, takes, reporter).await;
        let left = find(self.engine, &self.settings.containers).await?;
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

    /// How long `down` is to give every container, if not each its own time, and how long all of it may
    /// take. It knows one time for all: who is deaf among others that hear is stopped before it.
    async fn shorten(
        &self,
        found: &[Found],
        reporter: &Reporter,
    ) -> Result<(Option<Duration>, Duration), Failure> {
        let looks = found.iter().map(|each| self.engine.inspect(&each.id));
        let looks = try_join_all(looks).await?;
        let running: Vec<(&Found, Stop)> = found
            .iter()
            .zip(&looks)
            .filter(|(container, _)| container.running)
            .map(|(container, look)| (container, Stop::of(look, &container.source, self.settings)))
            .collect();
        let remarks = running.iter().filter_map(|(_, stop)| stop.remark.clone());
        let deaf = running.iter().filter(|(_, stop)| stop.is_cut_short);
        let deaf: Vec<&Found> = deaf.map(|(container, _)| *container).collect();
        // One after the other, in the order of what depends on what.
        let takes = running.iter().map(|(_, stop)| stop.grace).sum();
        if deaf.len() == running.len() && !deaf.is_empty() {
            say(remarks, reporter).await;
            return Ok((Some(Duration::ZERO), takes));
        }
        // Nobody is stopped for a file with which `down` will not begin at all.
        if !deaf.is_empty() && !self.compose.understands().await {
            return Ok((self.settings.stop_timeout, takes));
        }
        say(remarks, reporter).await;
        try_join_all(deaf.iter().map(|each| self.engine.cut_off(&each.id, &each.source))).await?;
        Ok((self.settings.stop_timeout, takes))
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

async fn say(remarks: impl Iterator<Item = String>, reporter: &Reporter) {
    for remark in remarks {
        reporter.remark(remark).await;
    }
}
