//! A JSON web token, taken apart with distrust: nothing of its claims is looked at before its
//! signature holds, and the token does not choose how it is verified beyond two sound ways.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{
    doubt::Doubt,
    keys::{Algorithm, Key},
};

/// Bytes of the longest token: GitHub's take some 2,000, and headers of a call 16 KiB in all.
pub(super) const LONGEST: usize = 8 * 1024;

/// A token whose signature nobody has looked at.
pub(super) struct Token<'t> {
    pub(super) algorithm: Algorithm,
    /// Which of the issuer's keys it says it is signed with.
    pub(super) kid: String,
    signed: &'t str,
    claims: &'t str,
    signature: Vec<u8>,
}

/// What the header says; other parameters do not matter.
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<IgnoredAny>,
}

impl<'t> Token<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, Doubt> {
        if text.len() > LONGEST {
            return Err(Doubt::Oversized);
        }
        let parts = text.rsplit_once('.');
        let (signed, signature) = parts.ok_or(Doubt::Malformed("it has no three parts"))?;
        let parts = signed.split_once('.').filter(|(_, claims)| !claims.contains('.'));
        let (head, claims) = parts.ok_or(Doubt::Malformed("it has no three parts"))?;
        let head: Head = serde_json::from_slice(&decoded(head)?)
            .map_err(|_| Doubt::Malformed("its header cannot be read"))?;
        let algorithm = Algorithm::named(&head.alg).ok_or(Doubt::Algorithm)?;
        if head.crit.is_some() {
            return Err(Doubt::Malformed("it asks for extensions"));
        }
        let kid = head.kid.ok_or(Doubt::Malformed("it names no key"))?;
        Ok(Self { algorithm, kid, signed, claims, signature: decoded(signature)? })
    }

    /// What the token says, when `key` signed it.
    pub(super) fn signed_by(&self, key: &Key) -> Result<Map<String, Value>, Doubt> {
        if !key.has_signed(self.signed.as_bytes(), &self.signature) {
            return Err(Doubt::Signature);
        }
        serde_json::from_slice(&decoded(self.claims)?)
            .map_err(|_| Doubt::Malformed("its claims cannot be read"))
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, Doubt> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Doubt::Malformed("it is not in base64url"))
}
