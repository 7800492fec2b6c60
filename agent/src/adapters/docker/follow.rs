//! One reader that follows containers, across restarts, recreation and Docker's own absence. It
//! costs one stream per container and one of events; nothing is polled.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use bollard::{
    container::LogOutput, errors::Error, models::EventMessage, query_parameters::LogsOptionsBuilder,
};
use futures_util::{
    FutureExt,
    stream::{self, BoxStream, SelectAll, StreamExt},
};
use jiff::Timestamp;
use ripcord_core::Failure;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    engine::EngineError,
    logs::DockerLogs,
    merge::{Backlogs, Chunk, Sent, take},
    select::Found,
    tracker::Tracker,
};
use crate::ports::{LogChunks, LogRecord, LogStart};

/// Pause before Docker is asked again after it went away, or why a stream ended.
const PAUSE: Duration = Duration::from_secs(1);

/// So many chunks may wait for a slow reader; then Docker waits.
const WAITING_CHUNKS: usize = 2;

/// What arrives from a container: its id, and a frame, or nothing at the stream's end.
type Arrival = (String, Option<Result<LogOutput, Error>>);

/// Why following stopped for now.
enum Pause {
    ReaderGone,
    DockerGone(EngineError),
}

impl From<EngineError> for Pause {
    fn from(error: EngineError) -> Self {
        Self::DockerGone(error)
    }
}

/// One reader that follows.
pub(super) struct Follower {
    logs: DockerLogs,
    from: LogStart,
    records: mpsc::Sender<Result<Vec<LogRecord>, Failure>>,
    /// What goes on next.
    chunk: Chunk,
    trackers: HashMap<String, Tracker>,
    has_backlog: bool,
    arrivals: SelectAll<BoxStream<'static, Arrival>>,
    attached: HashSet<String>,
    /// Containers that were started while their former stream was still open.
    started: HashSet<String>,
    /// Containers whose stream broke: what they print may go on where it was.
    broken: HashSet<String>,
    /// Containers whose log driver keeps nothing that can be read; the backlog has said so.
    unreadable: HashSet<String>,
    recheck: Option<Instant>,
}

impl Follower {
    /// Starts a reader, and gives what it reads.
    pub(super) fn start(logs: DockerLogs, from: LogStart) -> LogChunks {
        let (records, receiver) = mpsc::channel(WAITING_CHUNKS);
        tokio::spawn(Self::new(logs, from, records).run());
        ReceiverStream::new(receiver).boxed()
    }

    fn new(
        logs: DockerLogs,
        from: LogStart,
        records: mpsc::Sender<Result<Vec<LogRecord>, Failure>>,
    ) -> Self {
        Self {
            logs,
            from,
            records,
            chunk: Chunk::default(),
            trackers: HashMap::new(),
            has_backlog: false,
            arrivals: SelectAll::new(),
            attached: HashSet::new(),
            started: HashSet::new(),
            broken: HashSet::new(),
            unreadable: HashSet::new(),
            recheck: None,
        }
    }

