//! The log of an environment's containers: the backlog as one sequence, or followed from there on.

use std::{collections::HashMap, sync::Arc};

use bollard::{errors::Error, models::EventMessage, query_parameters::EventsOptionsBuilder};
use futures_util::stream::{BoxStream, StreamExt};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Containers,
    engine::{Engine, EngineError},
    follow::Follower,
    merge::{Records, Sent, send_backlog},
    select::{Found, find},
    tracker::Tracker,
};
use crate::ports::{LogChunks, LogSource, LogStart};

/// So many chunks may wait for a slow reader; then the file or Docker waits.
const WAITING_CHUNKS: usize = 1;

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
        let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
        let mut records = Records::new(sender);
        let logs = self.clone();
        tokio::spawn(async move {
            if from.follow {
                Follower::new(logs, from, records).run().await;
            } else if let Err(error) = logs.backlog(from, &mut records).await {
                let _ = records.fail(error).await;
            }
        });
        ReceiverStream::new(receiver).boxed()
    }
}

impl DockerLogs {
    async fn backlog(&self, from: LogStart, records: &mut Records) -> Result<(), EngineError> {
        let found = find(&self.engine, &self.containers).await?;
        let mut last = Vec::new();
        let sent = send_backlog(&self.engine, &found, from, records).await?;
        for mut tracker in sent.trackers {
            tracker.finish(&mut last);
        }
        last.into_iter().for_each(|record| records.push(record));
        let _ = records.flush().await;
        sent.interrupted.map_or(Ok(()), Err)
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

    /// Sends the backlog that is wanted, and gives the trackers that stand behind it.
    pub(super) async fn trackers(
        &self,
        found: &[Found],
        from: LogStart,
        records: &mut Records,
    ) -> Result<Sent, EngineError> {
        if from.tail == Some(0) {
            let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
            let trackers =
                found.iter().map(|each| Tracker::new(each.source.clone(), now)).collect();
            return Ok(Sent { trackers, interrupted: None });
        }
        send_backlog(&self.engine, found, from, records).await
    }

    /// The containers now. One that is missing (it is being recreated) will be heard of.
    pub(super) async fn find(&self) -> Result<Vec<Found>, EngineError> {
        match find(&self.engine, &self.containers).await {
            Err(EngineError::Refused { status: Some(404), .. }) => Ok(Vec::new()),
            found => found,
        }
    }
}
