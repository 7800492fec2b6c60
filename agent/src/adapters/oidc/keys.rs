//! The keys that an issuer publishes (JWKS), and what they are good for: verifying RS256 and ES256.
//! A key is bound to its algorithm: what is signed another way does not find it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// So many keys are looked at: issuers publish a handful.
const MOST_KEYS: usize = 64;

/// A coordinate of a point on P-256, in bytes.
const COORDINATE: usize = 32;

/// How a token may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
}

impl Algorithm {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// A public key.
#[derive(Clone)]
pub(super) struct Key {
    kid: String,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
}

impl Key {
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
        };
        verified.is_ok()
    }

    fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
        }
    }
}

/// The keys of one issuer.
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// The keys in `body` that can be used; others are none of our business.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = serde_json::from_slice(body).ok()?;
        Some(Self(document.keys.into_iter().take(MOST_KEYS).filter_map(usable).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, kid: &str, algorithm: Algorithm) -> Option<&Key> {
        self.0.iter().find(|key| key.kid == kid && key.algorithm() == algorithm)
    }
}

/// A key as it is written.
#[derive(Deserialize)]
struct Written {
    kid: String,
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

fn usable(written: Value) -> Option<Key> {
    let written: Written = serde_json::from_value(written).ok()?;
    if written.purpose.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let material = match (written.kty.as_str(), written.crv.as_deref()) {
        ("RSA", _) => Material::Rsa { n: number(&written.n?)?, e: number(&written.e?)? },
        ("EC", Some("P-256")) => Material::P256(point(&written.x?, &written.y?)?),
        _ => return None,
    };
    let key = Key { kid: written.kid, material };
    let fits = |name: String| Algorithm::named(&name) == Some(key.algorithm());
    written.alg.is_none_or(fits).then_some(key)
}

/// Big-endian; some issuers write a leading zero, which the verifier does not take.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}

fn point(x: &str, y: &str) -> Option<Vec<u8>> {
    let coordinate =
        |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == COORDINATE);
    Some([&[4], coordinate(x)?.as_slice(), coordinate(y)?.as_slice()].concat())
}