    /// Sends records until the reader goes away.
    async fn run(mut self) {
        let mut is_told = false;
        loop {
            match self.follow(&mut is_told).await {
                Pause::ReaderGone => return,
                Pause::DockerGone(error) => {
                    if !is_told && self.records.send(Err(error.into())).await.is_err() {
                        return;
                    }
                    is_told = true;
                }
            }
            tokio::select! {
                () = self.records.closed() => return,
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// Follows until Docker or the reader goes away.
    async fn follow(&mut self, is_told: &mut bool) -> Pause {
        // Events are asked for from a moment before the list is made: no start falls in between.
        let mut events = match self.logs.start_events().await {
            Ok(events) => events,
            Err(error) => return error.into(),
        };
        if let Err(error) = self.begin().await {
            return error.into();
        }
        *is_told = false;
        loop {
            match self.step(&mut events).await {
                Ok(()) => {}
                Err(pause) => return pause,
            }
        }
    }

    /// Attaches to all containers: for the first time behind the backlog, later behind what was read.
    async fn begin(&mut self) -> Result<(), EngineError> {
        let found = self.logs.find().await?;
        if !self.has_backlog {
            let sent = self.backlog(&found).await?;
            let ids = found.iter().map(|container| container.id.clone());
            self.trackers = ids.zip(sent.trackers).collect();
            self.has_backlog = true;
            sent.interrupted.map_or(Ok(()), Err)?;
        }
        self.attach_all(&found, |_| true).await
    }

    /// Sends the backlog that is wanted, and gives the trackers that stand behind it.
    async fn backlog(&mut self, found: &[Found]) -> Result<Sent, EngineError> {
        if self.from.tail == Some(0) {
            let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
            let trackers =
                found.iter().map(|each| Tracker::new(each.source.clone(), now)).collect();
            return Ok(Sent { trackers, interrupted: None });
        }
        let mut backlogs = Backlogs::open(&self.logs.engine, found, self.from).await?;
        while let Some(records) = backlogs.next().await {
            if self.records.send(Ok(records)).await.is_err() {
                break;
            }
        }
        Ok(backlogs.finish().await)
    }

    async fn step(
        &mut self,
        events: &mut BoxStream<'static, Result<EventMessage, Error>>,
    ) -> Result<(), Pause> {
        tokio::select! {
            () = self.records.closed() => Err(Pause::ReaderGone),
            Some(arrival) = self.arrivals.next(), if !self.arrivals.is_empty() => {
                self.arrived(arrival).await?;
                self.flush().await
            }
            event = events.next() => self.heard(event).await,
            () = at(self.recheck) => {
                self.recheck = None;
                let found = self.logs.find().await?;
                Ok(self.attach_all(&found, |container| container.running).await?)
            }
        }
    }

    /// Takes what has arrived, and what is there already behind it: a talkative application's
    /// lines go on together.
    async fn arrived(&mut self, first: Arrival) -> Result<(), Pause> {
        let mut next = Some(first);
        while let Some((id, arrival)) = next {
            self.take_in(id, arrival).await?;
            next = if self.chunk.is_full() {
                None
            } else {
                self.arrivals.next().now_or_never().flatten()
            };
        }
        Ok(())
    }

    async fn take_in(
        &mut self,
        id: String,
        arrival: Option<Result<LogOutput, Error>>,
    ) -> Result<(), Pause> {
        match arrival {
            Some(Ok(frame)) => {
                self.pass_on(&id, |tracker, records| take(tracker, &frame, records));
                Ok(())
            }
            Some(Err(error)) => self.failed(id, error).await,
            None => self.ended(id).await,
        }
    }

    /// The stream's end follows, and with it another try.
    async fn failed(&mut self, id: String, error: Error) -> Result<(), Pause> {
        self.broken.insert(id.clone());
        match self.logs.engine.explain("read a container's log", error) {
            EngineError::Unreachable { .. } | EngineError::Silent { .. } => Ok(()),
            refused @ EngineError::Refused { .. } if refused.is_of_removed() => Ok(()),
            refused @ EngineError::Refused { .. } if refused.is_of_no_log() => {
                self.unreadable.insert(id);
                Ok(())
            }
            refused @ EngineError::Refused { .. } => {
                self.flush().await?;
                self.send(Err(refused.into())).await
            }
        }
    }

    /// The container stopped, unless its stream broke before: what has no line end has none to come.
    async fn ended(&mut self, id: String) -> Result<(), Pause> {
        self.attached.remove(&id);
        if !self.broken.remove(&id) {
            self.pass_on(&id, Tracker::finish);
        }
        if self.started.remove(&id) {
            return Ok(self.attach(id).await?);
        }
        self.recheck = self.recheck.or(Some(Instant::now() + PAUSE));
        Ok(())
    }

    fn pass_on(&mut self, id: &str, take: impl FnOnce(&mut Tracker, &mut Vec<LogRecord>)) {
        let mut records = Vec::new();
        if let Some(tracker) = self.trackers.get_mut(id) {
            take(tracker, &mut records);
        }
        records.into_iter().for_each(|record| self.chunk.push(record));
    }

    async fn flush(&mut self) -> Result<(), Pause> {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.records.is_empty() { Ok(()) } else { self.send(Ok(chunk.records)).await }
    }

    async fn send(&mut self, records: Result<Vec<LogRecord>, Failure>) -> Result<(), Pause> {
        self.records.send(records).await.map_err(|_closed| Pause::ReaderGone)
    }

    /// A container was started, perhaps one of ours, perhaps a new one.
    async fn heard(&mut self, event: Option<Result<EventMessage, Error>>) -> Result<(), Pause> {
        let event = match event {
            Some(Ok(event)) => event,
            Some(Err(error)) => return Err(self.logs.engine.explain("tell events", error).into()),
            None => {
                let error = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
                let error = Error::IOError { err: error };
                return Err(self.logs.engine.explain("tell events", error).into());
            }
        };
        let Some(id) = event.actor.and_then(|actor| actor.id) else { return Ok(()) };
        if self.attached.contains(&id) {
            self.started.insert(id);
            return Ok(());
        }
        let found = self.logs.find().await?;
        Ok(self.attach_all(&found, |container| container.id == id).await?)
    }

    async fn attach_all(
        &mut self,
        found: &[Found],
        wanted: impl Fn(&Found) -> bool,
    ) -> Result<(), EngineError> {
        let exists = |id: &str| found.iter().any(|container| container.id == id);
        let attached = &self.attached;
        self.trackers.retain(|id, _| exists(id) || attached.contains(id));
        self.unreadable.retain(|id| exists(id));
        for container in found.iter().filter(|container| wanted(container)) {
            if !self.attached.contains(&container.id) && !self.unreadable.contains(&container.id) {
                let new = || Tracker::new(container.source.clone(), 0);
                self.trackers.entry(container.id.clone()).or_insert_with(new);
                self.attach(container.id.clone()).await?;
            }
        }
        Ok(())
    }

    async fn attach(&mut self, id: String) -> Result<(), EngineError> {
        let Some(tracker) = self.trackers.get_mut(&id) else { return Ok(()) };
        let docker = self.logs.engine.docker().await?;
        tracker.attach();
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true);
        let options = options.timestamps(true).since(tracker.resume_at()).build();
        let (of, ended) = (id.clone(), (id.clone(), None));
        let frames = docker.logs(&id, Some(options)).map(move |frame| (of.clone(), Some(frame)));
        self.arrivals.push(frames.chain(stream::iter([ended])).boxed());
        self.attached.insert(id);
        Ok(())
    }
}

/// That instant; never, when there is none.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
