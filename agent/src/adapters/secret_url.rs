//! Sends to an address that is a secret itself, such as a chat's webhook: it is read from its file
//! each time, follows no redirect, and no error, log line or `Debug` shows it.

use std::{fmt, path::PathBuf, time::Duration};

use reqwest::{Client, ClientBuilder, Response, StatusCode, Url, header, redirect};
use secrecy::{ExposeSecret as _, SecretString};

/// From a request's first byte to its answer's last.
const TIMEOUT: Duration = Duration::from_secs(15);
/// So much of an answer is read; those that matter are a few hundred bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// A client for secret addresses, from the agent's usual one. A redirect would hand the address to
/// whom the other side names, and a POST would arrive there as a GET.
///
/// # Errors
/// When the client cannot be built.
pub fn client(builder: ClientBuilder) -> Result<Client, SendError> {
    let strict = builder.redirect(redirect::Policy::none()).referer(false);
    strict.build().map_err(|error| SendError::Unreachable { why: explain(&error) })
}

/// An address in a file.
#[derive(Clone)]
pub struct SecretUrl {
    /// From [`client`].
    pub http: Client,
    /// Where the address is; read at each request, so that a new one needs no restart.
    pub file: PathBuf,
    /// Made of the address before something is put behind it.
    pub adapt: fn(&mut Url),
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretUrl").field("file", &self.file).finish_non_exhaustive()
    }
}

/// How something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Look.
    Get,
    /// Add.
    Post,
    /// Change.
    Patch,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// How.
    pub method: Method,
    /// Behind the address' own path: segments, without slashes.
    pub below: &'a [&'a str],
    /// Behind the address' own query.
    pub query: &'a [(&'a str, &'a str)],
    /// Besides the content type.
    pub headers: &'a [(&'static str, String)],
    /// JSON; nothing for none.
    pub body: Vec<u8>,
}

/// What came back, however bad.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header, when it is a number of seconds.
    pub retry_after: Option<Duration>,
    /// The body, as far as it is read.
    pub body: Vec<u8>,
}

/// Why there is no answer. Names the file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The file holds no address.
    #[error("{}: {why}", file.display())]
    Address {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers, or the answer was lost.
    #[error("{why}")]
    Unreachable {
        /// What happened.
        why: String,
    },
}

impl SecretUrl {
    /// Sends one request.
    ///
    /// # Errors
    /// When the file holds no address, or no answer came in time. The other side may have taken the
    /// letter in the second case.
    pub async fn send(&self, letter: Letter<'_>) -> Result<Answer, SendError> {
        let url = self.below(&self.read()?, &letter)?;
        let request = match letter.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url),
            Method::Patch => self.http.patch(url),
        };
        let request = letter
            .headers
            .iter()
            .fold(request.timeout(TIMEOUT), |request, (name, value)| request.header(*name, value));
        let request = match letter.body {
            body if body.is_empty() => request,
            body => request.header(header::CONTENT_TYPE, "application/json").body(body),
        };
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        // What was taken is taken, also when the rest of the answer is lost.
        let body = read(response).await.unwrap_or_default();
        Ok(Answer { status: status.as_u16(), retry_after, body })
    }

    fn read(&self) -> Result<SecretString, SendError> {
        let text = std::fs::read_to_string(&self.file).map(SecretString::from);
        text.map_err(|error| self.bad(&error.to_string()))
    }

    fn below(&self, address: &SecretString, letter: &Letter<'_>) -> Result<Url, SendError> {
        let text = address.expose_secret().trim();
        if text.is_empty() {
            return Err(self.bad("the file is empty; write the webhook's address there"));
        }
        let no_address = "the file does not hold an http or https address";
        let mut url = Url::parse(text).map_err(|_| self.bad(no_address))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(self.bad(no_address));
        }
        (self.adapt)(&mut url);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(letter.below);
        }
        if !letter.query.is_empty() {
            url.query_pairs_mut().extend_pairs(letter.query);
        }
        Ok(url)
    }

    fn bad(&self, why: &str) -> SendError {
        SendError::Address { file: self.file.clone(), why: why.to_owned() }
    }
}

impl Answer {
    /// Whether the letter was taken.
    #[must_use]
    pub fn is_good(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_BYTES {
            break;
        }
    }
    Ok(body)
}

fn unreachable(error: &reqwest::Error) -> SendError {
    SendError::Unreachable { why: explain(error) }
}

/// The cause in a few words. The outer errors name the address; what `io` and TLS say does not.
fn explain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    match causes.last() {
        Some(cause) if !cause.is::<reqwest::Error>() => cause.to_string(),
        Some(_) | None => "the request failed".to_owned(),
    }
}
