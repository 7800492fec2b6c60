//! The backlog of several containers as one sequence in the order of time.

use std::{collections::VecDeque, sync::Arc};

use bollard::{Docker, container::LogOutput, query_parameters::LogsOptionsBuilder};
use futures_util::{
    FutureExt,
    stream::{BoxStream, StreamExt},
};

use super::{
    engine::{Engine, EngineError},
    jsonfile::{self, ReadAhead},
    select::Found,
    tracker::Tracker,
};
use crate::ports::{LogRecord, LogStart};

/// So many records go on together where more are at hand: enough to share the cost of each step.
const CHUNK_RECORDS: usize = 512;

/// So much text goes on together, however few records it is.
const CHUNK_BYTES: usize = 64 * 1024;

/// The backlogs of several containers, read side by side.
pub(super) struct Backlogs {
    engine: Arc<Engine>,
    docker: Docker,
    is_tail: bool,
    /// In the containers' order.
    each: Vec<Backlog>,
    interrupted: Option<EngineError>,
}

/// What became of the backlogs.
pub(super) struct Sent {
    /// Where reading goes on, in the containers' order. Lines without end wait in them.
    pub(super) trackers: Vec<Tracker>,
    /// Why it is not complete: Docker went away. What was given is known to the trackers.
    pub(super) interrupted: Option<EngineError>,
}

/// Records that go on together.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) records: Vec<LogRecord>,
    bytes: usize,
}

type Frames = BoxStream<'static, Result<LogOutput, bollard::errors::Error>>;

/// One container's backlog, and what of it waits for its turn.
struct Backlog {
    container: Found,
    from: LogStart,
    source: Source,
    waiting: VecDeque<LogRecord>,
    is_complete: bool,
}

/// Where it is read.
enum Source {
    /// From Docker.
    Engine(Frames, Box<Tracker>),
    /// From the file that Docker writes.
    File(ReadAhead),
}

impl Backlogs {
    /// Opens the backlog of all containers.
    pub(super) async fn open(
        engine: &Arc<Engine>,
        containers: &[Found],
        from: LogStart,
    ) -> Result<Self, EngineError> {
        let docker = engine.docker().await?;
        let mut each = Vec::new();
        for container in containers {
            each.push(Backlog::open(engine, docker, container, from).await);
        }
        Ok(Self {
            engine: Arc::clone(engine),
            docker: docker.clone(),
            is_tail: from.tail.is_some(),
            each,
            interrupted: None,
        })
    }

    /// The next records of all, oldest first; none at the end. What is at hand goes together, and
    /// waits for nothing.
    pub(super) async fn next(&mut self) -> Option<Vec<LogRecord>> {
        let mut chunk = Chunk::default();
        while !chunk.is_full() {
            if self.fill(!chunk.records.is_empty()).await == Filled::Waits {
                break;
            }
            // The place breaks ties: containers with lines of one time take turns in their order.
            let turn = |(place, backlog): (usize, &Backlog)| Some((backlog.next_time()?, place));
            let mut turns: Vec<_> = self.each.iter().enumerate().filter_map(turn).collect();
            turns.sort_unstable();
            let Some((_, first)) = turns.first() else { break };
            let backlog = &mut self.each[*first];
            match turns.get(1) {
                None if chunk.records.is_empty() => return Some(backlog.take_all()),
                next => chunk.take(backlog, *first, next.copied()),
            }
        }
        (!chunk.records.is_empty()).then_some(chunk.records)
    }

    /// Reads on where there is nothing; only as far as nothing has to be waited for, if `at_once`.
    async fn fill(&mut self, at_once: bool) -> Filled {
        for backlog in &mut self.each {
            let filling = backlog.fill(&self.engine, &self.docker);
            let filled = if at_once { filling.now_or_never() } else { Some(filling.await) };
            match filled {
                None => return Filled::Waits,
                Some(Ok(())) => {}
                Some(Err(error)) => drop(self.interrupted.get_or_insert(error)),
            }
        }
        Filled::All
    }

    /// What became of it, when no more is wanted.
    pub(super) async fn finish(self) -> Sent {
        let mut trackers = Vec::new();
        for backlog in self.each {
            let mut tracker = backlog.into_tracker().await;
            if self.is_tail {
                tracker.begin_where_it_began();
            }
            trackers.push(tracker);
        }
        Sent { trackers, interrupted: self.interrupted }
    }
}

