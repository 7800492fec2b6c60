//! How GitHub knows an app: by a signed note, whose every rule it checks.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::APP_ID;

const PUBLIC_KEY: &[u8] = include_bytes!("worthless-app-key.public.der");

/// Whether `note` is a JSON web token that GitHub accepts of the app that it knows.
pub(super) fn accepts(note: &str) -> bool {
    let Some((signed, signature)) = note.rsplit_once('.') else { return false };
    let Some((head, claims)) = signed.split_once('.') else { return false };
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC_KEY);
    let (head, claims) = (json(head), json(claims));
    let number = |name: &str| claims[name].as_i64().unwrap_or(i64::MAX);
    let now = jiff::Timestamp::now().as_second();
    key.verify(signed.as_bytes(), &signature).is_ok()
        && head["alg"] == "RS256"
        && claims["iss"] == APP_ID
        && number("iat") <= now
        && number("exp") > now
        && number("exp") - number("iat") <= 600
}

fn json(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
