//! The agent's own log: for people on a terminal, as fields in systemd's journal, as JSON lines
//! elsewhere, and kept in memory for `ripcord logs --agent`.

use std::{
    collections::VecDeque,
    env,
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::StreamExt as _;
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::{
    EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::ports::{LogChunks, LogRecord, LogSource, LogStart};

/// How many lines `ripcord logs --agent` can look back on.
const KEPT_LINES: usize = 4096;
/// How many lines a follower may lag behind before some are skipped for it.
const FOLLOWER_LINES: usize = 1024;

/// The last lines of the agent's own log.
pub struct AgentLog {
    kept: Mutex<VecDeque<LogRecord>>,
    new: broadcast::Sender<LogRecord>,
}

/// Starts logging: `RUST_LOG` chooses what, `info` unless said otherwise.
#[must_use]
pub fn start() -> Arc<AgentLog> {
    let log = Arc::new(AgentLog {
        kept: Mutex::new(VecDeque::new()),
        new: broadcast::channel(FOLLOWER_LINES).0,
    });
    let filter = || EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = log.clone();
    let kept = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .with_writer(move || LineWriter { log: lines.clone(), buffer: Vec::new() })
        .with_filter(filter());
    let shown = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false);
    let shown = match Destination::of_stderr() {
        Destination::Terminal => shown.boxed(),
        Destination::Journal(journal) => journal.boxed(),
        Destination::Lines => shown.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(kept).with(shown.with_filter(filter())).init();
    log
}

/// Who reads standard error.
enum Destination {
    /// People, as it is written.
    Terminal,
    /// systemd's journal, which keeps fields: `journalctl RIPCORD_ENVIRONMENT=preprod`.
    Journal(tracing_journald::Layer),
    /// A program, or a file.
    Lines,
}

impl Destination {
    fn of_stderr() -> Self {
        if io::stderr().is_terminal() {
            return Self::Terminal;
        }
        let stream = env::var("JOURNAL_STREAM").unwrap_or_default();
        let stderr = rustix::fs::fstat(io::stderr());
        if stderr.is_ok_and(|stderr| is_journal(&stream, stderr.st_dev, stderr.st_ino))
            && let Ok(journal) = tracing_journald::layer()
        {
            return Self::Journal(as_people_expect(journal));
        }
        Self::Lines
    }
}

/// Whether the file of this device and inode is what systemd says leads to its journal. A program
/// that was started with another standard error inherits the variable all the same.
fn is_journal(journal_stream: &str, device: u64, inode: u64) -> bool {
    journal_stream == format!("{device}:{inode}")
}

fn as_people_expect(journal: tracing_journald::Layer) -> tracing_journald::Layer {
    let priorities = PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        ..PriorityMappings::new()
    };
    journal
        .with_syslog_identifier("ripcord-agent".to_owned())
        .with_field_prefix(Some("RIPCORD".to_owned()))
        .with_priority_mappings(priorities)
}

/// One event's text on its way into the log.
struct LineWriter {
    log: Arc<AgentLog>,
    buffer: Vec<u8>,
}

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.buffer);
        text.lines().for_each(|line| self.log.push(line));
    }
}

impl AgentLog {
    fn push(&self, line: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        let newest = kept.back().map_or(0, |last| last.time_unix_nanos);
        let record = LogRecord {
            // Lines of one source need times that rise, also when the clock steps back.
            time_unix_nanos: now.max(newest + 1),
            source: "agent".into(),
            stderr: false,
            line: line.to_owned(),
            marker: false,
        };
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(record.clone());
        // Without followers nobody receives it, and nothing is lost.
        let _ = self.new.send(record);
    }
}

impl LogSource for AgentLog {
    fn lines(&self, from: LogStart) -> LogChunks {
        let (backlog, new) = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let recent = |record: &&LogRecord| {
                from.since_unix_nanos.is_none_or(|since| record.time_unix_nanos >= since)
            };
            let backlog: Vec<LogRecord> = kept.iter().filter(recent).cloned().collect();
            (backlog, self.new.subscribe())
        };
        let tail = from.tail.and_then(|tail| usize::try_from(tail).ok()).unwrap_or(usize::MAX);
        let skipped = backlog.len().saturating_sub(tail);
        let backlog: Vec<LogRecord> = backlog.into_iter().skip(skipped).collect();
        let backlog = Some(backlog).filter(|backlog| !backlog.is_empty()).map(Ok);
        let backlog = futures_util::stream::iter(backlog);
        if !from.follow {
            return backlog.boxed();
        }
        // A follower that lagged skips lines: the hub tells its readers of gaps of its own.
        let new = BroadcastStream::new(new).filter_map(
            async |record: Result<_, BroadcastStreamRecvError>| Some(Ok(vec![record.ok()?])),
        );
        backlog.chain(new).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_systemd_names_is_the_journal() {
        assert!(is_journal("8:4242", 8, 4242));
        for other in ["", "8:4243", "9:4242", "8:42420", "8", "8:4242 "] {
            assert!(!is_journal(other, 8, 4242), "{other}");
        }
    }
}
