//! Makes tokens, as an issuer and as those who would like to be one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::{Value, json};

const ISSUERS: &str = include_str!("../support/github/worthless-app-key.pkcs8");
const STRANGERS: &str = include_str!("worthless-stranger-key.pkcs8");

/// A private key.
pub enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub fn issuer() -> Self {
        Self::rsa(ISSUERS)
    }

    pub fn stranger() -> Self {
        Self::rsa(STRANGERS)
    }

    fn rsa(pem: &str) -> Self {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        Self::Rsa(RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap())
    }

    /// A new key on P-256.
    pub fn ec() -> Self {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).unwrap())
    }

    /// The public key, as issuers publish it.
    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = key.public().into();
                json!({ "kid": kid, "kty": "RSA", "use": "sig", "n": encode(n), "e": encode(e) })
            }
            Self::Ec(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                json!({ "kid": kid, "kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y })
            }
        }
    }

    /// A token with this header and these claims, whatever they are.
    pub fn token(&self, head: &Value, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", encode(head.to_string()), encode(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::Ec(key) => key.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{signed}.{}", encode(signature))
    }
}

/// The header of most tokens.
pub fn head(kid: &str) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": kid })
}

/// A token that nobody signed.
pub fn unsigned(claims: &Value) -> String {
    let head = json!({ "alg": "none", "kid": "one" });
    format!("{}.{}.", encode(head.to_string()), encode(claims.to_string()))
}

/// A token whose "secret" is the issuer's public key: for verifiers that let the token choose.
pub fn signed_with_the_public_key(key: &Signer, claims: &Value) -> String {
    let jwk = key.jwk("one");
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let head = json!({ "alg": "HS256", "kid": "one" });
    let signed = format!("{}.{}", encode(head.to_string()), encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &modulus), signed.as_bytes());
    format!("{signed}.{}", encode(tag))
}
