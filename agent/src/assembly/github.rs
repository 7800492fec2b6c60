//! From `[github]` to the one client of GitHub, and to the one who asks it for verdicts.

use std::sync::Arc;

use crate::{
    adapters::github::{App, Github, GithubRuns, Login},
    config::{GithubAuth, GithubConfig},
    verify::github::Poller,
};

/// The client; its clones share the login and the rate limit.
pub(super) fn client(config: &GithubConfig, http: reqwest::Client) -> Github {
    let login = match &config.auth {
        GithubAuth::Token(file) => Login::Token(file.path()),
        GithubAuth::App(app) => Login::App(App {
            id: app.id.clone(),
            installation: app.installation,
            key_file: app.key_file.path(),
        }),
    };
    Github::new(http, config.api.clone(), login)
}

/// Asks for the verdicts of all environments.
pub(super) fn poller(config: &GithubConfig, client: Github) -> Arc<Poller> {
    let repository = config.repository.as_str().to_owned();
    Poller::start(Arc::new(GithubRuns::new(client, repository)))
}
