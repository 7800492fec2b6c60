//! Tells applications to read their files again, by a signal to the first process of each container.
//!
//! Nobody answers a signal, and the first process of a container does not even get one that it has no
//! handler for: whether it would hear is looked at before anything is touched. Later on, where it
//! does not run or does not hear any more, it is restarted instead, which brings the new files too.

use std::io;

use bollard::models::ContainerInspectResponse;
use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;
use ripcord_core::{Failure, FailureKind};

use super::{
    DockerSettings,
    deaf::{Hearing, Processes, Unsent, stop_signal},
    engine::Engine,
    health, restart,
    select::{self, Found},
    signal::Signal,
    ways::Ways,
};
use crate::ports::Reporter;

/// The containers of an environment, and the signal at which they reload.
pub(super) struct Reload<'a> {
    pub(super) engine: &'a Engine,
    pub(super) settings: &'a DockerSettings,
    pub(super) signal: Signal,
    pub(super) ways: &'a Ways,
}

/// What a container can do with the signal.
#[derive(Debug, PartialEq, Eq)]
enum Fitness {
    /// It hears it.
    Ready,
    /// It does not run, or not well: a restart is what it needs.
    Down(String),
    /// The signal would do nothing, or harm.
    Unable(String),
}

impl Reload<'_> {
    /// Whether the signal can be sent: fails where it would be lost, or end the application.
    pub(super) async fn preflight(&self, found: &[Found]) -> Result<(), Failure> {
        let looks = found.iter().map(|each| self.engine.inspect(&each.id));
        let looks = try_join_all(looks).await?;
        let fitness = found.iter().zip(&looks).map(|(each, look)| self.fitness(&each.source, look));
        let unable = fitness.filter_map(|fitness| match fitness {
            Fitness::Unable(why) => Some(why),
            Fitness::Ready | Fitness::Down(_) => None,
        });
        let unable: Vec<String> = unable.collect();
        if unable.is_empty() {
            return Ok(());
        }
        let message = format!(
            "cannot reload: {}; set another `signal` or action = \"restart\", or name only the \
             containers that reload (kind = \"container\")",
            unable.join("; ")
        );
        Err(Failure::new(FailureKind::Runtime, message))
    }

    /// Tells all of them, and says what was done.
    pub(super) async fn run(
        &self,
        found: &[Found],
        reporter: &Reporter,
    ) -> Result<String, Failure> {
        let each = found.iter().map(|container| self.one(container, reporter));
        // All of them to their end: a failure of one must not leave another half-way.
        let told = join_all(each).await.into_iter().collect::<Result<Vec<bool>, Failure>>()?;
        let of = |was_told: bool| {
            let each = found.iter().zip(&told).filter(|(_, told)| **told == was_told);
            each.map(|(container, _)| container.clone()).collect::<Vec<_>>()
        };
        let reloaded = Some(of(true)).filter(|all| !all.is_empty());
        let reloaded =
            reloaded.map(|all| format!("sent {} to {}", self.signal, select::names(&all)));
        let restarted = Some(of(false)).filter(|all| !all.is_empty());
        let restarted = restarted.map(|all| format!("restarted {}", select::names(&all)));
        Ok(reloaded.into_iter().chain(restarted).collect::<Vec<_>>().join("; "))
    }

    /// Whether it was told; else it was restarted.
    async fn one(&self, container: &Found, reporter: &Reporter) -> Result<bool, Failure> {
        let Some(why) = self.tell(container, reporter).await? else { return Ok(true) };
        reporter.remark(format!("{why}: it is restarted instead")).await;
        restart::one(self.engine, container, self.settings, self.ways, reporter).await?;
        Ok(false)
    }

    /// Why it was not told, if it was not. Past Docker where the agent may: Docker takes every signal
    /// that it passes on for a stop by hand, and does not start the container again when it crashes,
    /// or after the machine's restart.
    async fn tell(
        &self,
        container: &Found,
        reporter: &Reporter,
    ) -> Result<Option<String>, Failure> {
        let Found { id, source, .. } = container;
        let look = restart::patiently(reporter, || self.engine.inspect(id)).await?;
        if let Fitness::Down(why) | Fitness::Unable(why) = self.fitness(source, &look) {
            return Ok(Some(why));
        }
        match Processes::default().send(&look, self.signal) {
            Ok(()) => Ok(None),
            Err(Unsent::Forbidden(error)) => {
                self.send_through_docker(container, &look, &error, reporter).await
            }
            Err(error @ (Unsent::Gone | Unsent::Failed(_))) => {
                Ok(Some(format!("{source} did not get {}: {error}", self.signal)))
            }
        }
    }

    async fn send_through_docker(
        &self,
        container: &Found,
        look: &ContainerInspectResponse,
        error: &io::Error,
        reporter: &Reporter,
    ) -> Result<Option<String>, Failure> {
        let Found { id, source, .. } = container;
        // Not again when the connection breaks: an application that reloads twice is no repetition.
        match self.engine.signal(id, source, self.signal).await {
            Err(error) if error.is_of_removed() => return Ok(Some(error.to_string())),
            sent => sent?,
        }
        if health::is_restarted_by_docker(look) {
            let remark = format!(
                "{source} got {} through docker, since the agent may not signal it itself ({error}): \
                 until its next restart docker may not start it again by its restart policy; run the \
                 agent as root",
                self.signal
            );
            reporter.remark(remark).await;
        }
        Ok(None)
    }

    fn fitness(&self, source: &str, look: &ContainerInspectResponse) -> Fitness {
        let signal = self.signal;
        if let Some(why) = health::why_not_running(look, Timestamp::now()) {
            return Fitness::Down(format!("{source} {why}"));
        }
        if stop_signal(look) == Some(signal) {
            return Fitness::Unable(format!("{signal} is what stops {source}"));
        }
        Fitness::Unable(match Processes::default().application(look, signal) {
            Hearing::Hears => return Fitness::Ready,
            Hearing::Deaf => format!("{source} has no handler for {signal}, which would be lost"),
            Hearing::Ends => format!("{source} has no handler for {signal}, which would end it"),
            Hearing::Unknown => format!(
                "whether {source} hears {signal} cannot be seen: the agent has to be root and to see \
                 the machine's processes, and the application to have a handler (what `sigwait` waits \
                 for does not show, nor what only some of its threads block)"
            ),
        })
    }
}
