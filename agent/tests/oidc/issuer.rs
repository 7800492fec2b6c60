//! An issuer on this machine: its discovery document, its keys, and its bad days.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    body::Body,
    http::{Response, Uri},
};
use ripcord_agent::{
    adapters::{
        git::http_client,
        oidc::{Oidc, OidcSettings},
    },
    ports::SecondProof,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::signer::{Signer, head};

pub const AUDIENCE: &str = "ripcord-lab";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/.well-known/jwks";

/// What is wrong with an issuer.
#[derive(Clone)]
pub enum Fault {
    Hang,
    Status(u16),
    Redirect(String),
    Discovery(Value),
    Keys(Vec<u8>),
}

struct State {
    keys: Vec<Value>,
    fault: Option<Fault>,
    fetches: usize,
    url: String,
}

/// A running issuer, whose first key is named `one`.
pub struct Issuer {
    pub url: String,
    pub key: Signer,
    state: Arc<Mutex<State>>,
}

impl Issuer {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = Signer::issuer();
        let keys = vec![key.jwk("one")];
        let state = State { keys, fault: None, fetches: 0, url: url.clone() };
        let state = Arc::new(Mutex::new(state));
        let served = state.clone();
        let router = axum::Router::new().fallback(move |uri: Uri| answer(served.clone(), uri));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, key, state }
    }

    pub fn publish(&self, keys: Vec<Value>) {
        self.state.lock().unwrap().keys = keys;
    }

    pub fn fault(&self, fault: impl Into<Option<Fault>>) {
        self.state.lock().unwrap().fault = fault.into();
    }

    /// How often its keys were fetched.
    pub fn fetches(&self) -> usize {
        self.state.lock().unwrap().fetches
    }

    pub fn settings(&self) -> OidcSettings {
        let claims = [("repository_id", "74"), ("ref", "refs/heads/main"), ("protected", "true")];
        let text = |(claim, value): (&str, &str)| (claim.to_owned(), value.to_owned());
        OidcSettings {
            issuer: self.url.clone(),
            audience: AUDIENCE.into(),
            claims: claims.map(text).into_iter().collect::<BTreeMap<_, _>>(),
        }
    }

    /// What judges its tokens, and knows nothing yet.
    pub fn proof(&self) -> Oidc {
        Oidc::new(http_client::build(None).unwrap(), self.settings())
    }

    /// What a good token says.
    pub fn claims(&self) -> Value {
        let now = now();
        json!({
            "iss": self.url, "aud": AUDIENCE, "sub": "repo:us/shop:ref:refs/heads/main",
            "iat": now - 10, "nbf": now - 600, "exp": now + 290,
            "repository_id": "74", "ref": "refs/heads/main", "protected": true,
        })
    }

    /// A good token, but for these claims; `null` removes one.
    pub fn token_with(&self, changed: Value) -> String {
        let mut claims = self.claims();
        for (claim, value) in changed.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
                value => claims[claim] = value.clone(),
            }
        }
        self.key.token(&head("one"), claims.to_string())
    }

    pub fn token(&self) -> String {
        self.token_with(json!({}))
    }
}

pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// What `proof` says of `token`.
pub async fn judge(proof: &Oidc, token: impl Into<String>) -> Result<(), String> {
    proof.judge(&SecretString::from(token.into())).await
}

async fn answer(state: Arc<Mutex<State>>, uri: Uri) -> Response<Body> {
    let (body, status, location) = {
        let mut state = state.lock().unwrap();
        let discovery = json!({
            "issuer": state.url, "jwks_uri": format!("{}{KEYS}", state.url),
        });
        let keys = json!({ "keys": state.keys }).to_string().into_bytes();
        state.fetches += usize::from(uri.path() == KEYS);
        match (uri.path(), state.fault.clone()) {
            (_, Some(Fault::Hang)) => (None, 200, None),
            (_, Some(Fault::Status(status))) => (Some(Vec::new()), status, None),
            (DISCOVERY, Some(Fault::Redirect(to))) => (Some(Vec::new()), 302, Some(to)),
            (DISCOVERY, Some(Fault::Discovery(said))) => (Some(said.to_string().into()), 200, None),
            (KEYS, Some(Fault::Keys(said))) => (Some(said), 200, None),
            (DISCOVERY, _) => (Some(discovery.to_string().into()), 200, None),
            (KEYS, _) => (Some(keys), 200, None),
            _ => (Some(Vec::new()), 404, None),
        }
    };
    let Some(body) = body else { return std::future::pending().await };
    let answer = Response::builder().status(status);
    let answer = location.into_iter().fold(answer, |answer, to| answer.header("location", to));
    answer.body(body.into()).unwrap()
}
