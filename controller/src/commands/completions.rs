//! `ripcord completions`: completion scripts for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{cli::Cli, exit::Exit, failure::Failure, out};

/// Write a completion script for a shell to standard output
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ripcord completions bash > /etc/bash_completion.d/ripcord")]
pub(crate) struct Arguments {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "ripcord", &mut script);
    out::result(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
