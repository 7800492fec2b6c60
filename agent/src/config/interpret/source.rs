//! Where an environment's files come from, and the commands around them.

use std::time::Duration;

use super::place::Place;
use crate::config::{
    environment::{GitCredentials, Hooks, PromoteConfig, RepositoryConfig},
    raw::{RawCredentials, RawEnvironment, RawHooks, RawPromote, RawRuntimeKind},
};

/// Long enough to install packages, short enough that somebody is still there to see it fail.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
/// Together with the wait for the source's repository it has to fit into one step.
const LONGEST_PROMOTION: Duration = Duration::from_secs(30 * 60);

/// The repository; every key of it is refused without one.
pub(super) fn repository(
    raw: &RawEnvironment,
    place: &mut Place<'_, '_>,
) -> Option<RepositoryConfig> {
    let credentials = raw.git_credentials.as_ref().and_then(|raw| credentials(raw, place));
    let branch = raw.branch.clone().unwrap_or_else(|| "main".to_owned());
    let remote = raw.remote.clone().unwrap_or_else(|| "origin".to_owned());
    place.check(is_ref_name(&branch), &["branch"], "not a branch name: write it as \"main\"");
    place.check(is_ref_name(&remote), &["remote"], "not a remote's name: write it as \"origin\"");
    check_origin(raw, place);
    let path = raw.repository.as_ref()?.0.clone();
    Some(RepositoryConfig { path, remote, branch, credentials })
}

fn check_origin(raw: &RawEnvironment, place: &mut Place<'_, '_>) {
    match (&raw.repository, &raw.promote) {
        (None, None) => place.fault(
            &[],
            "nothing says where the files come from: add `repository`, the git work tree",
        ),
        (Some(_), Some(_)) => place.fault(
            &["promote"],
            "the files cannot come from `repository` and from `promote`: remove one of them",
        ),
        (None, Some(_)) if raw.promotes.is_none() => {
            place.fault(&["promote"], "needs `promotes`, the environment that is promoted");
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    let orphans = [
        ("remote", raw.remote.is_some()),
        ("branch", raw.branch.is_some()),
        ("git_credentials", raw.git_credentials.is_some()),
    ];
    for (key, is_set) in orphans {
        place.check(
            !is_set || raw.repository.is_some(),
            &[key],
            "has no meaning without `repository`",
        );
    }
}

fn credentials(raw: &RawCredentials, place: &mut Place<'_, '_>) -> Option<GitCredentials> {
    match (&raw.username, &raw.password_file, &raw.ssh_key_file) {
        (Some(username), Some(password_file), None) => Some(GitCredentials::Password {
            username: username.clone(),
            password_file: password_file.clone(),
        }),
        (None, None, Some(key_file)) => Some(GitCredentials::SshKey { key_file: key_file.clone() }),
        (_, _, _) => {
            let message = "write either `username` and `password_file`, or `ssh_key_file`";
            place.fault(&["git_credentials"], message);
            None
        }
    }
}

/// The part of git's rules that keeps a name from meaning something else in a refspec or a command.
fn is_ref_name(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let ends_oddly = name.ends_with('/') || name.ends_with('.') || name.ends_with(".lock");
    !(name.is_empty()
        || name.starts_with(['-', '/', '.'])
        || name.contains("..")
        || name.contains("//")
        || name.contains("@{")
        || ends_oddly
        || name.chars().any(odd))
}

/// The command that brings files from another environment.
pub(super) fn promote(raw: RawPromote, place: &mut Place<'_, '_>) -> PromoteConfig {
    let timeout = raw.timeout.map_or(COMMAND_TIMEOUT, |period| period.0);
    let fine = !timeout.is_zero() && timeout <= LONGEST_PROMOTION;
    place.check(fine, &["promote", "timeout"], "must be longer than 0, and at most \"30m\"");
    PromoteConfig { run: raw.run, timeout }
}

/// Commands of an environment run in its work tree, or else in what is saved of it.
pub(super) fn check_folder(raw: &RawEnvironment, place: &mut Place<'_, '_>) {
    let hooked = !(raw.hooks.pre_restart.is_empty() && raw.hooks.post_restart.is_empty());
    let runs = [(raw.runtime.kind == RawRuntimeKind::Process, "runtime"), (hooked, "hooks")];
    for (_, key) in runs.into_iter().filter(|(runs, _)| *runs) {
        let message = "needs a folder to run in, and a `promote` command brings its files: add a `backup` table \
                       whose first path is that folder";
        let fine = raw.promote.is_none() || raw.repository.is_some() || raw.backup.is_some();
        place.check(fine, &[key], message);
    }
}

/// The commands around the restart.
pub(super) fn hooks(raw: RawHooks) -> Hooks {
    Hooks {
        pre_restart: raw.pre_restart,
        post_restart: raw.post_restart,
        timeout: raw.timeout.map_or(COMMAND_TIMEOUT, |period| period.0),
    }
}
