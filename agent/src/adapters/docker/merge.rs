//! The backlog of several containers as one sequence in the order of time.

use std::collections::VecDeque;

use bollard::{container::LogOutput, query_parameters::LogsOptionsBuilder};
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

/// One container's backlog, and what of it waits for its turn.
struct Backlog {
    frames: BoxStream<'static, Result<LogOutput, bollard::errors::Error>>,
    tracker: Tracker,
    waiting: VecDeque<LogRecord>,
    is_complete: bool,
}

/// Sends the backlog of all containers, oldest first, and gives their trackers, in their order.
/// Lines without end wait in the trackers.
pub(super) async fn send_backlog(
    engine: &Engine,
    containers: &[Found],
    from: LogStart,
    records: &Records,
) -> Result<Vec<Tracker>, EngineError> {
    let docker = engine.docker().await?;
    let open = |container: &Found| {
        let tracker = Tracker::new(container.source.clone(), from.since_unix_nanos.unwrap_or(0));
        let tail = from.tail.map_or("all".to_owned(), |tail| tail.to_string());
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true);
        let options = options.since(tracker.resume_at()).tail(&tail).build();
        let frames = docker.logs(&container.id, Some(options)).boxed();
        Backlog { frames, tracker, waiting: VecDeque::new(), is_complete: false }
    };
    let mut backlogs: Vec<Backlog> = containers.iter().map(open).collect();
    loop {
        for backlog in &mut backlogs {
            backlog.fill(engine).await?;
        }
        let with_next = backlogs.iter_mut().filter(|backlog| !backlog.waiting.is_empty());
        let earliest = with_next.min_by_key(|backlog| backlog.next_time());
        let Some(record) = earliest.and_then(|backlog| backlog.waiting.pop_front()) else { break };
        if records.send(Ok(record)).await.is_err() {
            break;
        }
    }
    Ok(backlogs.into_iter().map(|backlog| backlog.tracker).collect())
}

impl Backlog {
    /// Reads on until there is a next record.
    async fn fill(&mut self, engine: &Engine) -> Result<(), EngineError> {
        while self.waiting.is_empty() && !self.is_complete {
            let Some(frame) = self.frames.next().await else {
                self.is_complete = true;
                return Ok(());
            };
            let frame = frame.map_err(|error| engine.explain("read a container's log", error))?;
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
