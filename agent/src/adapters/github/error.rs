//! Why GitHub could not be asked, or refused: sorted by what the asker does next.

use std::{error::Error, time::Duration};

use reqwest::{StatusCode, header::HeaderMap};
use tokio::time::Instant;

use super::{Login, Request};

/// GitHub asks for at least this after a limit that comes without a time.
const UNTOLD_WAIT: Duration = Duration::from_secs(60);
/// No limit of GitHub's is longer than its hourly window; a longer wait is a slip of somebody's clock.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// So much of what GitHub says of a refusal is shown.
const SHOWN_CHARACTERS: usize = 200;

/// Why there is no answer. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GithubError {
    /// No connection, or no answer in time.
    #[error("GitHub cannot be reached at {api}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        api: String,
        /// What stood in the way.
        reason: String,
    },
    /// Nothing may be asked before `retry_at`.
    #[error("GitHub's rate limit is used up: it is asked again when the limit is over")]
    RateLimited {
        /// When it may be asked again.
        retry_at: Instant,
    },
    /// 401: the token is wrong, expired or revoked.
    #[error("GitHub does not accept {advice}")]
    Unauthorized {
        /// What it does not accept, and what to do about it.
        advice: String,
    },
    /// 403 without a rate limit.
    #[error("GitHub forbids {path}: give the token or app the permission `{permission}`")]
    Forbidden {
        /// What was asked for.
        path: String,
        /// What the login lacks.
        permission: String,
    },
    /// 404, which is also what GitHub says of what the login may not see.
    #[error(
        "GitHub has no {path}, or hides it: check github.repository, and that the token or app may \
         read it"
    )]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// Another 4xx: asking again makes no difference.
    #[error("GitHub refuses {path} with HTTP {status}: {message}")]
    Rejected {
        /// What was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
        /// What GitHub says of it.
        message: String,
    },
    /// 5xx.
    #[error("GitHub has trouble of its own (HTTP {status})")]
    Server {
        /// The HTTP status.
        status: u16,
    },
    /// An answer that is no answer: HTML, truncated, or of another shape.
    #[error("what answers for GitHub does not speak its language: {reason}")]
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// The token or the key could not be read.
    #[error("cannot use {file} to log in to GitHub: {reason}")]
    Credentials {
        /// Where it should be.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The refusal that an answer without success is.
pub(super) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
    request: &Request<'_>,
    login: &Login,
) -> GithubError {
    let path = request.path().to_owned();
    let message = message(body);
    let says_limit = || message.to_ascii_lowercase().contains("rate limit");
    match status.as_u16() {
        401 => GithubError::Unauthorized { advice: login.advice() },
        429 => limited(told_wait(headers).unwrap_or(UNTOLD_WAIT)),
        403 => match told_wait(headers) {
            Some(wait) => limited(wait),
            // A secondary limit may come without any header: its words are all there is.
            None if says_limit() => limited(UNTOLD_WAIT),
            None => {
                let permission = permission(headers, &path);
                GithubError::Forbidden { path, permission }
            }
        },
        404 => GithubError::NotFound { path },
        status @ 400..500 => GithubError::Rejected { path, status, message },
        status @ 500.. => GithubError::Server { status },
        status => GithubError::Unreadable { reason: format!("HTTP {status}") },
    }
}

fn limited(wait: Duration) -> GithubError {
    // A second more: GitHub counts in whole ones.
    let wait = (wait + Duration::from_secs(1)).min(LONGEST_WAIT);
    GithubError::RateLimited { retry_at: Instant::now() + wait }
}

/// How long GitHub says to wait.
fn told_wait(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number("x-ratelimit-remaining") != Some(0) {
        return None;
    }
    let reset = number("x-ratelimit-reset");
    let left = reset.map(|reset| reset.saturating_sub(server_time(headers)));
    Some(left.map_or(UNTOLD_WAIT, Duration::from_secs))
}

/// GitHub's own clock where it tells it: ours may be wrong.
fn server_time(headers: &HeaderMap) -> u64 {
    let date = headers.get("date").and_then(|date| date.to_str().ok());
    let told = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let now = told.map_or_else(jiff::Timestamp::now, |told| told.timestamp());
    now.as_second().try_into().unwrap_or_default()
}

/// What the login lacks: GitHub tells it, mostly.
fn permission(headers: &HeaderMap, path: &str) -> String {
    let told = headers.get("x-accepted-github-permissions").and_then(|told| told.to_str().ok());
    let named = || match path {
        path if path.contains("/statuses/") && !path.contains("/deployments/") => "statuses=write",
        path if path.contains("/deployments") => "deployments=write",
        _ => "actions=read",
    };
    told.filter(|told| !told.is_empty()).map_or_else(|| named().to_owned(), printable)
}

/// What GitHub says in words; a page in HTML says nothing.
fn message(body: &str) -> String {
    let body: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let message = body.as_ref().and_then(|body| body.get("message")?.as_str());
    message.map_or_else(|| "no reason given".to_owned(), printable)
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARACTERS).collect()
}

/// The innermost cause: octocrab's and reqwest's own words repeat it at every level.
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    // A backtrace follows the first line of some of octocrab's errors.
    cause.to_string().lines().next().unwrap_or_default().to_ascii_lowercase()
}
