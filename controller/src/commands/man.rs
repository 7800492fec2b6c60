//! `ripcord man`: the manual page. What each verb takes is in its own `--help`.

use clap::CommandFactory;
use clap_mangen::Man;

use crate::{cli::Cli, exit::Exit, failure::Failure, out};

/// Runs it.
pub(crate) fn run() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    let unwritten = |error| Failure::Unexpected(format!("cannot write the manual: {error}"));
    Man::new(Cli::command()).render(&mut page).map_err(unwritten)?;
    out::result(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Success)
}
