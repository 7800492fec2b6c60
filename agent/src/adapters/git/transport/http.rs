//! The smart protocol over http and https, on the agent's own client; packs are streamed.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Buf, Bytes};
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use reqwest::{RequestBuilder, Response, StatusCode, header};
use ripcord_core::Failure;
use secrecy::ExposeSecret;
use url::{Host, Url};

use super::{
    address::display,
    session::{Login, Session},
};
use crate::adapters::git::errors::remote;

const ADVERTISEMENT: &str = "/info/refs";
const UPLOAD_PACK: &str = "/git-upload-pack";
/// Some servers show git pages to those who do not call themselves git.
const USER_AGENT: &str = concat!("git/2.0 (ripcord ", env!("CARGO_PKG_VERSION"), ")");

/// The transport of one fetch.
pub(super) struct Http {
    link: Arc<Link>,
}

impl Http {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { link: Arc::new(Link { session, base: Mutex::new(None) }) }
    }
}

impl SmartSubtransport for Http {
    fn action(
        &self,
        url: &str,
        action: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let link = &self.link;
        let failed = |failure| link.session.fail(failure);
        match action {
            Service::UploadPackLs => {
                let response = link.advertisement(url).map_err(failed)?;
                Ok(Box::new(Exchange { link: Arc::clone(link), state: State::answered(response) }))
            }
            Service::UploadPack => {
                let state = State::Asking(Vec::new());
                Ok(Box::new(Exchange { link: Arc::clone(link), state }))
            }
            Service::ReceivePackLs | Service::ReceivePack => {
                Err(git2::Error::from_str("the agent never pushes"))
            }
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// What the exchanges of one fetch share.
struct Link {
    session: Arc<Session>,
    /// The repository's address after redirects.
    base: Mutex<Option<Url>>,
}

impl Link {
    fn advertisement(&self, address: &str) -> Result<Response, Failure> {
        let shown = &self.session.shown;
        let base = Url::parse(address.trim_end_matches('/'))
            .map_err(|error| remote(format!("{shown} is not a valid address: {error}")))?;
        self.refuse_open_password(&base)?;
        let mut url = extended(&base, ADVERTISEMENT);
        url.set_query(Some("service=git-upload-pack"));
        let request = self.client()?.get(url);
        let response = self.send(self.authorized(request, &base))?;
        self.expect(&response, "advertisement")?;
        let base = self.base_after(&base, response.url())?;
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = Some(base);
        Ok(response)
    }

    fn post(&self, body: Vec<u8>) -> Result<Response, Failure> {
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let base = base.ok_or_else(|| remote("the remote was asked before it was greeted"))?;
        let request = self
            .client()?
            .post(extended(&base, UPLOAD_PACK))
            .header(header::CONTENT_TYPE, "application/x-git-upload-pack-request")
            .header(header::ACCEPT, "application/x-git-upload-pack-result")
            .body(body);
        let response = self.send(self.authorized(request, &base))?;
        self.expect(&response, "result")?;
        Ok(response)
    }

    fn client(&self) -> Result<&reqwest::Client, Failure> {
        self.session.http.as_ref().ok_or_else(|| {
            remote(format!("cannot reach {}: the agent has no HTTP client", self.session.shown))
        })
    }

    fn authorized(&self, request: RequestBuilder, base: &Url) -> RequestBuilder {
        let request = request.header(header::USER_AGENT, USER_AGENT);
        match &self.session.login {
            Login::Password { username, password } if self.is_home(base) => {
                request.basic_auth(username, Some(password.expose_secret()))
            }
            Login::Password { .. } | Login::None | Login::Key(_) => request,
        }
    }

    /// Whether `base` is where the configured remote is, and so may see the password.
    fn is_home(&self, base: &Url) -> bool {
        Url::parse(&self.session.shown).is_ok_and(|home| home.origin() == base.origin())
    }

    fn refuse_open_password(&self, base: &Url) -> Result<(), Failure> {
        let secret =
            base.password().is_some() || matches!(self.session.login, Login::Password { .. });
        if base.scheme() == "https" || !secret || is_loopback(base) {
            return Ok(());
        }
        Err(remote(format!(
            "the password is not sent to {} unencrypted: use https in the remote's address",
            self.session.shown
        )))
    }

    fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let sent = self.session.wait(async move { request.send().await })?;
        sent.map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let mut reasons = vec![error.to_string()];
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            reasons.push(cause.to_string());
            source = cause.source();
        }
        reasons.dedup();
        remote(format!("cannot reach the remote {}: {}", self.session.shown, reasons.join(": ")))
    }

    fn expect(&self, response: &Response, what: &str) -> Result<(), Failure> {
        let shown = display(response.url().as_str());
        let shown = shown.split(ADVERTISEMENT).next().unwrap_or_default();
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(self.refused(response)),
            StatusCode::NOT_FOUND => {
                return Err(remote(format!(
                    "there is no repository at {shown}, or the credentials may not see it"
                )));
            }
            status => return Err(remote(format!("the remote {shown} answered {status}"))),
        }
        let expected = format!("application/x-git-upload-pack-{what}");
        let kind = response.headers().get(header::CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes() == expected.as_bytes()) {
            return Ok(());
        }
        Err(remote(format!(
            "{shown} does not speak git's smart protocol: is it the address of a repository?"
        )))
    }

