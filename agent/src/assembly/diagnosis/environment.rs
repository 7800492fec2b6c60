//! What is looked at of one environment.

use std::path::PathBuf;

use ripcord_core::Failure;

use super::{blocking, disk, problems};
use crate::{
    config::{EnvironmentConfig, RuntimeConfig},
    engine::{Check, EnvironmentHandle, Place, Seen},
    ports::Advice,
};

/// The checks of an environment; of one without a driver, only why it has none, and its files.
pub(in crate::assembly) fn of_environment(config: &EnvironmentConfig, place: &Place) -> Vec<Check> {
    let mut checks = match place {
        Place::Driven(environment) => driven(config, environment),
        Place::Stopped(stopped) => {
            let why = stopped.why.clone();
            vec![Check::new("environment", "", move || {
                let why = why.clone();
                async move { Seen::failed(format!("it has no driver: {why}")) }
            })]
        }
    };
    checks.push(files(config));
    checks.push(disk::check(folders(config)));
    checks
}

fn driven(config: &EnvironmentConfig, environment: &EnvironmentHandle) -> Vec<Check> {
    let mut checks = vec![state(environment), source(config, environment)];
    checks.push(runtime(config, environment));
    checks.extend(backup(config, environment));
    checks
}

/// What would refuse a deployment, whatever is asked.
fn state(environment: &EnvironmentHandle) -> Check {
    let environment = environment.clone();
    Check::new("environment", "", move || {
        let seen = standing(&environment);
        async move { seen }
    })
}

fn standing(environment: &EnvironmentHandle) -> Seen {
    let state = environment.state.borrow().clone();
    let name = &environment.name;
    if let Some(stranded) = &state.stranded {
        return Seen::failed(format!("stranded: {}", stranded.reason))
            .fix(format!("deploy or roll back by hand: `ripcord rollback {name}`"));
    }
    if let Some(why) = &environment.about.unavailable {
        return Seen::failed(why.clone());
    }
    if !*environment.recovered.borrow() {
        return Seen::warning("what the last agent left open is being finished")
            .fix("wait until `ripcord status` says that it is idle");
    }
    if let Some(hold) = &state.hold {
        let since = format!("on hold by {}: {}", hold.by, hold.reason);
        return Seen::warning(since).fix(format!("lift it with `ripcord resume {name}`"));
    }
    Seen::fine(match state.live {
        Some(live) => format!("{} is live", live.sha.short()),
        None => "nothing was deployed yet".to_owned(),
    })
}

/// Where its commits come from: a git remote, or a command and the environment that it takes from.
fn source(config: &EnvironmentConfig, environment: &EnvironmentHandle) -> Check {
    let name = &config.name;
    let (hop, fix) = match &config.repository {
        Some(repository) => (
            "git",
            format!(
                "as the agent's user, run `git -C {} ls-remote {}`; then correct `remote`, `branch` or \
                 `git_credentials` of [environments.{name}], or the network",
                repository.path.display(),
                repository.remote
            ),
        ),
        // What is said of the command says what to do.
        None => ("promote", String::new()),
    };
    let repository = environment.repository.clone();
    Check::new(hop, fix, move || {
        let repository = repository.clone();
        async move { seen(repository.preflight().await) }
    })
}

fn runtime(config: &EnvironmentConfig, environment: &EnvironmentHandle) -> Check {
    let (hop, fix) = match &config.runtime {
        RuntimeConfig::Process(_) => ("process", ""),
        RuntimeConfig::Compose(_) | RuntimeConfig::Container(_) => (
            "docker",
            "as the agent's user, look at `docker ps -a`; start Docker, give that user its socket \
             (`usermod -aG docker`), or correct `runtime`",
        ),
    };
    let (observer, will) = (environment.observer.clone(), environment.about.doings.restart.clone());
    Check::new(hop, fix, move || {
        let (observer, will) = (observer.clone(), will.clone());
        async move {
            let (restartable, advice) = tokio::join!(observer.restartable(), observer.advice());
            match (restartable, advice.into_iter().next()) {
                (Ok(()), Some(Advice { what, how })) => {
                    Seen::warning(format!("ready to {will}; {what}")).fix(how)
                }
                (restartable, _) => seen(restartable.map(|()| format!("ready to {will}"))),
            }
        }
    })
}

fn backup(config: &EnvironmentConfig, environment: &EnvironmentHandle) -> Option<Check> {
    let (backups, configured) = (environment.backups.clone()?, config.backup.as_ref()?);
    let (dir, keep) = (configured.dir.clone(), configured.keep);
    let fix = format!(
        "correct [environments.{}.backup]; if a backup is made just now, look again afterwards",
        config.name
    );
    Some(Check::new("backup", fix, move || {
        let (backups, dir) = (backups.clone(), dir.clone());
        async move {
            // To look must leave nothing behind, and so it makes no folder either.
            if !dir.exists() {
                return Seen::fine(format!("the first one makes {}", dir.display()));
            }
            let ready = backups.preflight().await;
            seen(ready.map(|()| format!("{keep} are kept in {}", dir.display())))
        }
    }))
}

/// What the configuration names: secrets, programs, the file with the validated commit.
fn files(config: &EnvironmentConfig) -> Check {
    let fix = "put it there, correct the key, or give the agent's user the right";
    let config = config.clone();
    Check::new("files", fix, move || {
        let config = config.clone();
        blocking(move || {
            let fine = match &config.validated_sha_file {
                Some(file) => format!("all can be used, and {} be written", file.display()),
                None => "all that its configuration names can be used".to_owned(),
            };
            problems(&config.check_files(), fine)
        })
    })
}

fn folders(config: &EnvironmentConfig) -> Vec<(&'static str, PathBuf)> {
    let tree =
        config.repository.iter().map(|repository| ("the work tree", repository.path.clone()));
    let own = config.own_folder().filter(|_| config.repository.is_none());
    let own = own.map(|folder| ("its files", folder.to_owned()));
    let backups = config.backup.iter().map(|backup| ("backups", backup.dir.clone()));
    tree.chain(own).chain(backups).collect()
}

fn seen(looked: Result<String, Failure>) -> Seen {
    match looked {
        Ok(detail) => Seen::fine(detail),
        Err(failure) => Seen::failed(failure.message),
    }
}
