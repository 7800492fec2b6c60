//! A deployment's story as log lines: its events, and what hooks and checks printed.
//!
//! The cursor is the journal's own sequence, so it holds across restarts of the agent.

use std::collections::VecDeque;

use bytes::Bytes;
use ripcord_core::{DeploymentNumber, EnvironmentName, Event, Sequence, Timestamp, notice};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Batcher, LineFilter, LogQuery};
use crate::{
    journal::{Chapter, Journal, JournalError, Record},
    ports::LogRecord,
};

/// How many events are read from the journal at once.
const CHAPTER: usize = 512;
/// How many batches wait for a slow reader before the reading itself waits.
const WAITING_BATCHES: usize = 8;

/// A story to read.
#[derive(Debug, Clone)]
pub struct Story {
    /// Where it is written.
    pub journal: Journal,
    /// Of which environment.
    pub environment: EnvironmentName,
    /// Of which deployment.
    pub number: DeploymentNumber,
}

/// Not a cursor of a story.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cursor {0:?} is not one of a deployment's story")]
pub struct InvalidStoryCursor(String);

/// Where to go on in a story; the beginning when `text` is empty.
///
/// # Errors
/// When `text` is not a cursor that a story gave.
pub fn parse_cursor(text: &str) -> Result<Sequence, InvalidStoryCursor> {
    if text.is_empty() {
        return Ok(Sequence::default());
    }
    let number = text.strip_prefix("story:").and_then(|number| number.parse().ok());
    number.map(Sequence).ok_or_else(|| InvalidStoryCursor(text.chars().take(40).collect()))
}

impl Story {
    /// Its encoded batches, from `after` on; with `follow`, until the deployment has ended.
    #[must_use]
    pub fn read(
        self,
        query: LogQuery,
        after: Sequence,
    ) -> ReceiverStream<Result<Bytes, JournalError>> {
        let (out, batches) = mpsc::channel(WAITING_BATCHES);
        tokio::spawn(async move {
            if let Err(error) = self.read_into(&query, after, &out).await {
                let _ = out.send(Err(error)).await;
            }
        });
        ReceiverStream::new(batches)
    }

    async fn read_into(
        &self,
        query: &LogQuery,
        mut after: Sequence,
        out: &mpsc::Sender<Result<Bytes, JournalError>>,
    ) -> Result<(), JournalError> {
        let filter = LineFilter::of(query);
        let mut appended = self.journal.appended();
        // Who goes on behind a cursor has had the tail.
        let goes_on = after > Sequence::default();
        let mut backlog = Backlog::new(query.tail.filter(|_| !goes_on));
        let mut told_removal = goes_on;
        loop {
            appended.mark_unchanged();
            let Some(chapter) = self.chapter(after).await? else { return Ok(()) };
            if let Some(removed) = chapter.removed.filter(|_| !told_removal) {
                told_removal = true;
                let _ = out.send(Ok(removal(self.number, removed))).await;
            }
            let is_last = chapter.records.len() < CHAPTER;
            after = chapter.records.last().map_or(after, |last| last.sequence);
            let wanted =
                chapter.records.iter().filter(|record| wants(record, query, filter.as_ref()));
            backlog.extend(wanted.cloned());
            if !is_last {
                continue;
            }
            for batch in backlog.drain(after) {
                if out.send(Ok(batch)).await.is_err() {
                    return Ok(());
                }
            }
            let over = !query.follow || chapter.deployment.outcome.is_some();
            if over {
                return Ok(());
            }
            tokio::select! {
                changed = appended.changed() => changed.map_err(|_| JournalError::Closed)?,
                () = out.closed() => return Ok(()),
            }
        }
    }

    async fn chapter(&self, after: Sequence) -> Result<Option<Chapter>, JournalError> {
        self.journal.chapter(&self.environment, self.number, after, CHAPTER).await
    }
}

/// What was read and not sent: all of it, or the last lines.
struct Backlog {
    records: VecDeque<Record>,
    tail: Option<usize>,
}

impl Backlog {
    fn new(tail: Option<u64>) -> Self {
        let tail = tail.map(|tail| usize::try_from(tail).unwrap_or(usize::MAX));
        Self { records: VecDeque::new(), tail }
    }

    fn extend(&mut self, records: impl Iterator<Item = Record>) {
        for record in records {
            self.records.push_back(record);
            if self.tail.is_some_and(|tail| self.records.len() > tail) {
                self.records.pop_front();
            }
        }
    }

    /// The batches of what is there; `tail` counts only for the first time.
    fn drain(&mut self, end: Sequence) -> Vec<Bytes> {
        self.tail = None;
        let (mut batches, mut batcher) = (Vec::new(), Batcher::default());
        for record in self.records.drain(..) {
            let _ = batcher.push(&line(&record), record.entry.deployment);
            if batcher.is_full() {
                batches.push(batcher.finish(&cursor(record.sequence)));
            }
        }
        if !batcher.is_empty() {
            batches.push(batcher.finish(&cursor(end)));
        }
        batches
    }
}

/// What is said in place of a story that is not there any more.
fn removal(number: DeploymentNumber, at: Timestamp) -> Bytes {
    let mut batcher = Batcher::default();
    let record = LogRecord {
        time_unix_nanos: at.0.saturating_mul(1_000_000),
        source: "ripcord".into(),
        stderr: false,
        line: format!(
            "the story of deployment {number} was removed, as `keep_days` asks; this is what is left"
        ),
        marker: true,
    };
    let _ = batcher.push(&record, Some(number));
    batcher.finish(&cursor(Sequence::default()))
}

fn cursor(sequence: Sequence) -> String {
    format!("story:{}", sequence.0)
}

fn wants(record: &Record, query: &LogQuery, filter: Option<&LineFilter>) -> bool {
    let line = line(record);
    let recent = query.since.is_none_or(|since| line.time_unix_nanos >= since);
    let passes = |filter: &LineFilter| {
        filter.passes(&line.source, line.time_unix_nanos, line.marker, &line.line)
    };
    recent && filter.is_none_or(passes)
}

fn line(record: &Record) -> LogRecord {
    let (source, stderr, text) = match &record.entry.event {
        Event::Output { source, stderr, line } => (source.as_str(), *stderr, line.clone()),
        _event => ("ripcord", false, notice::sentence(&record.entry)),
    };
    LogRecord {
        time_unix_nanos: record.at.0.saturating_mul(1_000_000),
        source: source.into(),
        stderr,
        line: text,
        marker: false,
    }
}
