//! The numbers of the log hub, each with its reason.

use std::time::Duration;

/// A batch is sent when it has so many bytes. Larger ones move hardly more lines a second; this is
/// also what a stalled reader may hold beyond the ring, so 1,000 of them hold at most 16 MiB.
pub const BATCH_BYTES: usize = 16 * 1024;

/// A batch is sent so long after its first line: below what a person notices, long enough for a
/// burst to share one message.
pub const BATCH_DELAY: Duration = Duration::from_millis(30);

/// What the ring keeps, with its index: some 20,000 usual lines, a few seconds of a very talkative
/// application, which is what a reader on a slow line needs to catch up.
pub const RING_BYTES: usize = 4 * 1024 * 1024;

/// The upstream goes on for so long without readers: a client that reconnects finds the ring.
pub const LINGER: Duration = Duration::from_secs(5);

/// First and longest pause before a failed upstream is opened again.
pub const RETRY_FIRST: Duration = Duration::from_millis(250);
/// See [`RETRY_FIRST`]. Also the longest that a new reader is told of a failure that has passed.
pub const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// A line can be read at the latest so long after its time, across the sources of one stream.
/// Sources stamp lines on arrival; this leaves room for a busy engine. What is older than this
/// before the newest line needs no position of its own.
pub const SETTLED_NANOS: i64 = 10_000_000_000;

/// After the upstream was opened, its sources may be unevenly far for so long while they catch up.
pub const CATCH_UP: Duration = Duration::from_secs(30);

/// Lines per source that are read to learn where a log ends: enough to see where the lines with
/// the last time begin, cheap for every runtime.
pub const PRIME_TAIL: u64 = 64;

/// How often a reader reads the backlog again because the ring went past it meanwhile. After that
/// it gets a gap: a reader that is always slower must not keep the engine busy for ever.
pub const BACKLOG_ROUNDS: u32 = 3;

/// How long after `until` a line from before it may still arrive.
pub const UNTIL_GRACE: Duration = Duration::from_secs(1);

/// Longest cursor: some 150 sources that spoke within [`SETTLED_NANOS`]; a request has 64 KiB.
pub const CURSOR_BYTES: usize = 8 * 1024;

/// Most patterns of a kind (include, exclude) in one request.
pub const PATTERNS: usize = 16;

/// Longest pattern.
pub const PATTERN_BYTES: usize = 1024;

/// Largest compiled pattern, and largest cache of its automaton: room for Unicode classes, not for
/// nested repetitions that are made to use memory.
pub const COMPILED_PATTERN_BYTES: usize = 256 * 1024;

/// Most service names in one request.
pub const SERVICES: usize = 64;
