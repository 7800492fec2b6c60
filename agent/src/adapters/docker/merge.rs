//! The backlog of several containers as one sequence in the order of time.

use std::collections::VecDeque;

use bollard::{Docker, container::LogOutput, query_parameters::LogsOptionsBuilder};
use futures_util::{
    FutureExt,
    stream::{BoxStream, StreamExt},
};
use ripcord_core::Failure;
use tokio::sync::mpsc;

use super::{
    engine::{Engine, EngineError},
    jsonfile::{self, ReadAhead},
    select::Found,
    tracker::Tracker,
};
use crate::ports::{LogRecord, LogStart};

/// So many records go on together where more are at hand: enough to share the cost of each send,
/// and 1 MiB of usual lines in a reader that stalls.
const CHUNK_RECORDS: usize = 512;

/// So much text goes on together, however few records it is.
const CHUNK_BYTES: usize = 64 * 1024;

/// What became of a backlog.
pub(super) struct Sent {
    /// Where reading goes on, in the containers' order. Lines without end wait in them.
    pub(super) trackers: Vec<Tracker>,
    /// Why it is not complete: Docker went away. What was sent is known to the trackers.
    pub(super) interrupted: Option<EngineError>,
}

/// Where records go, in chunks.
pub(super) struct Records {
    sender: mpsc::Sender<Result<Vec<LogRecord>, Failure>>,
    chunk: Vec<LogRecord>,
    bytes: usize,
}

/// The reader went away.
pub(super) struct ReaderGone;

impl Records {
    pub(super) fn new(sender: mpsc::Sender<Result<Vec<LogRecord>, Failure>>) -> Self {
        Self { sender, chunk: Vec::new(), bytes: 0 }
    }

    /// Adds a record to what goes on next.
    pub(super) fn push(&mut self, record: LogRecord) {
        self.bytes += record.line.len();
        self.chunk.push(record);
    }

    /// Whether it is enough to go on.
    pub(super) fn is_full(&self) -> bool {
        self.chunk.len() >= CHUNK_RECORDS || self.bytes >= CHUNK_BYTES
    }

    /// Sends what there is.
    pub(super) async fn flush(&mut self) -> Result<(), ReaderGone> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let chunk = Ok(std::mem::take(&mut self.chunk));
        self.sender.send(chunk).await.map_err(|_closed| ReaderGone)
    }

    /// Sends what there is, and the failure behind it.
    pub(super) async fn fail(&mut self, failure: impl Into<Failure>) -> Result<(), ReaderGone> {
        self.flush().await?;
        self.sender.send(Err(failure.into())).await.map_err(|_closed| ReaderGone)
    }

    /// Returns when the reader has gone away.
    pub(super) async fn closed(&self) {
        self.sender.closed().await;
    }
}

type Frames = BoxStream<'static, Result<LogOutput, bollard::errors::Error>>;

/// One container's backlog, and what of it waits for its turn.
struct Backlog<'a> {
    container: &'a Found,
    source: Source,
    waiting: VecDeque<LogRecord>,
    is_complete: bool,
}

/// Where it is read.
enum Source {
    /// From Docker.
    Engine(Frames, Tracker),
    /// From the file that Docker writes.
    File(ReadAhead),
}

/// Sends the backlog of all containers, oldest first.
pub(super) async fn send_backlog(
    engine: &Engine,
    containers: &[Found],
    from: LogStart,
    records: &mut Records,
) -> Result<Sent, EngineError> {
    let docker = engine.docker().await?;
    let mut backlogs = Vec::new();
    for container in containers {
        backlogs.push(Backlog::open(engine, docker, container, from).await);
    }
    let mut interrupted = None;
    while merge(engine, docker, &mut backlogs, records, &mut interrupted).await.is_ok() {}
    let _ = records.flush().await;
    let mut trackers = Vec::new();
    for backlog in backlogs {
        trackers.push(backlog.into_tracker().await);
    }
    if from.tail.is_some() {
        trackers.iter_mut().for_each(Tracker::begin_where_it_began);
    }
    Ok(Sent { trackers, interrupted })
}

/// Why merging stops.
enum Stop {
    ReaderGone,
    AllSent,
}

impl From<ReaderGone> for Stop {
    fn from(_: ReaderGone) -> Self {
        Self::ReaderGone
    }
}

