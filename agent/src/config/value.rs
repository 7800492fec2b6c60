//! The small values of the configuration: each knows how it is written, and refuses the rest.

use std::{
    net::SocketAddr,
    path::{Component, Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use croner::Cron;
use ripcord_core::{EnvironmentName, Identity};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use url::Url;

/// A program and its arguments, run without a shell.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Argv(Vec<String>);

impl Argv {
    /// The program, and behind it its arguments.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for Argv {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, Self::Error> {
        match words.first().map(String::as_str) {
            None | Some("") => Err("a command is a list that begins with a program"),
            Some(_) if words.iter().any(|word| word.contains('\0')) => {
                Err("a command cannot contain a NUL character")
            }
            Some(_) => Ok(Self(words)),
        }
    }
}

/// A file that holds a secret: an absolute path, or a name in `$CREDENTIALS_DIRECTORY`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PathBuf")]
pub struct SecretFile(PathBuf);

impl SecretFile {
    /// Where the secret is; systemd's folder of credentials is looked up now.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) if self.0.is_relative() => Path::new(&folder).join(&self.0),
            Some(_) | None => self.0.clone(),
        }
    }

    /// The secret, without the white space around it.
    ///
    /// # Errors
    /// When the file cannot be read, or is empty.
    pub fn read(&self) -> std::io::Result<SecretString> {
        let text = std::fs::read_to_string(self.path())?;
        if text.trim().is_empty() {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the file is empty"));
        }
        Ok(SecretString::from(text.trim()))
    }
}

impl TryFrom<PathBuf> for SecretFile {
    type Error = String;

    fn try_from(path: PathBuf) -> Result<Self, String> {
        let mut parts = path.components();
        let plain_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if path.is_absolute() || plain_name {
            return Ok(Self(path));
        }
        Err(format!(
            "`{}` must be an absolute path, or a plain name in $CREDENTIALS_DIRECTORY",
            path.display()
        ))
    }
}

/// When an environment is looked at although nothing happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Monitor {
    /// At the times of a cron expression.
    Cron(Box<Cron>),
    /// Again and again.
    Every(Duration),
}

impl<'de> Deserialize<'de> for Monitor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Ok(Period(every)) = Period::try_from(text.clone()) {
            return Ok(Self::Every(every));
        }
        let cron = Cron::from_str(&text).map_err(|error| {
            serde::de::Error::custom(format!(
                "`{text}` is neither a duration such as \"60s\" nor a cron expression such as \
                 \"0 * * * *\": {}",
                error.to_string().trim_end_matches('.')
            ))
        })?;
        Ok(Self::Cron(Box::new(cron)))
    }
}

/// Which identities a rule speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum IdentityPattern {
    /// This one.
    Exact(Identity),
    /// All that begin with this text, which ends in `/`.
    Prefix(String),
}

impl IdentityPattern {
    /// Whether the rule speaks of `identity`.
    #[must_use]
    pub fn matches(&self, identity: &Identity) -> bool {
        match self {
            Self::Exact(exact) => exact == identity,
            Self::Prefix(prefix) => identity.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl TryFrom<String> for IdentityPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let invalid = || {
            format!(
                "`{text}` is not an identity: write spiffe://<trust-domain>/<kind>/<name> in lower \
                 case, with at most one `*`, at the end and behind a `/`"
            )
        };
        // The agent's own name is an identity in the journal, and never a caller's.
        if !text.starts_with("spiffe://") {
            return Err(invalid());
        }
        let Some(folder) = text.strip_suffix("/*") else {
            return text.parse().map(Self::Exact).map_err(|_| invalid());
        };
        let example = format!("{folder}/kind/name").parse::<Identity>();
        example.map_err(|_| invalid())?;
        Ok(Self::Prefix(format!("{folder}/")))
    }
}

impl std::fmt::Display for IdentityPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(identity) => identity.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// One environment, or `"*"` for all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum EnvironmentSelector {
    /// All.
    All,
    /// One.
    One(EnvironmentName),
}

