//! What `ripcord-agent check-config` prints: a line per environment, then warnings, then problems.

use std::fmt::Write;

use ripcord_core::VerifyWhen;

use super::{
    environment::{EnvironmentConfig, RepositoryConfig},
    files::Problem,
    model::Config,
    verify::VerdictSource,
};

/// The report on `config` and on what was found to be wrong around it.
#[must_use]
pub fn render_check(config: &Config, problems: &[Problem]) -> String {
    let mut report = String::new();
    for environment in config.environments.values() {
        let _ = writeln!(report, "{}", summary(environment));
    }
    for warning in warnings(config) {
        let _ = writeln!(report, "warning: {warning}");
    }
    for problem in problems {
        let _ = writeln!(report, "problem: {problem}");
    }
    let _ = match problems.len() {
        0 => writeln!(report, "ok: the configuration can be used"),
        1 => writeln!(report, "1 problem: put it right, then check again"),
        many => writeln!(report, "{many} problems: put them right, then check again"),
    };
    report
}

fn summary(environment: &EnvironmentConfig) -> String {
    let files = match (&environment.repository, &environment.promotes) {
        (Some(RepositoryConfig { path, remote, branch, .. }), promotes) => {
            let promotes = promotes.as_ref().map(|source| format!(", promotes {source}"));
            format!("{} ({remote}/{branch}){}", path.display(), promotes.unwrap_or_default())
        }
        (None, Some(source)) => format!("promotes {source} by command"),
        (None, None) => "no files".to_owned(),
    };
    format!(
        "{} ok: {files}, {}, probe {}, {}{}",
        environment.name,
        environment.runtime.kind(),
        environment.health.url,
        verification(environment),
        if environment.oidc.is_some() { ", asks for a workflow's token" } else { "" }
    )
}

fn verification(environment: &EnvironmentConfig) -> &'static str {
    match (environment.verify.when, &environment.verify.source) {
        (VerifyWhen::None, _) | (_, VerdictSource::Probe) => "verified by the probe",
        (VerifyWhen::After, VerdictSource::Command(_)) => {
            "verified by command after the deployment"
        }
        (VerifyWhen::Before, VerdictSource::Command(_)) => {
            "verified by command before the deployment"
        }
        (VerifyWhen::After, VerdictSource::Github(_)) => "verified by github after the deployment",
        (VerifyWhen::Before, VerdictSource::Github(_)) => {
            "verified by github before the deployment"
        }
    }
}

fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.access.is_empty() {
        warnings.push("there is no [[access]] rule: every call will be refused".to_owned());
    }
    warnings
}
