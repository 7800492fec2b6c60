//! Where the issuer's keys come from: its discovery document, then the keys that it names on the same
//! host. They are kept for a while, and fetched again when a token names another, with pauses, so
//! that nobody can make the agent flood the issuer. Without keys nothing is proven.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::time::{Instant, timeout};
use url::{Host, Url};

use super::{
    doubt::Doubt,
    keys::{Algorithm, Key, Keys},
};
use crate::causes::with_causes;

/// How long everything may take; a call has 10 s until its answer begins.
const PATIENCE: Duration = Duration::from_secs(5);

/// So long a key is good that the issuer may have withdrawn.
const LONGEST_AGE: Duration = Duration::from_secs(60 * 60);

/// Until a key that is not known makes the agent ask again: issuers publish keys before they sign.
const PAUSE: Duration = Duration::from_secs(30);

/// Until an issuer that did not answer is asked again.
const PAUSE_AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// Bytes of the longest answer: GitHub's keys take some 10,000.
const LONGEST_ANSWER: usize = 256 * 1024;

/// An issuer, and what is known of its keys.
pub(super) struct Issuer {
    http: reqwest::Client,
    name: String,
    keys: Mutex<Option<(Keys, Instant)>>,
    /// Held while the issuer is asked, so that only one does; when the last one did, and its trouble.
    asked: tokio::sync::Mutex<Option<Asked>>,
}

struct Asked {
    at: Instant,
    trouble: Option<String>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    pub(super) fn new(http: reqwest::Client, name: String) -> Self {
        Self { http, name, keys: Mutex::default(), asked: tokio::sync::Mutex::default() }
    }

    /// The key of this name, asking the issuer where it is not known.
    pub(super) async fn key(&self, kid: &str, algorithm: Algorithm) -> Result<Key, Doubt> {
        if let Some(key) = self.known(kid, algorithm) {
            return Ok(key);
        }
        let asking = timeout(PATIENCE, self.ask_for(kid, algorithm)).await;
        asking.unwrap_or_else(|_| Err(self.silent(no_answer())))
    }

    fn known(&self, kid: &str, algorithm: Algorithm) -> Option<Key> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let (keys, since) = keys.as_ref()?;
        (since.elapsed() < LONGEST_AGE).then(|| keys.find(kid, algorithm).cloned()).flatten()
    }

    async fn ask_for(&self, kid: &str, algorithm: Algorithm) -> Result<Key, Doubt> {
        let mut asked = self.asked.lock().await;
        // Whoever asked while this one waited may have got it.
        if let Some(key) = self.known(kid, algorithm) {
            return Ok(key);
        }
        let unknown = || Doubt::UnknownKey { issuer: self.name.clone() };
        if let Some(last) = asked.as_ref().filter(|last| last.is_recent()) {
            return Err(last.trouble.clone().map_or_else(unknown, |why| self.silent(why)));
        }
        // An answer that is not waited for counts as none.
        *asked = Some(Asked { at: Instant::now(), trouble: Some(no_answer()) });
        let fetched = self.fetch().await;
        let trouble = fetched.as_ref().err().cloned();
        *asked = Some(Asked { at: Instant::now(), trouble });
        let keys = fetched.map_err(|why| self.silent(why))?;
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some((keys, Instant::now()));
        self.known(kid, algorithm).ok_or_else(unknown)
    }

    fn silent(&self, why: String) -> Doubt {
        Doubt::Issuer { issuer: self.name.clone(), why }
    }

    async fn fetch(&self) -> Result<Keys, String> {
        let address = self.name.trim_end_matches('/');
        let about = usable(&format!("{address}/.well-known/openid-configuration"))
            .ok_or("its address is not https")?;
        let body = self.get(&about).await?;
        let discovery: Discovery = serde_json::from_slice(&body)
            .map_err(|_| "its discovery document cannot be read".to_owned())?;
        if discovery.issuer != self.name {
            return Err("its discovery document speaks for another issuer".to_owned());
        }
        let keys = usable(&discovery.jwks_uri).filter(|keys| keys.origin() == about.origin());
        let keys = keys.ok_or("its discovery document leads to keys on another host")?;
        let keys = Keys::parse(&self.get(&keys).await?).ok_or("its keys cannot be read")?;
        if keys.is_empty() {
            return Err("it publishes no key that can be used".to_owned());
        }
        Ok(keys)
    }

    /// What is at `address` and nowhere else.
    async fn get(&self, address: &Url) -> Result<Vec<u8>, String> {
        let broken = |error: reqwest::Error| with_causes(&error.without_url());
        let mut answer = self.http.get(address.clone()).send().await.map_err(broken)?;
        if answer.url() != address {
            return Err("it redirects, which is not followed".to_owned());
        }
        if answer.status() != reqwest::StatusCode::OK {
            return Err(format!("it answers HTTP {}", answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(format!("it answers more than {} KiB", LONGEST_ANSWER / 1024));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Asked {
    fn is_recent(&self) -> bool {
        let pause = if self.trouble.is_some() { PAUSE_AFTER_TROUBLE } else { PAUSE };
        self.at.elapsed() < pause
    }
}

fn no_answer() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

/// Keys that somebody on the way could exchange prove nothing.
fn usable(address: &str) -> Option<Url> {
    let address = Url::parse(address).ok()?;
    let is_own = match address.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    let is_safe = address.scheme() == "https" || (address.scheme() == "http" && is_own);
    is_safe.then_some(address)
}
