//! What the configuration says of GitHub: whose workflow runs are read, as whom, and what is shown there.

use serde::Deserialize;
use url::Url;

use super::value::{HttpUrl, SecretFile};

/// `[github]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawGithub")]
pub struct GithubConfig {
    /// Whose workflow runs are read.
    pub repository: Repository,
    /// As whom.
    pub auth: GithubAuth,
    /// The API's address.
    pub api: Url,
    /// Whether each deployment is shown as the commit status `ripcord/<environment>`.
    pub commit_status: bool,
    /// Whether each deployment is shown among GitHub's deployments.
    pub deployments: bool,
}

/// As whom GitHub is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubAuth {
    /// With a personal access token.
    Token(SecretFile),
    /// As an installed GitHub App.
    App(GithubApp),
}

/// `[github.app]`: an installed GitHub App.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubApp {
    /// The app's id, or its client id.
    #[serde(deserialize_with = "number_or_text")]
    pub id: String,
    /// The number of its installation.
    pub installation: u64,
    /// The app's private key, PEM.
    pub key_file: SecretFile,
}

/// A repository on GitHub, `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Repository(String);

impl Repository {
    /// `owner/name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Repository {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_part = |part: &str| {
            !part.is_empty() && part != "." && part != ".." && part.chars().all(allowed)
        };
        match text.split_once('/') {
            Some((owner, name)) if is_part(owner) && is_part(name) => Ok(Self(text)),
            Some(_) | None => Err(format!("`{text}` is not a repository: write it as owner/name")),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGithub {
    repository: Repository,
    token_file: Option<SecretFile>,
    app: Option<GithubApp>,
    api: Option<HttpUrl>,
    #[serde(default = "yes")]
    commit_status: bool,
    #[serde(default = "yes")]
    deployments: bool,
}

fn yes() -> bool {
    true
}

impl TryFrom<RawGithub> for GithubConfig {
    type Error = &'static str;

    fn try_from(raw: RawGithub) -> Result<Self, Self::Error> {
        let RawGithub { repository, token_file, app, api, commit_status, deployments } = raw;
        let auth = match (token_file, app) {
            (Some(token), None) => GithubAuth::Token(token),
            (None, Some(app)) => GithubAuth::App(app),
            (Some(_), Some(_)) => return Err("has `token_file` and `app`: choose one"),
            (None, None) => {
                return Err("needs `token_file`, or `app = { id, installation, key_file }`");
            }
        };
        let api = api.map_or_else(github_itself, |api| Ok(api.0))?;
        Ok(Self { repository, auth, api, commit_status, deployments })
    }
}

fn github_itself() -> Result<Url, &'static str> {
    Url::parse("https://api.github.com/").map_err(|_| "has no usable address")
}

/// An app's id is a number, its client id is not; both sign in.
fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected the app's id: a number, or its client id")]
    enum Id {
        Number(u64),
        Text(String),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Number(number) => number.to_string(),
        Id::Text(text) => text,
    })
}
