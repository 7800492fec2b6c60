//! Removes an environment's containers and makes new ones, as its compose file says now.
//!
//! The compose program does it, with three things that it does not know. Two files in one folder have
//! one project name, and so one network: `down` on the one fails, after it has removed its
//! containers, because the other's still use the network. And what an older file brought, a newer one
//! leaves running. Nor does it know who cannot hear that it should stop.

use std::time::Duration;

use futures_util::future::try_join_all;
use ripcord_core::Failure;

use super::{
    DockerSettings,
    cutting::{Stopping, spare_needed},
    engine::{Engine, EngineError},
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
        let takes = self.shorten(&found, reporter).await?;
        let down = self.compose.down(self.settings.stop_timeout, takes, reporter).await;
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

    /// Stops the deaf before `down`, and says how long that may take with the others. It knows one time
    /// for all, also for those that nobody looked at: one-off containers, and such as are paused.
    async fn shorten(&self, found: &[Found], reporter: &Reporter) -> Result<Duration, Failure> {
        let running = found.iter().filter(|container| container.running);
        let mut all = try_join_all(running.map(|each| self.stopping(each))).await?;
        spare_needed(&mut all);
        let deaf = all.iter().filter(|each| each.stop.is_cut_short);
        let deaf: Vec<&Found> = deaf.map(|each| each.container).collect();
        // One after the other, in the order of what depends on what.
        let takes = all.iter().map(|each| each.stop.grace).sum();
        // Nobody is stopped for a file with which `down` will not begin at all.
        if !deaf.is_empty() && !self.compose.understands().await {
            return Ok(takes);
        }
        for remark in all.into_iter().filter_map(|each| each.stop.remark) {
            reporter.remark(remark).await;
        }
        try_join_all(deaf.into_iter().map(|each| self.cut_off(each))).await?;
        Ok(takes)
    }

    /// How it is stopped; of one that Docker does not show nothing is known, and it gets its time.
    async fn stopping<'f>(&self, container: &'f Found) -> Result<Stopping<'f>, Failure> {
        let look = unless_away(self.engine.inspect(&container.id).await)?.unwrap_or_default();
        let stop = Stop::of(&look, &container.source, self.settings);
        Ok(Stopping { container, look, stop })
    }

    async fn cut_off(&self, container: &Found) -> Result<(), Failure> {
        let stopped = self.engine.cut_off(&container.id, &container.source).await;
        unless_away(stopped)?;
        Ok(())
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

/// What Docker refuses of a container is no failure: it may be gone meanwhile, and where it is not,
/// `down` stops it, or says why it cannot.
fn unless_away<T>(answer: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(away @ EngineError::Unreachable { .. }) => Err(away),
        Err(EngineError::Silent { .. } | EngineError::Refused { .. }) => Ok(None),
    }
}
