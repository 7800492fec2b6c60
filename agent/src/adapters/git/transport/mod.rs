//! How bytes travel to a git remote: https and http over the agent's own client, ssh over the
//! `ssh` program. libgit2 speaks the protocol; these modules carry it, with a deadline.

mod address;
mod http;
mod session;
mod ssh;

use std::sync::Once;

use git2::transport::{Transport, register};

pub(super) use address::display;
pub(super) use session::{Login, Session};

/// Silence of a `git://` server, which libgit2 itself talks to, in milliseconds.
const GIT_SILENCE_MS: i32 = 30_000;

/// Teaches libgit2 our transports, for the whole process. Call it once at start, before any
/// thread uses libgit2; calling it again does nothing.
pub fn register_transports() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(register_all);
}

// SAFETY (of all blocks): `register` and the timeout options change process-wide state of libgit2
// without synchronisation. `Once` lets one thread do it; every fetch of ours passes that `Once`
// first, and nothing but a fetch reads this state.
#[allow(unsafe_code)]
fn register_all() {
    for scheme in ["http", "https"] {
        let factory = |remote: &git2::Remote<'_>| {
            Transport::smart(remote, true, http::Http::new(Session::current()?))
        };
        // A scheme that could not be registered says so at the first fetch.
        let _ = unsafe { register(scheme, factory) };
    }
    let factory = |remote: &git2::Remote<'_>| {
        Transport::smart(remote, false, ssh::Ssh::new(Session::current()?))
    };
    let _ = unsafe { register("ssh", factory) };
    let _ = unsafe { git2::opts::set_server_connect_timeout_in_milliseconds(GIT_SILENCE_MS) };
    let _ = unsafe { git2::opts::set_server_timeout_in_milliseconds(GIT_SILENCE_MS) };
}