/// Sends the records of one container up to where another has an older one.
async fn merge(
    engine: &Engine,
    docker: &Docker,
    backlogs: &mut [Backlog<'_>],
    records: &mut Records,
    interrupted: &mut Option<EngineError>,
) -> Result<(), Stop> {
    for backlog in backlogs.iter_mut() {
        if let Some(filled) = backlog.fill(engine, docker).now_or_never() {
            interrupted_by(interrupted, filled);
            continue;
        }
        // It has to be waited for, and what is there has not.
        records.flush().await?;
        interrupted_by(interrupted, backlog.fill(engine, docker).await);
    }
    // The place breaks ties: containers with lines of one time take turns in their order.
    let turn = |(place, backlog): (usize, &Backlog<'_>)| Some((backlog.next_time()?, place));
    let mut turns: Vec<(i64, usize)> = backlogs.iter().enumerate().filter_map(turn).collect();
    turns.sort_unstable();
    let (_, first) = *turns.first().ok_or(Stop::AllSent)?;
    let next = turns.get(1).copied();
    let is_due = |time: i64| next.is_none_or(|next| (time, first) < next);
    let backlog = &mut backlogs[first];
    while backlog.next_time().is_some_and(is_due)
        && let Some(record) = backlog.waiting.pop_front()
    {
        records.push(record);
        if records.is_full() {
            records.flush().await?;
        }
    }
    Ok(())
}

fn interrupted_by(interrupted: &mut Option<EngineError>, filled: Result<(), EngineError>) {
    if let Err(error) = filled {
        interrupted.get_or_insert(error);
    }
}

impl<'a> Backlog<'a> {
    async fn open(engine: &Engine, docker: &Docker, container: &'a Found, from: LogStart) -> Self {
        let not_before = from.since_unix_nanos.unwrap_or(0);
        let tracker = Tracker::new(container.source.clone(), not_before);
        let source = match jsonfile::open(engine, container, tracker, from).await {
            Ok(file) => Source::File(file),
            Err(tracker) => Source::Engine(frames(docker, container, &tracker, from.tail), tracker),
        };
        Self { container, source, waiting: VecDeque::new(), is_complete: false }
    }

    /// Reads on until there is a next record. A container that was removed has no more. May be
    /// dropped and called again.
    async fn fill(&mut self, engine: &Engine, docker: &Docker) -> Result<(), EngineError> {
        while self.waiting.is_empty() && !self.is_complete {
            match &mut self.source {
                Source::File(file) => match file.next().await {
                    Ok(Some(records)) => self.waiting = records.into(),
                    Ok(None) => self.is_complete = true,
                    Err(error) => self.go_on_through_docker(docker, &error),
                },
                Source::Engine(frames, tracker) => match frames.next().await {
                    Some(Ok(frame)) => {
                        let mut records = Vec::new();
                        take(tracker, &frame, &mut records);
                        self.waiting.extend(records);
                    }
                    None => self.is_complete = true,
                    Some(Err(error)) => {
                        self.is_complete = true;
                        let error = engine.explain("read a container's log", error);
                        return if error.is_of_removed() { Ok(()) } else { Err(error) };
                    }
                },
            }
        }
        Ok(())
    }

    /// The file failed half-way: Docker tells the rest, and the tracker what of it is new.
    fn go_on_through_docker(&mut self, docker: &Docker, error: &std::io::Error) {
        let Source::File(ReadAhead::Idle(reader)) = &self.source else { return };
        let source = &self.container.source;
        tracing::warn!(%source, %error, "a log's file cannot be read on: the rest comes through docker");
        let mut tracker = reader.tracker().clone();
        tracker.attach();
        let frames = frames(docker, self.container, &tracker, None);
        self.source = Source::Engine(frames, tracker);
    }

    async fn into_tracker(self) -> Tracker {
        match self.source {
            Source::Engine(_, tracker) => tracker,
            Source::File(file) => file.into_tracker().await,
        }
    }

    fn next_time(&self) -> Option<i64> {
        self.waiting.front().map(|record| record.time_unix_nanos)
    }
}

fn frames(docker: &Docker, container: &Found, tracker: &Tracker, tail: Option<u64>) -> Frames {
    let tail = tail.map_or("all".to_owned(), |tail| tail.to_string());
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true);
    let options = options.since(tracker.resume_at()).tail(&tail).build();
    docker.logs(&container.id, Some(options)).boxed()
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