#[derive(PartialEq)]
enum Filled {
    /// Every backlog has a next record or has ended.
    All,
    /// One would have to be waited for.
    Waits,
}

impl Chunk {
    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= CHUNK_RECORDS || self.bytes >= CHUNK_BYTES
    }

    pub(super) fn push(&mut self, record: LogRecord) {
        self.bytes += record.line.len();
        self.records.push(record);
    }

    /// Takes the records of the backlog at `place` up to where it is the `next` one's turn.
    fn take(&mut self, backlog: &mut Backlog, place: usize, next: Option<(i64, usize)>) {
        let is_due = |time: i64| next.is_none_or(|next| (time, place) < next);
        while !self.is_full()
            && backlog.next_time().is_some_and(is_due)
            && let Some(record) = backlog.waiting.pop_front()
        {
            self.push(record);
        }
    }
}

impl Backlog {
    async fn open(engine: &Engine, docker: &Docker, container: &Found, from: LogStart) -> Self {
        let not_before = from.since_unix_nanos.unwrap_or(0);
        let tracker = Tracker::new(container.source.clone(), not_before);
        let source = match jsonfile::open(engine, container, tracker, from).await {
            Ok(file) => Source::File(file),
            Err(tracker) => {
                let frames = frames(docker, container, &tracker, from.tail);
                Source::Engine(frames, Box::new(tracker))
            }
        };
        let (container, waiting) = (container.clone(), VecDeque::new());
        Self { container, from, source, waiting, is_complete: false }
    }

    /// Reads on until there is a next record. A container that was removed has no more. May be
    /// dropped and called again.
    async fn fill(&mut self, engine: &Engine, docker: &Docker) -> Result<(), EngineError> {
        while self.waiting.is_empty() && !self.is_complete {
            match &mut self.source {
                Source::File(file) => match file.next().await {
                    Ok(Some(records)) => self.waiting = records.into(),
                    Ok(None) => self.is_complete = true,
                    Err(error) => self.go_on_through(docker, &error),
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
                        return self.failed(engine.explain("read a container's log", error));
                    }
                },
            }
        }
        Ok(())
    }

    /// A removed container has no more lines; one whose log nobody can read says so in a log that is
    /// read from its start.
    fn failed(&mut self, error: EngineError) -> Result<(), EngineError> {
        if error.is_of_no_log() {
            let is_whole = self.from.tail.is_none() && self.from.since_unix_nanos.is_none();
            self.waiting.extend(is_whole.then(|| no_log(&self.container)));
            return Ok(());
        }
        if error.is_of_removed() { Ok(()) } else { Err(error) }
    }

    /// The file failed half-way: Docker tells the rest, and the tracker what of it is new.
    fn go_on_through(&mut self, docker: &Docker, error: &std::io::Error) {
        let Source::File(ReadAhead::Idle(reader)) = &self.source else { return };
        let source = &self.container.source;
        tracing::warn!(%source, %error, "a log's file cannot be read on: the rest comes through docker");
        let mut tracker = Box::new(reader.tracker().clone());
        let tail = tracker.attach_for_rest(self.from.tail);
        let frames = frames(docker, &self.container, &tracker, tail);
        self.source = Source::Engine(frames, tracker);
    }

    async fn into_tracker(self) -> Tracker {
        match self.source {
            Source::Engine(_, tracker) => *tracker,
            Source::File(file) => file.into_tracker().await,
        }
    }

    fn take_all(&mut self) -> Vec<LogRecord> {
        std::mem::take(&mut self.waiting).into()
    }

    fn next_time(&self) -> Option<i64> {
        self.waiting.front().map(|record| record.time_unix_nanos)
    }
}

/// What is said in place of a log. Its time is the container's, so that it is one line however often it
/// is read.
fn no_log(container: &Found) -> LogRecord {
    let source = Arc::clone(&container.source);
    LogRecord {
        time_unix_nanos: container.created.saturating_mul(1_000_000_000),
        line: format!("{source} has no log here: its log driver keeps nothing that can be read"),
        source,
        stderr: true,
        marker: true,
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
