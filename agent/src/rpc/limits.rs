//! What the wire grants a stranger, a caller and a call: every number with its reason, in one place.

use std::time::Duration;

use tonic::transport::Server;

/// A handshake takes two round trips; whoever needs longer than this keeps others out.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections before authentication: a flood of strangers costs this many sockets, and waits.
pub const HANDSHAKES: usize = 64;

/// Connections in all: far below the 1,024 file descriptors that a process gets unless told otherwise.
pub const CONNECTIONS: usize = 256;

/// Connections per identity: a workflow that leaks them locks out itself, never the operators.
pub const CONNECTIONS_PER_IDENTITY: usize = 32;

/// Calls at once on one connection: a follower per environment and window, with room to spare.
const STREAMS_PER_CONNECTION: u32 = 64;

/// Headers of a call: ours take some hundred bytes.
const HEADER_LIST_BYTES: u32 = 16 * 1024;

/// The largest request: a log filter with many expressions, by far. Services set it on themselves.
pub const REQUEST_BYTES: usize = 64 * 1024;

/// How long a call may take until its answer begins: a stream may go on for ever behind that.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// How often a silent connection is asked whether it lives, and how long it may take to answer:
/// a follower behind a dead network is noticed within half a minute.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// Bytes on the way to a reader that has not answered yet: fills a 40 ms link at 200 Mbit/s.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// How often files that may change are looked at although the kernel says nothing: it hears of nothing
/// that another machine does to a shared disk.
pub const FILE_POLL: Duration = Duration::from_secs(60);

/// The same, where the kernel cannot be asked to say anything.
pub const FILE_POLL_UNHEARD: Duration = Duration::from_secs(2);

/// Whoever writes a file is given this long to write its neighbours; a busy folder costs a look a second.
pub const FILE_SETTLE: Duration = Duration::from_secs(1);

/// How often an open stream is asked whether it is still allowed.
pub const STREAM_RECHECK: Duration = Duration::from_secs(1);

/// Denials that are logged in [`DENIAL_WINDOW`]: enough to see a mistake, too few to fill a disk.
pub const DENIALS_LOGGED: u32 = 20;

/// The time that [`DENIALS_LOGGED`] speaks of.
pub const DENIAL_WINDOW: Duration = Duration::from_secs(10);

/// A server with the limits of this table; add the services to it.
pub fn server() -> Server {
    let (interval, timeout) = KEEPALIVE;
    Server::builder()
        .timeout(ANSWER_DEADLINE)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_max_header_list_size(HEADER_LIST_BYTES)
        .http2_keepalive_interval(Some(interval))
        .http2_keepalive_timeout(Some(timeout))
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
}