impl EnvironmentSelector {
    /// Whether `environment` is meant.
    #[must_use]
    pub fn matches(&self, environment: &EnvironmentName) -> bool {
        match self {
            Self::All => true,
            Self::One(name) => name == environment,
        }
    }
}

impl TryFrom<String> for EnvironmentSelector {
    type Error = ripcord_core::InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "*" { Ok(Self::All) } else { text.parse().map(Self::One) }
    }
}

/// A length of time as it is written: `500ms`, `10s`, `5m`, `2h`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Period(pub(super) Duration);

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let invalid =
            || format!("`{text}` is not a duration: write it as \"10s\", \"5m\" or \"2h\"");
        let mut millis: u64 = 0;
        let mut rest = text.as_str();
        loop {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
            let (number, behind) = rest.split_at(digits);
            let unit_end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
            let (unit, behind) = behind.split_at(unit_end);
            let number: u64 = number.parse().map_err(|_| invalid())?;
            let part = number.checked_mul(unit_millis(unit).ok_or_else(invalid)?);
            millis = part.and_then(|part| millis.checked_add(part)).ok_or_else(invalid)?;
            if behind.is_empty() {
                return Ok(Self(Duration::from_millis(millis)));
            }
            rest = behind;
        }
    }
}

fn unit_millis(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60 * 1000),
        "h" => Some(60 * 60 * 1000),
        _ => None,
    }
}

/// A path that begins at the root: the agent's working folder is nobody's business.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "PathBuf")]
pub(super) struct AbsolutePath(pub(super) PathBuf);

impl TryFrom<PathBuf> for AbsolutePath {
    type Error = String;

    fn try_from(path: PathBuf) -> Result<Self, String> {
        if path.is_absolute() {
            return Ok(Self(path));
        }
        Err(format!("`{}` must be an absolute path", path.display()))
    }
}

/// For `#[serde(deserialize_with)]`: an [`AbsolutePath`].
pub(super) fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    AbsolutePath::deserialize(deserializer).map(|path| path.0)
}

/// For `#[serde(deserialize_with)]`: an [`AbsolutePath`] that may be missing.
pub(super) fn absolute_option<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    absolute(deserializer).map(Some)
}

/// For `#[serde(deserialize_with)]`: a list of [`AbsolutePath`]s.
pub(super) fn absolute_list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<PathBuf>, D::Error> {
    let paths = Vec::<AbsolutePath>::deserialize(deserializer)?;
    Ok(paths.into_iter().map(|path| path.0).collect())
}

/// An `http` or `https` address.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct HttpUrl(pub(super) Url);

impl TryFrom<String> for HttpUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let invalid = |why: &str| format!("`{text}` is not an http or https address: {why}");
        let url = Url::parse(&text).map_err(|error| invalid(&error.to_string()))?;
        match url.scheme() {
            "http" | "https" if url.username().is_empty() && url.password().is_none() => {
                Ok(Self(url))
            }
            "http" | "https" => {
                Err("an address cannot hold a user name or a password: secrets are files"
                    .to_owned())
            }
            scheme => Err(invalid(&format!("`{scheme}` is not served"))),
        }
    }
}

/// An address and a port.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Address(pub(super) SocketAddr);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("`{text}` is not an address and a port: write it as \"0.0.0.0:7443\"")
        })
    }
}

/// An address and a port that only this machine reaches.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct OwnAddress(pub(super) SocketAddr);

impl TryFrom<String> for OwnAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Address(address) = Address::try_from(text)?;
        if address.ip().is_loopback() {
            return Ok(Self(address));
        }
        Err(format!(
            "`{address}` can be reached from other machines, and whoever asks there is not asked \
             who they are: write it as \"127.0.0.1:{}\"",
            address.port()
        ))
    }
}
