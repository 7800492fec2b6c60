//! Signs as Standard Webhooks says: HMAC-SHA256 over `id.timestamp.body`, so that nobody can change,
//! make up or repeat an event.

use std::{fmt, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;

/// What a secret begins with, so that people and scanners recognise it.
const PREFIX: &str = "whsec_";

/// The key of one receiver.
pub struct Secret(hmac::Key);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Reads the secret in `file`: `whsec_`, and behind it the key in base64.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do; never what is in it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let shown = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
        Self::parse(&text).ok_or_else(|| {
            format!(
                "{shown} does not hold `{PREFIX}` and a key in base64; make one with \
                 `echo \"{PREFIX}$(openssl rand -base64 32)\"`"
            )
        })
    }

    /// Reads a secret as it is written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let key = STANDARD.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
        (!key.is_empty()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The value of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}
