//! A GitHub App signs a short note with its key, and gets the token of one installation for an hour.

use std::{path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{Github, GithubError, Request, login::unusable, session::Session};

/// GitHub accepts notes for 10 minutes at most; its clock and ours may differ.
const NOTE_SECONDS: i64 = 9 * 60;
/// The note is dated back so that a clock that goes ahead is no reason to refuse it.
const DATED_BACK_SECONDS: i64 = 60;
/// A token is given up so long before its end, so that no request meets it.
const SPARE: Duration = Duration::from_secs(5 * 60);
/// GitHub's installation tokens last an hour.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// An installed GitHub App.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id, or its client id.
    pub id: String,
    /// Where it is installed.
    pub installation: u64,
    /// Its private key, PEM.
    pub key_file: PathBuf,
}

/// What GitHub answers.
#[derive(Deserialize)]
struct InstallationToken {
    token: String,
    expires_at: Timestamp,
}

impl App {
    /// A token of the installation, and how long it is good for.
    pub(super) async fn installation_token(
        &self,
        github: &Github,
        key: &SecretString,
    ) -> Result<(SecretString, Duration), GithubError> {
        let note = self.note(key, Timestamp::now())?;
        let session = Session::new(github, note, None, None)?;
        let route = format!("/app/installations/{}/access_tokens", self.installation);
        let request = Request { route: &route, body: Some(json!({})) };
        let granted: InstallationToken = github.exchange(&session, &request).await?;
        let left = Duration::try_from(granted.expires_at.duration_since(Timestamp::now()));
        let good_for = left.unwrap_or_default().min(LONGEST).saturating_sub(SPARE);
        Ok((SecretString::from(granted.token), good_for))
    }

    /// A JSON web token: who we are, signed with RS256.
    fn note(&self, key: &SecretString, now: Timestamp) -> Result<SecretString, GithubError> {
        let unusable = |reason: String| unusable(&self.key_file, reason);
        let key = key_pair(key).map_err(unusable)?;
        let now = now.as_second();
        let head = json!({ "alg": "RS256", "typ": "JWT" });
        let claims = json!({
            "iat": now - DATED_BACK_SECONDS,
            "exp": now + NOTE_SECONDS,
            "iss": self.id,
        });
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let signed = format!(
            "{}.{}",
            encode(head.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| unusable("it does not sign".to_owned()))?;
        Ok(SecretString::from(format!("{signed}.{}", encode(&signature))))
    }
}

/// The key, as GitHub gives it out (PKCS#1) or as other tools convert it (PKCS#8).
fn key_pair(pem: &SecretString) -> Result<RsaKeyPair, String> {
    let key = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes())
        .map_err(|_| "it holds no private key in PEM".to_owned())?;
    let pair = match &key {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err("it is no RSA key".to_owned()),
    };
    pair.map_err(|error| format!("it is no RSA key that can be used: {error}"))
}
