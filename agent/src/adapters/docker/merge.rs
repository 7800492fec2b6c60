//! The backlog of several containers as one sequence in the order of time.

use std::collections::VecDeque;

use bollard::{Docker, container::LogOutput, query_parameters::LogsOptionsBuilder};
use futures_util::stream::{BoxStream, StreamExt};
use ripcord_core::Failure;
use tokio::sync::mpsc;

use super::{
    engine::{Engine, EngineError},
    select::Found,
    tracker::Tracker,
};
use crate::ports::{LogRecord, LogStart};

/// Where records go.
pub(super) type Records = mpsc::Sender<Result<LogRecord, Failure>>;

/// What became of a backlog.
pub(super) struct Sent {
    /// Where reading goes on, in the containers' order. Lines without end wait in them.
    pub(super) trackers: Vec<Tracker>,
    /// Why it is not complete: Docker went away. What was sent is known to the trackers.
    pub(super) interrupted: Option<EngineError>,
}

/// One container's backlog, and what of it waits for its turn.
struct Backlog {
    frames: BoxStream<'static, Result<LogOutput, bollard::errors::Error>>,
    tracker: Tracker,
    waiting: VecDeque<LogRecord>,
    is_complete: bool,
}

/// Sends the backlog of all containers, oldest first.
pub(super) async fn send_backlog(
    engine: &Engine,
    containers: &[Found],
    from: LogStart,
    records: &Records,
) -> Result<Sent, EngineError> {
    let docker = engine.docker().await?;
    let mut backlogs: Vec<Backlog> =
        containers.iter().map(|container| Backlog::open(docker, container, from)).collect();
    let mut interrupted = None;
    loop {
        for backlog in &mut backlogs {
            if let Err(error) = backlog.fill(engine).await {
                interrupted.get_or_insert(error);
            }
        }
        let with_next = backlogs.iter_mut().filter(|backlog| !backlog.waiting.is_empty());
        let earliest = with_next.min_by_key(|backlog| backlog.next_time());
        let Some(record) = earliest.and_then(|backlog| backlog.waiting.pop_front()) else { break };
        if records.send(Ok(record)).await.is_err() {
            break;
        }
    }
    let mut trackers: Vec<Tracker> = backlogs.into_iter().map(|backlog| backlog.tracker).collect();
    if from.tail.is_some() {
        trackers.iter_mut().for_each(Tracker::begin_where_it_began);
    }
    Ok(Sent { trackers, interrupted })
}

impl Backlog {
    fn open(docker: &Docker, container: &Found, from: LogStart) -> Self {
        let not_before = from.since_unix_nanos.unwrap_or(0);
        let tracker = Tracker::new(container.source.clone(), not_before);
        let tail = from.tail.map_or("all".to_owned(), |tail| tail.to_string());
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true);
        let options = options.since(tracker.resume_at()).tail(&tail).build();
        let frames = docker.logs(&container.id, Some(options)).boxed();
        Self { frames, tracker, waiting: VecDeque::new(), is_complete: false }
    }

    /// Reads on until there is a next record. A container that was removed has no more.
    async fn fill(&mut self, engine: &Engine) -> Result<(), EngineError> {
        while self.waiting.is_empty() && !self.is_complete {
            let frame = match self.frames.next().await {
                Some(Ok(frame)) => frame,
                None => {
                    self.is_complete = true;
                    return Ok(());
                }
                Some(Err(error)) => {
                    self.is_complete = true;
                    let error = engine.explain("read a container's log", error);
                    return if error.is_of_removed() { Ok(()) } else { Err(error) };
                }
            };
            let mut records = Vec::new();
            take(&mut self.tracker, &frame, &mut records);
            self.waiting.extend(records);
        }
        Ok(())
    }

    fn next_time(&self) -> Option<i64> {
        self.waiting.front().map(|record| record.time_unix_nanos)
    }
}

/// Hands a frame to its tracker.
pub(super) fn take(tracker: &mut Tracker, frame: &LogOutput, records: &mut Vec<LogRecord>) {
    match frame {
        LogOutput::StdErr { message } => tracker.take(true, message, records),
        LogOutput::StdOut { message }
        | LogOutput::StdIn { message }
        | LogOutput::Console { message } => tracker.take(false, message, records),
    }
}
