//! As whom GitHub is asked: a token from a file, or an installed app.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{
    Github, GithubError,
    app::App,
    session::{Session, Stamp},
};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Whoever the token in this file belongs to.
    Token(PathBuf),
    /// An installed GitHub App.
    App(App),
}

impl Login {
    /// A new session, from what the file says now.
    pub(super) async fn log_in(&self, github: &Github) -> Result<Session, GithubError> {
        let file = self.file();
        let stamp = Stamp::of(file).await;
        let secret = read(file).await?;
        match self {
            Self::Token(_) => {
                let token = SecretString::from(secret.expose_secret().trim());
                Session::new(github, token, stamp, None)
            }
            Self::App(app) => {
                let (token, good_for) = app.installation_token(github, &secret).await?;
                Session::new(github, token, stamp, Some(good_for))
            }
        }
    }

    /// The file that holds the secret.
    pub(super) fn file(&self) -> &Path {
        match self {
            Self::Token(file) => file,
            Self::App(app) => &app.key_file,
        }
    }

    /// What GitHub does not accept, and what to do about it.
    pub(super) fn advice(&self) -> String {
        let file = self.file().display();
        match self {
            Self::Token(_) => format!("the token: put a valid one into {file}"),
            Self::App(app) => format!(
                "the key of app {}: put a valid one into {file}, and check the app's id",
                app.id
            ),
        }
    }
}

async fn read(file: &Path) -> Result<SecretString, GithubError> {
    let unusable = |reason: String| unusable(file, reason);
    let text =
        tokio::fs::read_to_string(file).await.map_err(|error| unusable(error.to_string()))?;
    if text.trim().is_empty() {
        return Err(unusable("it is empty".to_owned()));
    }
    Ok(SecretString::from(text))
}

pub(super) fn unusable(file: &Path, reason: String) -> GithubError {
    GithubError::Credentials { file: file.display().to_string(), reason }
}
