//! Whether GitHub accepts the login, and lets it see what the configuration asks for. Reads only, and
//! each by a conditional request: what has not changed costs no rate limit.

use serde::de::IgnoredAny;

use crate::{
    adapters::github::{Github, GithubError},
    config::GithubConfig,
    engine::{Check, Seen},
};

/// What the login needs, each with the route that shows it.
pub(super) fn checks(config: &GithubConfig, github: &Github) -> Vec<Check> {
    let repository = config.repository.as_str();
    let check = |permission, route| check(github.clone(), repository.to_owned(), permission, route);
    let mut checks = vec![check("actions=read", "actions/runs?per_page=1")];
    if config.commit_status {
        checks.push(check("statuses=write", "commits/HEAD/statuses?per_page=1"));
    }
    if config.deployments {
        checks.push(check("deployments=write", "deployments?per_page=1"));
    }
    checks
}

fn check(
    github: Github,
    repository: String,
    permission: &'static str,
    route: &'static str,
) -> Check {
    let fix =
        format!("look at [github], at the network, and at the login's permission {permission}");
    Check::new("github", fix, move || {
        let (github, repository) = (github.clone(), repository.clone());
        async move {
            let answer = github.get::<IgnoredAny>(&format!("/repos/{repository}/{route}")).await;
            match answer {
                Ok(_) => Seen::fine(format!("{repository}: {}", shown(permission))),
                Err(error) => refused(&error, permission),
            }
        }
    })
}

/// Who may read may not write yet: nobody can ask without writing, but a sink that cannot says so.
fn shown(permission: &str) -> String {
    match permission.strip_suffix("=write") {
        Some(what) => {
            format!("{what} can be read; whether they can be written shows when they are")
        }
        None => "workflow runs can be read".to_owned(),
    }
}

fn refused(error: &GithubError, permission: &str) -> Seen {
    let detail = error.to_string();
    match error {
        // It passes by itself, and stops no deployment.
        GithubError::RateLimited { .. } | GithubError::Server { .. } => {
            Seen::warning(detail).fix("wait; nothing is lost meanwhile")
        }
        GithubError::Forbidden { .. } => Seen::failed(detail)
            .fix(format!("give the token or app the repository permission {permission}")),
        GithubError::Unreachable { .. }
        | GithubError::Unauthorized { .. }
        | GithubError::NotFound { .. }
        | GithubError::Rejected { .. }
        | GithubError::Unreadable { .. }
        | GithubError::Credentials { .. } => Seen::failed(detail),
    }
}
