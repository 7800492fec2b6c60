//! Which commit is meant: a full id as it is, anything else by the local repository.

use std::process::Command;

use ripcord_core::CommitSha;

use crate::{credential, failure::Failure};

/// The commit that `$GITHUB_SHA` or the local branch names.
pub(crate) fn implied() -> Result<CommitSha, Failure> {
    match std::env::var("GITHUB_SHA").ok().filter(|sha| !sha.is_empty()) {
        Some(name) => named(&name),
        None => upstream(),
    }
}

/// A full commit id, or whatever git makes of `name` here.
pub(crate) fn named(name: &str) -> Result<CommitSha, Failure> {
    if let Ok(sha) = name.parse() {
        return Ok(sha);
    }
    commit(name).map_err(|why| {
        Failure::Usage(format!(
            "{name:?} names no commit here ({why}); give the full commit id of 40 digits"
        ))
    })
}

fn upstream() -> Result<CommitSha, Failure> {
    commit("@{upstream}").map_err(|why| {
        Failure::Usage(format!(
            "which commit? the current branch has no upstream ({why}); add --sha, or set GITHUB_SHA"
        ))
    })
}

/// The branch that the remote calls its default, where the local repository knows it.
pub(crate) fn default_branch() -> Option<String> {
    let named = rev_parse(&["--abbrev-ref", "origin/HEAD"]).ok()?;
    named.strip_prefix("origin/").filter(|branch| *branch != "HEAD").map(str::to_owned)
}

fn commit(name: &str) -> Result<CommitSha, String> {
    let sha = rev_parse(&["--verify", "--end-of-options", &format!("{name}^{{commit}}")])?;
    sha.parse().map_err(|error: ripcord_core::InvalidId| error.to_string())
}

fn rev_parse(arguments: &[&str]) -> Result<String, String> {
    let mut git = Command::new("git");
    git.arg("rev-parse").args(arguments);
    for secret in credential::VARIABLES {
        git.env_remove(secret);
    }
    let output = git.output().map_err(|error| format!("git cannot be run: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let first = words.lines().next().unwrap_or("git says no");
        return Err(first.trim_start_matches("fatal: ").to_owned());
    }
    // Some versions of git repeat the option as their first line of output.
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(printed.lines().next_back().unwrap_or_default().trim().to_owned())
}
