//! What a verified token has to say: who made it, for whom, when, and for which workflow.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{OidcSettings, doubt::Doubt};

/// Clocks may differ by so many seconds.
const LEEWAY: i64 = 60;

/// A proof that can be replayed for longer than this is none: GitHub's are good for some minutes.
const LONGEST_LIFE: i64 = 60 * 60;

/// What a token has to say.
pub(super) struct Wanted {
    pub(super) audience: String,
    issuer: String,
    claims: BTreeMap<String, String>,
}

impl From<OidcSettings> for Wanted {
    fn from(OidcSettings { issuer, audience, claims }: OidcSettings) -> Self {
        Self { audience, issuer, claims }
    }
}

/// Judges `claims` at `now`, in seconds since 1970.
pub(super) fn judge(claims: &Map<String, Value>, wanted: &Wanted, now: i64) -> Result<(), Doubt> {
    says(claims, "iss", &wanted.issuer)?;
    is_for(claims, &wanted.audience)?;
    is_in_time(claims, now)?;
    wanted.claims.iter().try_for_each(|(claim, expected)| says(claims, claim, expected))
}

fn says(claims: &Map<String, Value>, claim: &str, expected: &str) -> Result<(), Doubt> {
    let said = match claims.get(claim) {
        Some(Value::String(said)) => said.clone(),
        Some(said @ (Value::Number(_) | Value::Bool(_))) => said.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => {
            return Err(Doubt::Claim(claim.to_owned()));
        }
    };
    if said == expected { Ok(()) } else { Err(wrong(claim, expected)) }
}

fn wrong(claim: &str, expected: &str) -> Doubt {
    Doubt::WrongClaim { claim: claim.to_owned(), expected: expected.to_owned() }
}

/// A token that others accept too could be brought by them: the list may name nobody else.
fn is_for(claims: &Map<String, Value>, audience: &str) -> Result<(), Doubt> {
    match claims.get("aud") {
        Some(Value::Array(several)) => match several.as_slice() {
            [Value::String(only)] if only == audience => Ok(()),
            _ => Err(wrong("aud", audience)),
        },
        _ => says(claims, "aud", audience),
    }
}

fn is_in_time(claims: &Map<String, Value>, now: i64) -> Result<(), Doubt> {
    let needed = |claim: &str| time(claims, claim)?.ok_or_else(|| Doubt::Claim(claim.to_owned()));
    let (made, ends) = (needed("iat")?, needed("exp")?);
    let begins = time(claims, "nbf")?.unwrap_or(made).max(made);
    if ends.saturating_add(LEEWAY) <= now {
        return Err(Doubt::Expired);
    }
    if begins > now.saturating_add(LEEWAY) {
        return Err(Doubt::NotYet);
    }
    if ends.saturating_sub(made) > LONGEST_LIFE { Err(Doubt::TooLong) } else { Ok(()) }
}

/// Seconds since 1970; some issuers write fractions.
fn time(claims: &Map<String, Value>, claim: &str) -> Result<Option<i64>, Doubt> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let whole = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    whole.map(Some).ok_or_else(|| Doubt::Claim(claim.to_owned()))
}
