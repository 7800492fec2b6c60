//! The log of a supervised process: one thread writes it, any number of readers follow it.
//!
//! The files are the truth. Followers are only told that there is more, and read at their own pace:
//! a slow one holds up nobody and costs no memory; one that rotation overtakes is told of the gap.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use ripcord_core::{Failure, FailureKind};
use tokio::sync::{mpsc, oneshot, watch};

use super::segments::{Found, Kept, Origin, SegmentReader, SegmentWriter};
use crate::ports::{LogChunks, LogRecord, LogSource, LogStart};

/// So many batches may wait for the disk; then the process' pipes fill up, not the agent.
const WAITING_BATCHES: usize = 16;

/// What the writing thread is asked to do.
enum Job {
    Append(Origin, Vec<String>),
    /// Answers once everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// The writing end. Cheap to clone; the log is closed when the last clone is gone.
#[derive(Debug, Clone)]
pub(super) struct LogWriter {
    jobs: mpsc::Sender<Job>,
}

/// The reading end.
#[derive(Debug, Clone)]
pub(super) struct ProcessLog {
    folder: PathBuf,
    source: Arc<str>,
    written: watch::Receiver<u64>,
}

/// Opens the log in `folder`; its lines say that they come from `source`.
pub(super) fn open(folder: &Path, source: &str) -> (LogWriter, ProcessLog) {
    let (jobs, asked) = mpsc::channel(WAITING_BATCHES);
    let (told, written) = watch::channel(0);
    let place = folder.to_owned();
    thread::spawn(move || Writer { folder: place, segments: None, lost: 0 }.run(asked, &told));
    (LogWriter { jobs }, ProcessLog { folder: folder.to_owned(), source: source.into(), written })
}

impl LogWriter {
    /// Writes lines down. Waits while the disk is slow.
    pub(super) async fn append(&self, origin: Origin, lines: Vec<String>) {
        let _ = self.jobs.send(Job::Append(origin, lines)).await;
    }

    /// Writes a line of the supervisor's own.
    pub(super) async fn mark(&self, text: impl Into<String>) {
        self.append(Origin::Marker, vec![text.into()]).await;
    }

    /// Waits until everything so far can be read.
    pub(super) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.jobs.send(Job::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

/// What the writing thread owns.
struct Writer {
    folder: PathBuf,
    segments: Option<SegmentWriter>,
    lost: u64,
}

impl Writer {
    fn run(mut self, mut asked: mpsc::Receiver<Job>, told: &watch::Sender<u64>) {
        while let Some(job) = asked.blocking_recv() {
            match job {
                Job::Append(origin, lines) => {
                    self.append(origin, lines);
                    told.send_modify(|count| *count += 1);
                }
                Job::Flush(done) => drop(done.send(())),
            }
        }
    }

    /// A full disk costs lines, never the process; how many is said as soon as there is room.
    fn append(&mut self, origin: Origin, lines: Vec<String>) {
        let count = lines.len() as u64;
        let lost = (self.lost > 0).then(|| format!("{} lines could not be written", self.lost));
        let lost = lost.into_iter().map(|text| (Origin::Marker, text));
        let lines = lost.chain(lines.into_iter().map(|line| (origin, line)));
        match self.write(lines) {
            Ok(()) => self.lost = 0,
            Err(error) => {
                if self.lost == 0 {
                    tracing::warn!(folder = %self.folder.display(), %error, "cannot write the process log");
                }
                self.lost += count;
                self.segments = None;
            }
        }
    }

    fn write(&mut self, lines: impl Iterator<Item = (Origin, String)>) -> io::Result<()> {
        let segments = match &mut self.segments {
            Some(segments) => segments,
            None => self.segments.insert(SegmentWriter::open(&self.folder)?),
        };
        segments.append(now(), lines)
    }
}

fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

impl LogSource for ProcessLog {
    fn lines(&self, from: LogStart) -> LogChunks {
        let reading = Reading { log: self.clone(), from, reader: None, last_time: 0 };
        stream::unfold(Some(reading), |reading| async move {
            let mut reading = reading?;
            match reading.next().await {
                Ok(Some(records)) => Some((Ok(records), Some(reading))),
                Ok(None) => None,
                Err(failure) => Some((Err(failure), None)),
            }
        })
        .boxed()
    }
}

/// One reader's place.
struct Reading {
    log: ProcessLog,
    from: LogStart,
    reader: Option<SegmentReader>,
    last_time: i64,
}

impl Reading {
    /// The next records; none at the end of the backlog, or when the log is closed.
    async fn next(&mut self) -> Result<Option<Vec<LogRecord>>, Failure> {
        loop {
            self.log.written.mark_unchanged();
            match self.read().await? {
                Found::Lines(lines) => {
                    let records = self.records(lines);
                    if !records.is_empty() {
                        return Ok(Some(records));
                    }
                }
                Found::Gap => return Ok(Some(vec![self.gap()])),
                Found::End if !self.from.follow => return Ok(None),
                Found::End => {
                    if self.log.written.changed().await.is_err() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Found, Failure> {
        let (folder, tail, reader) = (self.log.folder.clone(), self.from.tail, self.reader.take());
        let read = move || {
            let mut reader = match reader {
                Some(reader) => reader,
                None => SegmentReader::open(&folder, tail)?,
            };
            let found = reader.read()?;
            Ok::<_, io::Error>((reader, found))
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(io::Error::other).flatten();
        let (reader, found) = read.map_err(|error| self.unreadable(&error))?;
        self.reader = Some(reader);
        Ok(found)
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        let folder = self.log.folder.display();
        Failure::new(
            FailureKind::Runtime,
            format!("cannot read the process log in {folder}: {error}"),
        )
    }

    fn records(&mut self, lines: Vec<Kept>) -> Vec<LogRecord> {
        let since = self.from.since_unix_nanos.unwrap_or(i64::MIN);
        self.last_time = lines.last().map_or(self.last_time, |kept| kept.time);
        let wanted = lines.into_iter().filter(|kept| kept.time >= since);
        wanted.map(|kept| self.record(kept)).collect()
    }

    fn record(&self, kept: Kept) -> LogRecord {
        LogRecord {
            time_unix_nanos: kept.time,
            source: Arc::clone(&self.log.source),
            stderr: kept.origin == Origin::Stderr,
            line: kept.text,
            marker: kept.origin == Origin::Marker,
        }
    }

    fn gap(&self) -> LogRecord {
        let text = "lines are missing here: the log was rotated before they could be read";
        self.record(Kept { time: self.last_time, origin: Origin::Marker, text: text.to_owned() })
    }
}
