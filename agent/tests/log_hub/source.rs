//! A log source in memory that behaves like a container engine: kept lines, `since`, `tail` per
//! source, following streams that can break.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use ripcord_agent::ports::{LogChunks, LogRecord, LogSource, LogStart};
use ripcord_core::{Failure, FailureKind};
use tokio::sync::watch;

#[derive(Clone)]
pub(crate) struct Source(Arc<Inner>);

struct Inner {
    kept: Mutex<Vec<LogRecord>>,
    written: watch::Sender<u64>,
    /// Following streams end with an error when this changes.
    broken: watch::Sender<u64>,
    /// So many openings fail at once.
    refusals: AtomicUsize,
    follows: AtomicUsize,
    open_follows: AtomicUsize,
    reads: AtomicUsize,
    /// Pauses between records, by turns: what makes interleavings.
    pauses: Vec<u64>,
}

pub(crate) fn record(source: &str, time: i64, line: impl Into<String>) -> LogRecord {
    LogRecord {
        time_unix_nanos: time,
        source: source.into(),
        stderr: false,
        line: line.into(),
        marker: false,
    }
}

impl Source {
    pub(crate) fn new() -> Self {
        Self::with_pauses(vec![])
    }

    pub(crate) fn with_pauses(pauses: Vec<u64>) -> Self {
        Self(Arc::new(Inner {
            kept: Mutex::default(),
            written: watch::Sender::new(0),
            broken: watch::Sender::new(0),
            refusals: AtomicUsize::new(0),
            follows: AtomicUsize::new(0),
            open_follows: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            pauses,
        }))
    }

    pub(crate) fn with_lines(lines: impl IntoIterator<Item = LogRecord>) -> Self {
        let source = Self::new();
        lines.into_iter().for_each(|line| source.write(line));
        source
    }

    pub(crate) fn write(&self, line: LogRecord) {
        self.0.kept.lock().unwrap().push(line);
        self.0.written.send_modify(|count| *count += 1);
    }

    pub(crate) fn break_streams(&self) {
        self.0.broken.send_modify(|epoch| *epoch += 1);
    }

    pub(crate) fn refuse(&self, openings: usize) {
        self.0.refusals.store(openings, Ordering::SeqCst);
    }

    /// How often the log was followed.
    pub(crate) fn follows(&self) -> usize {
        self.0.follows.load(Ordering::SeqCst)
    }

    /// How many streams follow it now.
    pub(crate) fn open_follows(&self) -> usize {
        self.0.open_follows.load(Ordering::SeqCst)
    }

    /// How often its backlog was read.
    pub(crate) fn reads(&self) -> usize {
        self.0.reads.load(Ordering::SeqCst)
    }

    pub(crate) fn shared(&self) -> Arc<dyn LogSource> {
        Arc::new(self.clone())
    }
}

impl LogSource for Source {
    fn lines(&self, from: LogStart) -> LogChunks {
        if self.0.refusals.load(Ordering::SeqCst) > 0 {
            self.0.refusals.fetch_sub(1, Ordering::SeqCst);
            return stream::iter([Err(broken())]).boxed();
        }
        let counter = if from.follow { &self.0.follows } else { &self.0.reads };
        counter.fetch_add(1, Ordering::SeqCst);
        if from.follow {
            self.0.open_follows.fetch_add(1, Ordering::SeqCst);
        }
        let reading = Reading {
            inner: Arc::clone(&self.0),
            wanted: wanted(&self.0.kept.lock().unwrap(), from),
            next: 0,
            from,
            broken: self.0.broken.subscribe(),
            over: false,
        };
        stream::unfold(reading, Reading::next).boxed()
    }
}

fn broken() -> Failure {
    Failure::new(FailureKind::Runtime, "the engine went away")
}

/// For each kept line whether it is read.
fn wanted(kept: &[LogRecord], from: LogStart) -> Vec<bool> {
    let mut per_source: HashMap<Arc<str>, u64> = HashMap::new();
    let mut wanted: Vec<bool> = kept
        .iter()
        .rev()
        .map(|line| {
            let later = per_source.entry(Arc::clone(&line.source)).or_default();
            *later += 1;
            from.tail.is_none_or(|tail| *later <= tail)
                && from.since_unix_nanos.is_none_or(|since| line.time_unix_nanos >= since)
        })
        .collect();
    wanted.reverse();
    wanted
}

struct Reading {
    inner: Arc<Inner>,
    wanted: Vec<bool>,
    next: usize,
    from: LogStart,
    broken: watch::Receiver<u64>,
    over: bool,
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.from.follow {
            self.inner.open_follows.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Reading {
    async fn next(mut self) -> Option<(Result<Vec<LogRecord>, Failure>, Self)> {
        let mut written = self.inner.written.subscribe();
        loop {
            if self.over || (!self.from.follow && self.next >= self.wanted.len()) {
                return None;
            }
            if self.from.follow && self.broken.has_changed().unwrap() {
                self.over = true;
                return Some((Err(broken()), self));
            }
            written.mark_unchanged();
            let line = self.inner.kept.lock().unwrap().get(self.next).cloned();
            let Some(line) = line else {
                tokio::select! {
                    _ = written.changed() => {}
                    _ = self.broken.changed() => self.broken.mark_changed(),
                }
                continue;
            };
            self.next += 1;
            if self.wanted.get(self.next - 1).is_none_or(|wanted| *wanted) {
                self.pause().await;
                return Some((Ok(vec![line]), self));
            }
        }
    }

    async fn pause(&self) {
        let turn = self.next.checked_rem(self.inner.pauses.len());
        match turn.map(|turn| self.inner.pauses[turn]) {
            None => {}
            Some(0) => tokio::task::yield_now().await,
            Some(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
    }
}
