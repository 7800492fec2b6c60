//! What deployments do on an environment, in words: from its configuration, for plans.

use std::{path::Path, time::Duration};

use ripcord_core::{Policy, VerifyWhen};

use crate::{
    config::{
        BackupConfig, ComposeAction, ComposeRuntime, EnvironmentConfig, RepositoryConfig,
        RuntimeConfig,
    },
    engine::{Doings, Saving},
    shell,
};

pub(super) fn of(config: &EnvironmentConfig) -> Doings {
    let Policy { bake_ms, hold_after_manual_rollback, .. } = config.policy();
    Doings {
        find: find(config),
        save: config.backup.as_ref().map(saving),
        bring: bring(config),
        tree: config.repository.as_ref().map(|repository| repository.path.clone()),
        restart: restart(&config.runtime),
        probe: format!(
            "probe {}, at most {} failed tries",
            config.health.url, config.health.attempts
        ),
        judge: judge(config.verify.when).to_owned(),
        bake: (bake_ms > 0).then(|| Duration::from_millis(bake_ms)),
        hold_after_rollback: hold_after_manual_rollback,
        restart_by_hand: restart_by_hand(&config.runtime),
    }
}

fn saving(backup: &BackupConfig) -> Saving {
    let BackupConfig { paths, dir, keep } = backup.clone();
    Saving { paths, dir, keep }
}

fn find(config: &EnvironmentConfig) -> String {
    match (&config.repository, &config.promotes) {
        (Some(RepositoryConfig { path, remote, branch, .. }), _) => format!(
            "fetch {remote}/{branch} into {}, and check that the commit is on it",
            path.display()
        ),
        (None, Some(source)) => format!("take the commit from the repository of {source}"),
        (None, None) => "find the commit".to_owned(),
    }
}

fn bring(config: &EnvironmentConfig) -> String {
    match (&config.repository, &config.promote) {
        (Some(repository), _) => {
            format!("reset {} to the commit; untracked files stay", repository.path.display())
        }
        (None, Some(promote)) => {
            format!("bring the files with {}", command(promote.run.as_slice()))
        }
        (None, None) => "bring the files".to_owned(),
    }
}

fn restart(runtime: &RuntimeConfig) -> String {
    match runtime {
        RuntimeConfig::Compose(compose) => {
            let containers = format!("the containers of {}", compose.file.display());
            match compose.action {
                ComposeAction::Restart => format!("restart {containers}"),
                ComposeAction::Recreate => format!("recreate {containers}"),
                ComposeAction::Reload(by) => format!("send SIG{} to {containers}", by.name()),
            }
        }
        RuntimeConfig::Container(container) => {
            let containers = container.containers.join(", ");
            match container.reload {
                Some(by) => format!("send SIG{} to {containers}", by.name()),
                None => format!("restart {containers}"),
            }
        }
        RuntimeConfig::Process(process) => format!("restart {}", command(process.run.as_slice())),
    }
}

fn command(argv: &[String]) -> String {
    argv.iter().map(|word| shell::quoted(word)).collect::<Vec<_>>().join(" ")
}

fn judge(when: VerifyWhen) -> &'static str {
    match when {
        VerifyWhen::After => "watch the verdict while it is live",
        VerifyWhen::Before => "wait for the verdict before anything is touched",
        VerifyWhen::None => "the probe is the verdict",
    }
}

/// None for a process: whoever restarts it beside the agent has two of them.
fn restart_by_hand(runtime: &RuntimeConfig) -> Vec<String> {
    match runtime {
        RuntimeConfig::Compose(compose) => compose_by_hand(compose),
        RuntimeConfig::Container(container) => {
            vec![format!("docker restart {}", command(&container.containers))]
        }
        RuntimeConfig::Process(_) => Vec::new(),
    }
}

fn compose_by_hand(compose: &ComposeRuntime) -> Vec<String> {
    let project = compose.project.as_deref().map(|name| format!(" -p {}", shell::quoted(name)));
    let on = |file: &Path| {
        format!("docker compose -f {}{}", shell::path(file), project.unwrap_or_default())
    };
    let on = on(&compose.file);
    match compose.action {
        // By hand no signal: whoever does that wants to be sure, and docker takes it for a stop.
        ComposeAction::Restart | ComposeAction::Reload(_) => vec![format!("{on} restart")],
        ComposeAction::Recreate => vec![format!("{on} down && {on} up -d")],
    }
}
