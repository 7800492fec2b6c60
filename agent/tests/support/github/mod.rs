//! A local server that speaks as GitHub's REST API does: its routes, bodies, headers and bad days.

// Each test binary uses its own part of this.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

mod answers;
mod app;
mod model;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

pub use model::{FakeJob, FakeRun};

/// The repository that it serves.
pub const REPOSITORY: &str = "lafrance/mangetamain";
/// The token that it accepts at first.
pub const TOKEN: &str = "github_pat_canary-5Nf81";
/// The app and the installation that it knows.
pub const APP_ID: &str = "1234";
pub const INSTALLATION: u64 = 5678;
/// The app's key as GitHub gives it out, and as other tools convert it.
pub const APP_KEY_PKCS1: &str = include_str!("worthless-app-key.pkcs1");
pub const APP_KEY_PKCS8: &str = include_str!("worthless-app-key.pkcs8");

/// A running server; it ends when this is dropped.
pub struct FakeGithub {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

/// What GitHub does on a bad day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An error with a body as GitHub's own.
    Status(u16),
    /// An error of the proxy in front of it.
    HtmlStatus(u16),
    /// 200, and a page for people.
    Html,
    /// This status, the body of a rate limit and these headers.
    Limit(u16, Vec<(&'static str, String)>),
    /// 200, and bytes that are no JSON.
    Garbage,
    /// 200, and JSON of another shape.
    WrongShape,
    /// Fewer bytes than were announced.
    Truncated,
    /// The runs of other commits, events and branches too, whatever was asked for.
    Unfiltered,
    /// A list without entries that says it has some.
    EmptyPage,
    /// No answer.
    Hang,
    /// The connection is closed without an answer.
    Closed,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// Without the authorization.
    pub headers: BTreeMap<String, String>,
    /// What came as the bearer token.
    pub token: Option<String>,
    /// `null` without one.
    pub body: Value,
    /// What it was answered with; 0 for no answer.
    pub status: u16,
}

struct PlannedFault {
    path: String,
    fault: Fault,
    left: usize,
}

struct State {
    tokens: BTreeSet<String>,
    runs: Vec<FakeRun>,
    jobs: BTreeMap<(u64, u64), Vec<FakeJob>>,
    faults: Vec<PlannedFault>,
    seen: Vec<Seen>,
    next_id: u64,
    minted: u64,
    token_life: Duration,
}

impl FakeGithub {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            tokens: BTreeSet::from([TOKEN.to_owned()]),
            runs: Vec::new(),
            jobs: BTreeMap::new(),
            faults: Vec::new(),
            seen: Vec::new(),
            next_id: 9_000,
            minted: 0,
            token_life: Duration::from_secs(60 * 60),
        }));
        let accepting = tokio::spawn(wire::accept(listener, state.clone()));
        Self { address, state, accepting }
    }

    /// The API's address, for `github.api`.
    pub fn api(&self) -> url::Url {
        format!("http://{}/", self.address).parse().unwrap()
    }

    /// Adds a run; one with the same id and attempt is replaced.
    pub fn put_run(&self, run: FakeRun) {
        let mut state = self.state();
        state.runs.retain(|old| (old.id, old.attempt) != (run.id, run.attempt));
        state.runs.push(run);
    }

    pub fn forget_runs(&self) {
        self.state().runs.clear();
    }

    pub fn put_jobs(&self, run: u64, attempt: u64, jobs: Vec<FakeJob>) {
        self.state().jobs.insert((run, attempt), jobs);
    }

    /// The next `times` requests fare badly.
    pub fn fault(&self, fault: Fault, times: usize) {
        self.fault_at("/", fault, times);
    }

    /// The next `times` requests whose path contains `path` fare badly.
    pub fn fault_at(&self, path: &str, fault: Fault, times: usize) {
        let path = path.to_owned();
        self.state().faults.push(PlannedFault { path, fault, left: times });
    }

    pub fn be_well(&self) {
        self.state().faults.clear();
    }

    /// Only these tokens are accepted from now on.
    pub fn accept_tokens(&self, tokens: &[&str]) {
        self.state().tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
    }

    /// How long the app's tokens last that are given out from now on.
    pub fn set_token_life(&self, life: Duration) {
        self.state().token_life = life;
    }

    /// Every request so far, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// The requests so far whose path contains `path`.
    pub fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path.contains(path)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FakeGithub {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