    fn refused(&self, response: &Response) -> Failure {
        let (shown, status) = (&self.session.shown, response.status().as_u16());
        if matches!(self.session.login, Login::None) {
            return remote(format!(
                "the remote {shown} wants a login ({status}): set git_credentials"
            ));
        }
        if !self.is_home(response.url()) {
            let host = response.url().host_str().unwrap_or_default();
            return remote(format!(
                "the remote {shown} redirects to {host}, which is not shown the password: \
                 change the remote's address"
            ));
        }
        remote(format!("the remote {shown} refused the git credentials ({status}): renew them"))
    }

    /// Where to go on after the advertisement was found at `found`.
    fn base_after(&self, base: &Url, found: &Url) -> Result<Url, Failure> {
        let shown = &self.session.shown;
        let mut next = found.clone();
        let Some(path) = found.path().strip_suffix(ADVERTISEMENT) else {
            let found = display(found.as_str());
            return Err(remote(format!(
                "the remote {shown} redirects to {found}, which is no repository"
            )));
        };
        if base.scheme() == "https" && found.scheme() != "https" {
            return Err(remote(format!("the remote {shown} redirects to an unencrypted address")));
        }
        next.set_path(path);
        next.set_query(None);
        if base.origin() == found.origin() {
            // Both fail only for addresses without a host.
            let _ = next.set_username(base.username());
            let _ = next.set_password(base.password());
        }
        Ok(next)
    }
}

fn extended(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// One request and its answer.
struct Exchange {
    link: Arc<Link>,
    state: State,
}

enum State {
    /// libgit2 is still writing the request.
    Asking(Vec<u8>),
    /// The answer arrives.
    Answered { response: Response, chunk: Bytes },
}

impl State {
    fn answered(response: Response) -> Self {
        Self::Answered { response, chunk: Bytes::new() }
    }
}

impl Exchange {
    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        if let State::Asking(request) = &mut self.state {
            let request = std::mem::take(request);
            self.state = State::answered(self.link.post(request)?);
        }
        let State::Answered { response, chunk } = &mut self.state else { return Ok(0) };
        while chunk.is_empty() {
            let next = self.link.session.wait(response.chunk())?;
            match next.map_err(|error| self.link.unreachable(error))? {
                Some(more) => *chunk = more,
                None => return Ok(0),
            }
        }
        let count = chunk.len().min(buffer.len());
        chunk.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer).map_err(|failure| self.link.session.fail_io(failure))
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Asking(request) => request.extend_from_slice(bytes),
            State::Answered { .. } => return Err(io::Error::other("the request was sent already")),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
