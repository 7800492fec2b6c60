//! Asking the person at the terminal. Ctrl-C leaves, whatever else listens to it.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    thread,
};

use tokio::sync::oneshot;

use crate::{cli::Format, context::Context, failure::Failure, out};

/// Whether somebody is there to be asked.
pub(crate) fn is_possible(context: &Context) -> bool {
    !context.global.no_input
        && context.global.format() == Format::Human
        && io::stdin().is_terminal()
        && out::stderr_is_terminal()
}

/// Asks; answers what was typed, without the line end. `None`: the person left with Ctrl-C or Ctrl-D.
pub(crate) async fn ask(question: &str) -> Result<Option<String>, Failure> {
    let asked = write!(io::stderr().lock(), "{question} ").and_then(|()| io::stderr().flush());
    asked.map_err(|error| unreadable(&error))?;
    let (answer, answered) = oneshot::channel();
    // Not a task: the runtime would wait for it, and a person who left types nothing any more.
    thread::spawn(move || answer.send(read()));
    tokio::select! {
        answer = answered => match answer {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(error)) => Err(unreadable(&error)),
            Err(_) => Ok(None),
        },
        _ = tokio::signal::ctrl_c() => {
            out::say("");
            Ok(None)
        }
    }
}

fn read() -> io::Result<Option<String>> {
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(Some(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::Unexpected(format!("cannot read the answer: {error}"))
}
