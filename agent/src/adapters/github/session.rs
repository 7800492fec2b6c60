//! One login and what was learned with it: the token, when it ends, and the answers that it may see.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use octocrab::Octocrab;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{Github, GithubError, etags::Etags, login::unusable};

/// A token, and the client that sends it.
pub(super) struct Session {
    pub(super) crab: Octocrab,
    token: SecretString,
    etags: Mutex<Etags>,
    file: PathBuf,
    stamp: Option<Stamp>,
    good_until: Option<Instant>,
}

impl Session {
    /// A session with `token`, which came from a file with this stamp.
    pub(super) fn new(
        github: &Github,
        token: SecretString,
        stamp: Option<Stamp>,
        good_for: Option<Duration>,
    ) -> Result<Self, GithubError> {
        let file = github.shared.login.file().to_owned();
        let crab = client(github, &token)?;
        let good_until = good_for.map(|good_for| Instant::now() + good_for);
        Ok(Self { crab, token, etags: Mutex::default(), file, stamp, good_until })
    }

    /// Whether the token has not ended, and its file has not changed.
    pub(super) async fn is_good(&self) -> bool {
        let has_ended = self.good_until.is_some_and(|until| until <= Instant::now());
        !has_ended && Stamp::of(&self.file).await == self.stamp
    }

    pub(super) fn has_token_of(&self, other: &Self) -> bool {
        self.token.expose_secret() == other.token.expose_secret()
    }

    pub(super) fn etags(&self) -> MutexGuard<'_, Etags> {
        self.etags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that sends `token`. Made inside the runtime: octocrab starts a task.
fn client(github: &Github, token: &SecretString) -> Result<Octocrab, GithubError> {
    let file = github.shared.login.file();
    // Octocrab panics on a token that no header can hold.
    if !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable(file, "it holds more than a token".to_owned()));
    }
    let failed = |error: octocrab::Error| github.unreachable(super::root_cause(&error));
    let builder = Octocrab::builder().base_uri(github.shared.api.as_str()).map_err(failed)?;
    let builder = builder.personal_token(token.clone());
    builder.build_with_reqwest(github.shared.http.clone()).map_err(failed)
}

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    pub(super) async fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let about = tokio::fs::metadata(file).await.ok()?;
        Some(Self { modified: about.modified().ok(), bytes: about.len(), inode: about.ino() })
    }
}
