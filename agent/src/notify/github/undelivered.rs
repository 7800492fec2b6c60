//! What an error of GitHub's means for a sink: the one place that decides it.

use tokio::time::Instant;

use crate::{adapters::github::GithubError, notify::Undelivered};

/// What a request was about, which decides what a 404 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The status of a commit.
    Commit,
    /// A new deployment.
    Repository,
    /// A deployment that GitHub has already.
    Deployment,
}

/// What becomes of a record whose request failed like this.
pub(super) fn undelivered(error: &GithubError, about: About) -> Undelivered {
    let why = error.to_string();
    match error {
        GithubError::RateLimited { retry_at } => {
            let after = retry_at.saturating_duration_since(Instant::now());
            Undelivered::Later { after: Some(after), why }
        }
        GithubError::Unreachable { .. }
        | GithubError::Server { .. }
        | GithubError::Unreadable { .. } => Undelivered::Later { after: None, why },
        GithubError::Unauthorized { .. }
        | GithubError::Forbidden { .. }
        | GithubError::Credentials { .. } => Undelivered::Stopped { why },
        GithubError::NotFound { .. } => match about {
            // A token that may not write is told 404 by some; a new commit or a wrong name, 422.
            About::Commit | About::Repository => Undelivered::Stopped { why },
            // Somebody deleted it there.
            About::Deployment => Undelivered::Skip { why },
        },
        GithubError::Rejected { .. } => Undelivered::Skip { why },
    }
}
