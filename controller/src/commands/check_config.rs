//! `ripcord check --config`: reads the repository's files and tells what does not fit.

use std::path::{Path, PathBuf};

use crate::{context::Context, exit::Exit, failure::Failure, lint, out, tell::in_github_actions};

/// Runs it for the repository around `ripcord.toml`, or around the current folder.
pub(crate) fn run(context: &Context, agent_config: Option<&Path>) -> Result<Exit, Failure> {
    let findings = lint::run(&root(context)?, agent_config);
    if context.wants_json() {
        out::json(&lint::tell::object(&findings))?;
    } else {
        out::people(&lint::tell::people(&findings))?;
    }
    if in_github_actions() {
        lint::tell::annotations(&findings).iter().for_each(|line| out::say(line));
    }
    Ok(lint::tell::exit(&findings))
}

fn root(context: &Context) -> Result<PathBuf, Failure> {
    let unread = |error| Failure::Usage(format!("cannot read the current folder: {error}"));
    let file = context.project_file().and_then(|file| file.canonicalize().ok());
    let folder = match file.as_deref().and_then(Path::parent) {
        Some(folder) => folder.to_owned(),
        None => std::env::current_dir().map_err(unread)?,
    };
    let git = folder.ancestors().find(|folder| folder.join(".git").exists());
    Ok(git.unwrap_or(&folder).to_owned())
}
