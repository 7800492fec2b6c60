//! Looks at the application from outside, as a visitor would: one request, its status, its body.

use std::{
    error::Error as StdError,
    io,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use reqwest::{Client, ClientBuilder, Response, Url, redirect};

use crate::ports::{Probe, Sample};

/// So much of a body is searched: a page that says what it is says so early.
const BODY_BYTES: usize = 1024 * 1024;

/// So many redirects are followed, as `curl -L --max-redirs` would.
const REDIRECTS: usize = 5;

/// A client for probes; TLS is the caller's to add. No connection is used twice: one that was
/// opened before a restart would say something about the past.
pub fn client_builder() -> ClientBuilder {
    Client::builder()
        .pool_max_idle_per_host(0)
        .redirect(redirect::Policy::limited(REDIRECTS))
        .user_agent(concat!("ripcord/", env!("CARGO_PKG_VERSION")))
}

/// What is asked, and what is a good answer.
#[derive(Debug, Clone)]
pub struct HttpProbe {
    /// From [`client_builder`].
    pub client: Client,
    /// Where to look. May hold credentials; no message shows it.
    pub url: Url,
    /// The status of a good answer.
    pub status: u16,
    /// What its body must contain.
    pub contains: Option<String>,
    /// How long everything may take, body included.
    pub timeout: Duration,
}

#[async_trait]
impl Probe for HttpProbe {
    async fn sample(&self) -> Sample {
        let deadline = Instant::now() + self.timeout;
        let response = match self.client.get(self.url.clone()).timeout(self.timeout).send().await {
            Ok(response) => response,
            Err(error) => return bad(None, self.explain(&error)),
        };
        let status = response.status().as_u16();
        if status != self.status {
            return bad(Some(status), format!("HTTP {status} instead of {}", self.status));
        }
        let Some(text) = &self.contains else { return good(status) };
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, search(response, text)).await {
            Ok(Ok(Searched::Found)) => good(status),
            Ok(Ok(Searched::Absent)) => {
                wrong_content(status, format!("the body does not contain {text:?}"))
            }
            Ok(Ok(Searched::TooLong)) => {
                let detail =
                    format!("the body does not contain {text:?} in its first {BODY_BYTES} bytes");
                wrong_content(status, detail)
            }
            Ok(Err(error)) => {
                bad(Some(status), format!("the body broke off: {}", self.explain(&error)))
            }
            Err(_elapsed) => bad(Some(status), self.late()),
        }
    }
}

fn good(status: u16) -> Sample {
    Sample { ok: true, status: Some(status), wrong_content: false, detail: String::new() }
}

fn bad(status: Option<u16>, detail: String) -> Sample {
    Sample { ok: false, status, wrong_content: false, detail }
}

fn wrong_content(status: u16, detail: String) -> Sample {
    Sample { wrong_content: true, ..bad(Some(status), detail) }
}

enum Searched {
    Found,
    Absent,
    TooLong,
}

/// Reads until the text is found, and no further than needed.
async fn search(mut response: Response, text: &str) -> Result<Searched, reqwest::Error> {
    let mut body: Vec<u8> = Vec::new();
    loop {
        // Only the new part, and what of the text may have begun before it.
        let begin = (body.len() + 1).saturating_sub(text.len());
        let Some(chunk) = response.chunk().await? else {
            return Ok(if text.is_empty() { Searched::Found } else { Searched::Absent });
        };
        let room = BODY_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        let begin = begin.min(body.len());
        if contains(&body[begin..], text.as_bytes()) {
            return Ok(Searched::Found);
        }
        if body.len() == BODY_BYTES {
            return Ok(Searched::TooLong);
        }
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

impl HttpProbe {
    fn late(&self) -> String {
        format!("no answer within {}s", self.timeout.as_secs_f64())
    }

    /// The cause in a few words. The outer errors name the URL; the innermost ones do not.
    fn explain(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return self.late();
        }
        if error.is_redirect() {
            return format!("more than {REDIRECTS} redirects");
        }
        let mut cause: &(dyn StdError + 'static) = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
            Some(io::ErrorKind::ConnectionReset) => "connection reset".to_owned(),
            Some(_) => cause.to_string(),
            None if cause.is::<reqwest::Error>() => "the request failed".to_owned(),
            None => cause.to_string(),
        }
    }
}
