//! GitHub's REST API over octocrab: who asks, how long, how often, and what an answer is worth.
//!
//! It knows nothing of deployments. Octocrab's own retries, caches and models stay unused: its cache
//! panics on a 304 that it has no body for, and its models fail a page on one odd run.

mod app;
mod error;
mod etags;
mod login;
mod runs;
mod session;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::header::{ETAG, HeaderMap, IF_NONE_MATCH};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use url::Url;

pub use self::{app::App, error::GithubError, login::Login, runs::GithubRuns};
use self::{
    error::{refusal, root_cause},
    session::Session,
};

/// From a request's first byte to its answer's last; GitHub itself gives up after 10 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A client of GitHub's API. Cheap to clone; clones share the login and the rate limit.
#[derive(Clone)]
pub struct Github {
    shared: Arc<Shared>,
}

struct Shared {
    http: reqwest::Client,
    api: Url,
    login: Login,
    /// Held while somebody logs in, so that only one does.
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
    /// Nothing is asked before this, by whomever.
    limited_until: Mutex<Option<Instant>>,
}

impl fmt::Debug for Github {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Github").field("api", &self.shared.api.as_str()).finish_non_exhaustive()
    }
}

impl Github {
    /// A client of the API at `api`, over the agent's one HTTP client. Nothing is asked or read yet.
    #[must_use]
    pub fn new(http: reqwest::Client, api: Url, login: Login) -> Self {
        let (session, limited_until) = Default::default();
        Self { shared: Arc::new(Shared { http, api, login, session, limited_until }) }
    }

    /// Reads `route`, such as `/repos/o/r/actions/runs?per_page=100`; an answer that has not changed
    /// costs no rate limit.
    ///
    /// # Errors
    /// When GitHub cannot be asked, refuses, or answers something else than a `T`.
    pub async fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, GithubError> {
        self.ask(&Request { route, body: None }).await
    }

    /// Sends `body` to `route`.
    ///
    /// # Errors
    /// When GitHub cannot be asked, refuses, or answers something else than a `T`.
    pub async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        route: &str,
        body: B,
    ) -> Result<T, GithubError> {
        let body = serde_json::to_value(body)
            .map_err(|error| GithubError::Unreadable { reason: error.to_string() })?;
        self.ask(&Request { route, body: Some(body) }).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, GithubError> {
        let answer = self.ask_as_whom_it_accepts(request).await;
        if let Err(GithubError::RateLimited { retry_at }) = &answer {
            *self.limited_until() = Some(*retry_at);
        }
        answer
    }

    /// Logs in anew, once, when GitHub does not accept the login: tokens are rotated and revoked.
    async fn ask_as_whom_it_accepts<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, GithubError> {
        if let Some(retry_at) = self.limited_until().filter(|until| Instant::now() < *until) {
            return Err(GithubError::RateLimited { retry_at });
        }
        let session = self.session(None).await?;
        match self.exchange(&session, request).await {
            Err(refused @ GithubError::Unauthorized { .. }) => {
                let fresh = self.session(Some(&session)).await?;
                if fresh.has_token_of(&session) {
                    return Err(refused);
                }
                self.exchange(&fresh, request).await
            }
            answer => answer,
        }
    }

    /// The current session, or a new one where there is none, it is over or it is `refused`.
    async fn session(&self, refused: Option<&Arc<Session>>) -> Result<Arc<Session>, GithubError> {
        let mut current = self.shared.session.lock().await;
        if let Some(session) = current.as_ref() {
            let is_refused = refused.is_some_and(|refused| Arc::ptr_eq(refused, session));
            if !is_refused && session.is_good().await {
                return Ok(session.clone());
            }
        }
        let session = Arc::new(self.shared.login.log_in(self).await?);
        *current = Some(session.clone());
        Ok(session)
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        session: &Session,
        request: &Request<'_>,
    ) -> Result<T, GithubError> {
        let exchange = self.exchange_in_its_time(session, request);
        timeout(REQUEST_TIMEOUT, exchange).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", REQUEST_TIMEOUT.as_secs());
            Err(self.unreachable(reason))
        })
    }

    async fn exchange_in_its_time<T: DeserializeOwned>(
        &self,
        session: &Session,
        request: &Request<'_>,
    ) -> Result<T, GithubError> {
        let known = session.etags().of(request);
        let sent = match &request.body {
            Some(body) => session.crab._post(request.route, Some(body)).await,
            None => {
                let condition = known.as_ref().map(|(etag, _)| etag.clone());
                let headers = condition.map(|etag| HeaderMap::from_iter([(IF_NONE_MATCH, etag)]));
                session.crab._get_with_headers(request.route, headers).await
            }
        };
        let response = sent.map_err(|error| self.unreachable(root_cause(&error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = session.crab.body_to_string(response).await;
        if let (304, Some((_, body))) = (status.as_u16(), known) {
            return read(&body);
        }
        if !status.is_success() {
            let body = body.unwrap_or_default();
            return Err(refusal(status, &headers, &body, request, &self.shared.login));
        }
        let body = body.map_err(|error| GithubError::Unreadable { reason: root_cause(&error) })?;
        let answer = read(&body)?;
        if let (Some(etag), None) = (headers.get(ETAG), &request.body) {
            session.etags().keep(request, etag.clone(), body.into());
        }
        Ok(answer)
    }

    fn unreachable(&self, reason: String) -> GithubError {
        GithubError::Unreachable { api: self.shared.api.to_string(), reason }
    }

    fn limited_until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.shared.limited_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked.
struct Request<'a> {
    route: &'a str,
    /// There is one in a POST, and none in a GET.
    body: Option<Value>,
}

impl Request<'_> {
    /// The route without its query, for people.
    fn path(&self) -> &str {
        self.route.split('?').next().unwrap_or_default()
    }
}

/// Reads a whole answer. What serde says of a wrong one holds names of fields, never the token.
fn read<T: DeserializeOwned>(body: &str) -> Result<T, GithubError> {
    serde_json::from_str(body)
        .map_err(|error| GithubError::Unreadable { reason: error.to_string() })
}
