//! Writing: results to standard output, complaints to standard error. A reader that went away is
//! an error value, never a panic.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::{
    failure::Failure,
    render::{github, sanitize::sanitize},
    tell,
};

/// Writes what people read to standard output. In a workflow's log no line of it is a command.
pub(crate) fn people(text: &str) -> Result<(), Failure> {
    if tell::in_github_actions() { result(&github::defused(text)) } else { result(text) }
}

/// Writes a text to standard output, and a line end where it has none.
pub(crate) fn result(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    let written = write!(stdout, "{text}{end}").and_then(|()| stdout.flush());
    written.map_err(Failure::Stdout)
}

/// Writes one JSON value as one line to standard output.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    result(&text.map_err(|error| Failure::Unexpected(error.to_string()))?)
}

/// Writes a line to standard error. Nobody is left to be told when that fails.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Says what went wrong.
pub(crate) fn complain(what: &str) {
    let line = format!("ripcord: {}", sanitize(what));
    say(&if tell::in_github_actions() { github::defused(&line) } else { line });
}

/// Whether people read standard error as it is written.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether people read standard output as it is written.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}
