//! The log of an environment's containers: the backlog as one sequence, or followed from there on.

use std::{collections::HashMap, sync::Arc};

use bollard::{errors::Error, models::EventMessage, query_parameters::EventsOptionsBuilder};
use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use ripcord_core::Failure;

use super::{
    Containers,
    engine::{Engine, EngineError},
    follow::Follower,
    merge::Backlogs,
    select::{Found, find, find_existing},
};
use crate::ports::{LogChunks, LogRecord, LogSource, LogStart};

/// The log of an environment's containers.
#[derive(Debug, Clone)]
pub(super) struct DockerLogs {
    pub(super) engine: Arc<Engine>,
    containers: Containers,
}

impl DockerLogs {
    pub(super) fn new(engine: Arc<Engine>, containers: Containers) -> Self {
        Self { engine, containers }
    }
}

impl LogSource for DockerLogs {
    /// When Docker is away, a follower gets one error, and goes on when Docker is back.
    fn lines(&self, from: LogStart) -> LogChunks {
        if from.follow {
            return Follower::start(self.clone(), from);
        }
        let reading = Reading::Begins(self.clone(), from);
        stream::unfold(reading, Reading::next).flat_map(stream::iter).boxed()
    }
}

/// A backlog that is read as far as it is asked for.
enum Reading {
    Begins(DockerLogs, LogStart),
    Goes(Backlogs),
    Over,
}

impl Reading {
    async fn next(self) -> Option<(Vec<Result<Vec<LogRecord>, Failure>>, Self)> {
        let mut backlogs = match self {
            Self::Begins(logs, from) => match logs.backlogs(from).await {
                Ok(backlogs) => backlogs,
                Err(error) => return Some((vec![Err(error.into())], Self::Over)),
            },
            Self::Goes(backlogs) => backlogs,
            Self::Over => return None,
        };
        match backlogs.next().await {
            Some(records) => Some((vec![Ok(records)], Self::Goes(backlogs))),
            None => Some((end_of(backlogs).await, Self::Over)),
        }
    }
}

/// What has no line end, and why there is no more.
async fn end_of(backlogs: Backlogs) -> Vec<Result<Vec<LogRecord>, Failure>> {
    let ended = backlogs.finish().await;
    let mut last = Vec::new();
    for mut tracker in ended.trackers {
        tracker.finish(&mut last);
    }
    let last = Some(last).filter(|last| !last.is_empty()).map(Ok);
    last.into_iter().chain(ended.interrupted.map(|error| Err(error.into()))).collect()
}

impl DockerLogs {
    async fn backlogs(&self, from: LogStart) -> Result<Backlogs, EngineError> {
        let mut found = self.find().await?;
        if found.is_empty() {
            // Says which one is missing.
            found = find(&self.engine, &self.containers).await?;
        }
        Backlogs::open(&self.engine, &found, from).await
    }

    /// Starts of containers from a moment ago on, ours or not.
    pub(super) async fn start_events(
        &self,
    ) -> Result<BoxStream<'static, Result<EventMessage, Error>>, EngineError> {
        let filters = HashMap::from([("type", vec!["container"]), ("event", vec!["start"])]);
        let since = (Timestamp::now().as_second() - 1).to_string();
        let options = EventsOptionsBuilder::new().since(&since).filters(&filters).build();
        Ok(self.engine.docker().await?.events(Some(options)).boxed())
    }

    /// The containers now. One that is missing will be heard of when it is started.
    pub(super) async fn find(&self) -> Result<Vec<Found>, EngineError> {
        find_existing(&self.engine, &self.containers).await
    }
}
