//! What a deployment does, step by step, in words: for `--dry-run`.

use std::time::Duration;

use ripcord_core::VerifyWhen;

use crate::config::{
    BackupConfig, ComposeAction, EnvironmentConfig, RepositoryConfig, RuntimeConfig,
};

/// What a deployment does here. Holds nothing that changes by itself: people agree to these lines.
pub(super) fn steps(config: &EnvironmentConfig) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(source) = &config.promotes {
        steps.push(format!("check that {source} has validated the commit, and stands behind it"));
    }
    if let Some(RepositoryConfig { path, remote, branch, .. }) = &config.repository {
        let path = path.display();
        steps.push(format!(
            "fetch {remote}/{branch} into {path}, and check that the commit is on it"
        ));
    }
    steps.extend(config.backup.as_ref().map(back_up));
    steps.extend(bring(config));
    steps.push(restart(&config.runtime));
    let attempts = config.health.attempts;
    steps.push(format!("probe {}, at most {attempts} failed tries", config.health.url));
    if !config.health.bake.is_zero() {
        let bake = in_words(config.health.bake);
        steps.push(format!("roll back if it does not stay healthy for {bake}"));
    }
    steps.push(match config.verify.when {
        VerifyWhen::After => "watch the verdict while it is live".to_owned(),
        VerifyWhen::Before => "wait for the verdict before anything is touched".to_owned(),
        VerifyWhen::None => "the probe is the verdict".to_owned(),
    });
    steps
}

fn back_up(backup: &BackupConfig) -> String {
    let BackupConfig { paths, dir, keep } = backup;
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    format!("back up {} to {}, and keep the last {keep}", paths.join(", "), dir.display())
}

fn bring(config: &EnvironmentConfig) -> Option<String> {
    if let Some(repository) = &config.repository {
        let path = repository.path.display();
        return Some(format!("reset {path} to the commit; untracked files stay"));
    }
    let (promote, source) = (config.promote.as_ref()?, config.promotes.as_ref()?);
    let command = promote.run.as_slice().join(" ");
    Some(format!("promote the files of the commit from {source}: {command}"))
}

fn restart(runtime: &RuntimeConfig) -> String {
    match runtime {
        RuntimeConfig::Compose(compose) => {
            let action = match compose.action {
                ComposeAction::Restart => "restart",
                ComposeAction::Recreate => "recreate",
            };
            format!("{action} the containers of {}", compose.file.display())
        }
        RuntimeConfig::Container(container) => {
            format!("restart {}", container.containers.join(", "))
        }
        RuntimeConfig::Process(process) => format!("restart {}", process.run.as_slice().join(" ")),
    }
}

/// As it would be written in the configuration.
fn in_words(period: Duration) -> String {
    match (period.as_secs(), period.subsec_millis()) {
        (seconds, 0) if seconds % 60 == 0 => format!("{} min", seconds / 60),
        (seconds, 0) => format!("{seconds} s"),
        (_, _) => format!("{} ms", period.as_millis()),
    }
}
