//! One fetch: who logs in, until when, and what went wrong, handed to the transports by thread.
//!
//! libgit2 makes transports by itself and knows neither our secrets nor our deadlines; both reach
//! them through this thread's current session, never through the URL.

use std::{
    cell::RefCell,
    fmt,
    future::Future,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use git2::{ErrorClass, ErrorCode};
use ripcord_core::{Failure, FailureKind};
use secrecy::SecretString;
use tokio::runtime::Handle;

use super::super::{
    Credentials, Settings,
    errors::{OrFail, remote},
};

/// A remote that says nothing for this long is dead: git servers say "still counting" every 5 s.
const SILENCE: Duration = Duration::from_secs(30);

thread_local! {
    static CURRENT: RefCell<Option<Arc<Session>>> = const { RefCell::new(None) };
}

/// What is shown to the remote.
pub(in super::super) enum Login {
    /// Nothing, or what ssh finds by itself.
    None,
    /// HTTP basic authentication.
    Password { username: String, password: SecretString },
    /// An ssh key file.
    Key(PathBuf),
}

impl Login {
    /// Reads the files that `credentials` name.
    pub(in super::super) fn read(credentials: Option<&Credentials>) -> Result<Self, Failure> {
        match credentials {
            None => Ok(Self::None),
            Some(Credentials::SshKey { key_file }) => Ok(Self::Key(key_file.clone())),
            Some(Credentials::Password { username, password_file }) => {
                let text = std::fs::read_to_string(password_file);
                let text = text.or_fail(FailureKind::Remote, || {
                    format!("read the git password file {}", password_file.display())
                })?;
                let password = SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned());
                Ok(Self::Password { username: username.clone(), password })
            }
        }
    }
}

/// One fetch.
pub(in super::super) struct Session {
    pub(super) handle: Handle,
    pub(super) http: Option<reqwest::Client>,
    pub(super) ssh_program: PathBuf,
    pub(super) login: Login,
    /// The remote's address without secrets.
    pub(super) shown: String,
    deadline: Instant,
    timeout: Duration,
    failure: Mutex<Option<Failure>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("remote", &self.shown).finish_non_exhaustive()
    }
}

impl Session {
    /// A fetch that begins now, on a thread of the runtime.
    pub(in super::super) fn new(settings: &Settings, login: Login, shown: String) -> Arc<Self> {
        Arc::new(Self {
            handle: Handle::current(),
            http: settings.http.clone(),
            ssh_program: settings.ssh_program.clone(),
            login,
            shown,
            deadline: Instant::now() + settings.fetch_timeout,
            timeout: settings.fetch_timeout,
            failure: Mutex::new(None),
        })
    }

    /// Runs `work` with this session as the thread's current one.
    pub(in super::super) fn enter<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        CURRENT.set(Some(Arc::clone(self)));
        let result = work();
        CURRENT.set(None);
        result
    }

    /// The session of this thread, for a transport that libgit2 asks for.
    pub(super) fn current() -> Result<Arc<Self>, git2::Error> {
        let current = CURRENT.with_borrow(Clone::clone);
        current.ok_or_else(|| git2::Error::from_str("no fetch of the agent is under way here"))
    }

    /// Waits for the remote, until the fetch is over or the remote has been silent for too long.
    pub(super) fn wait<T>(&self, answer: impl Future<Output = T>) -> Result<T, Failure> {
        let until = self.deadline.min(Instant::now() + SILENCE);
        let waited = async { tokio::time::timeout_at(until.into(), answer).await };
        self.handle.block_on(waited).map_err(|_| self.too_late())
    }

    /// Whether the time of the fetch is used up; remembered as its failure.
    pub(in super::super) fn is_over(&self) -> bool {
        let over = Instant::now() >= self.deadline;
        if over {
            self.remember(self.too_late());
        }
        over
    }

    fn too_late(&self) -> Failure {
        let shown = &self.shown;
        remote(if Instant::now() >= self.deadline {
            let seconds = self.timeout.as_secs_f32();
            format!("the fetch from {shown} did not end within {seconds} s: is the remote healthy?")
        } else {
            let seconds = SILENCE.as_secs();
            format!("the remote {shown} said nothing for {seconds} s: is it healthy?")
        })
    }

    /// Keeps the first failure: libgit2 passes on a text at best.
    fn remember(&self, failure: Failure) {
        let mut kept = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert(failure);
    }

    /// For libgit2's calls.
    pub(super) fn fail(&self, failure: Failure) -> git2::Error {
        let error = git2::Error::new(ErrorCode::GenericError, ErrorClass::Net, &failure.message);
        self.remember(failure);
        error
    }

    /// For reads and writes.
    pub(super) fn fail_io(&self, failure: Failure) -> io::Error {
        let error = io::Error::other(failure.message.clone());
        self.remember(failure);
        error
    }

    /// What went wrong, when a transport knows it.
    pub(in super::super) fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
