//! A workflow's own OIDC token as the second proof of a deployment: signed by the issuer that the
//! operator named, made for this agent, in its time, and with the claims that were asked for.
//!
//! Nothing that it says holds anything of a token. It does not remember tokens: within its lifetime
//! one can be used again, by whoever has it and the certificate.

mod claims;
mod doubt;
mod issuer;
mod keys;
mod token;

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use self::{claims::Wanted, doubt::Doubt, issuer::Issuer, token::Token};
use crate::ports::SecondProof;

/// What a token has to be.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// Who signs it, byte for byte as its `iss` says; its keys are found below this address.
    pub issuer: String,
    /// Whom it is made for.
    pub audience: String,
    /// What it says of the workflow, by claim.
    pub claims: BTreeMap<String, String>,
}

/// Judges tokens of one environment.
pub struct Oidc {
    issuer: Issuer,
    wanted: Wanted,
}

impl Oidc {
    /// Nothing is asked yet: the issuer's keys are fetched when the first token comes.
    #[must_use]
    pub fn new(http: reqwest::Client, settings: OidcSettings) -> Self {
        let issuer = Issuer::new(http, settings.issuer.clone());
        Self { issuer, wanted: settings.into() }
    }

    async fn prove(&self, text: &str) -> Result<(), Doubt> {
        let token = Token::parse(text)?;
        let key = self.issuer.key(&token.kid, token.algorithm).await?;
        let claims = token.signed_by(&key)?;
        claims::judge(&claims, &self.wanted, now())
    }
}

#[async_trait]
impl SecondProof for Oidc {
    fn audience(&self) -> &str {
        &self.wanted.audience
    }

    async fn judge(&self, token: &SecretString) -> Result<(), String> {
        self.prove(token.expose_secret()).await.map_err(|doubt| doubt.to_string())
    }
}

/// Seconds since 1970, as tokens count.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
