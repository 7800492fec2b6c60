//! Looks at an application from where the controller runs, as a visitor would: status, body, time.

use std::{
    error::Error as StdError,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, Response, redirect};
use rustls::{ClientConfig, RootCertStore};

use crate::failure::Failure;

/// How long one look may take, body included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// So much of a body is searched: a page that says what it is says so early.
const BODY_BYTES: usize = 1024 * 1024;
/// So many redirects are followed, as the agent's probe does.
const REDIRECTS: usize = 5;
/// A failure is believed after so many more tries: one lost packet is no outage.
const MORE_TRIES: u32 = 2;
/// From one try to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// What a good answer is.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// Empty: any body.
    pub(crate) contains: String,
}

/// What a look found.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) ok: bool,
    pub(crate) status: Option<u16>,
    pub(crate) took: Duration,
    /// What is wrong; empty when `ok`.
    pub(crate) wrong: String,
}

/// A client on the one TLS stack of this program. Loading the system's authorities takes some
/// milliseconds: only who looks, or raises an alarm, makes one.
pub(crate) fn client() -> Result<Client, Failure> {
    client_that(redirect::Policy::limited(REDIRECTS))
}

/// Such a client, for whoever must not be led elsewhere.
pub(crate) fn client_that(follows: redirect::Policy) -> Result<Client, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Unexpected(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(follows)
        // An address may be a secret: nobody is told where we came from.
        .referer(false)
        .timeout(TIMEOUT)
        .user_agent(concat!("ripcord/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Failure::Unexpected(format!("cannot set up the HTTP client: {error}")))
}

/// Looks at `url`, again when something is wrong.
pub(crate) async fn believed(client: &Client, url: &str, expected: &Expected) -> Answer {
    let mut answer = look(client, url, expected).await;
    for _ in 0..MORE_TRIES {
        if answer.ok {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        answer = look(client, url, expected).await;
    }
    answer
}

async fn look(client: &Client, url: &str, expected: &Expected) -> Answer {
    let begun = Instant::now();
    let (status, found) = match client.get(url).send().await {
        Err(error) => (None, Err(explain(&error))),
        Ok(response) => {
            let status = response.status().as_u16();
            (Some(status), judge(response, status, expected).await)
        }
    };
    let (ok, wrong) = (found.is_ok(), found.err().unwrap_or_default());
    Answer { ok, status, took: begun.elapsed(), wrong }
}

async fn judge(response: Response, status: u16, expected: &Expected) -> Result<(), String> {
    if status != expected.status {
        return Err(format!("HTTP {status} instead of {}", expected.status));
    }
    let text = &expected.contains;
    match contains(response, text.as_bytes()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("the body does not contain {text:?}")),
        Err(error) => Err(format!("the body broke off: {}", explain(&error))),
    }
}

/// Reads until the text is found, and no further than needed.
async fn contains(mut response: Response, text: &[u8]) -> Result<bool, reqwest::Error> {
    let mut body: Vec<u8> = Vec::new();
    while !text.is_empty() && body.len() < BODY_BYTES {
        // Only the new part, and what of the text may have begun before it.
        let begin = (body.len() + 1).saturating_sub(text.len());
        let Some(chunk) = response.chunk().await? else { return Ok(false) };
        body.extend_from_slice(&chunk);
        if body[begin..].windows(text.len()).any(|window| window == text) {
            return Ok(true);
        }
    }
    Ok(text.is_empty())
}

/// The cause in a few words, without the address: the outer errors name it, the innermost do not.
pub(crate) fn explain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    if error.is_redirect() {
        return format!("more than {REDIRECTS} redirects");
    }
    let mut cause: &(dyn StdError + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if cause.is::<reqwest::Error>() { "the request failed".to_owned() } else { cause.to_string() }
}
