//! The words that cross every border, parsed once: after this file a bad value cannot exist.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::limits;

/// Why a text is not one of the ids of this module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {given:?} is not valid: {rule}")]
pub struct InvalidId {
    what: &'static str,
    given: String,
    rule: &'static str,
}

impl InvalidId {
    fn new(what: &'static str, given: &str, rule: &'static str) -> Self {
        let given = given.chars().take(80).collect();
        Self { what, given, rule }
    }
}

/// A full commit id: 40 hexadecimal digits, kept as 20 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitSha([u8; 20]);

impl CommitSha {
    /// Files that ran before the first deployment, and of which nobody knows the commit: git's own
    /// id of no object.
    pub const UNKNOWN: Self = Self([0; 20]);

    /// The id of these 20 bytes, as git stores them.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes, as git stores them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The first seven digits, as people write them; `unknown` for [`Self::UNKNOWN`].
    #[must_use]
    pub fn short(&self) -> String {
        if *self == Self::UNKNOWN { "unknown".to_owned() } else { self.to_string()[..7].to_owned() }
    }
}

impl FromStr for CommitSha {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid =
            || InvalidId::new("commit id", text, "a full commit id has 40 hexadecimal digits");
        if text.len() != 40 || !text.is_ascii() {
            return Err(invalid());
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16);
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                return Err(invalid());
            };
            *byte = u8::try_from(high * 16 + low).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A named place on an agent: lower-case letters, digits, `-` and `_`, at most 63.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvironmentName(String);

impl EnvironmentName {
    /// Where the journal keeps what concerns the agent and no environment; no environment may be
    /// called so.
    #[must_use]
    pub fn agent() -> Self {
        Self("agent".to_owned())
    }
}

impl FromStr for EnvironmentName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let all_allowed =
            text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
        if starts_well && all_allowed && text.len() <= limits::ENVIRONMENT_NAME_BYTES {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId::new(
            "environment name",
            text,
            "use 1 to 63 lower-case letters, digits, '-' or '_', and begin with a letter or digit",
        ))
    }
}

/// Who asks: the URI SAN of a client certificate, or `ripcord` for the agent itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identity(String);

impl Identity {
    /// The agent itself, as author of automatic rollbacks and holds.
    #[must_use]
    pub fn agent() -> Self {
        Self("ripcord".to_owned())
    }
}

impl FromStr for Identity {
    type Err = InvalidId;

    /// `spiffe://<trust-domain>/<kind>/<name…>`, segments of lower-case letters, digits, `.`, `_` and `-`.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text == "ripcord" {
            return Ok(Self::agent());
        }
        let invalid = || {
            InvalidId::new(
                "identity",
                text,
                "use spiffe://<trust-domain>/<kind>/<name>, in lower case",
            )
        };
        let path = text.strip_prefix("spiffe://").ok_or_else(invalid)?;
        let segments: Vec<&str> = path.split('/').collect();
        let well_formed = segments.len() >= 3
            && text.len() <= limits::IDENTITY_BYTES
            && segments.iter().all(|segment| is_identity_segment(segment));
        if well_formed { Ok(Self(text.to_owned())) } else { Err(invalid()) }
    }
}

fn is_identity_segment(segment: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(allowed)
}

/// A caller's own name for a request: the same id always means the same deployment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId(String);

impl FromStr for RequestId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_graphic();
        if !text.is_empty() && text.len() <= limits::REQUEST_ID_BYTES && text.chars().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId::new(
            "request id",
            text,
            "use 1 to 128 printable ASCII characters without spaces",
        ))
    }
}

/// The name of a backup: when it was made, and before which deployment; it is a folder's name, too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

impl FromStr for BackupId {
    type Err = InvalidId;

    /// Such as `20261123T061742Z-142`. Their alphabetical order is that of time.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let well_formed = text.split_once("Z-").is_some_and(|(time, number)| {
            let (date, clock) = time.split_once('T').unwrap_or_default();
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let lengths = date.len() == 8 && clock.len() == 6 && (1..=20).contains(&number.len());
            lengths && [date, clock, number].into_iter().all(digits)
        });
        if well_formed {
            return Ok(Self(text.to_owned()));
        }
        let rule = "it looks like 20261123T061742Z-142; `ripcord history ENV --backups` lists them";
        Err(InvalidId::new("backup", text, rule))
    }
}

macro_rules! text_id {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text as it was parsed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}
text_id!(BackupId, EnvironmentName, Identity, RequestId);

impl From<CommitSha> for String {
    fn from(sha: CommitSha) -> Self {
        sha.to_string()
    }
}

macro_rules! try_from_string {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }
    )*};
}
try_from_string!(BackupId, CommitSha, EnvironmentName, Identity, RequestId);

/// One attempt on one environment, counted from 1; `#142` to people.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct DeploymentNumber(pub u64);

impl DeploymentNumber {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for DeploymentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The place of an event in an agent's journal, counted from 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

/// An instant, in milliseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This instant and `millis` more.
    #[must_use]
    pub fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)))
    }

    /// Milliseconds from `earlier` to this instant; 0 when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_commit_id_survives_the_round_trip_and_is_lower_case() {
        let text = "ABCDEF0123456789abcdef0123456789abcdef01";
        let sha: CommitSha = text.parse().expect("valid");
        assert_eq!(sha.to_string(), text.to_lowercase());
        assert_eq!(sha.short(), "abcdef0");
    }

    #[test]
    fn short_long_and_foreign_commit_ids_are_refused_with_the_rule() {
        for text in ["", "abc", &"g".repeat(40), &"a".repeat(41), &"é".repeat(20), "HEAD"] {
            let error = text.parse::<CommitSha>().expect_err(text).to_string();
            assert!(error.contains("40 hexadecimal digits"), "{error}");
        }
    }

    #[test]
    fn a_backup_is_named_by_its_time_and_its_deployment_and_by_no_path() {
        assert!("20261123T061742Z-142".parse::<BackupId>().is_ok());
        for text in ["", "../20261123T061742Z-1", "20261123T061742Z-", "142", "2026-11-23T06Z-1"] {
            assert!(text.parse::<BackupId>().is_err(), "{text}");
        }
    }

    #[test]
    fn identities_need_a_trust_domain_a_kind_and_a_name_in_lower_case() {
        assert!("spiffe://mangetamain/ci/preprod".parse::<Identity>().is_ok());
        for text in [
            "spiffe://mangetamain/ci",
            "spiffe://mangetamain//preprod",
            "spiffe://Mangetamain/ci/preprod",
            "spiffe://mangetamain/ci/../x",
            "https://mangetamain/ci/preprod",
            "spiffe://mangetamain/ci/*",
        ] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }
}
