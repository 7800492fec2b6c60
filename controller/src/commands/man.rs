//! `ripcord man`: the manual page. What each verb takes is in its own `--help`: the page lists the
//! verbs by name, and points to no other page.

use clap::CommandFactory;
use clap_mangen::Man;

use crate::{cli::Cli, exit::Exit, failure::Failure, out};

/// Runs it.
pub(crate) fn run() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    let unwritten = |error| Failure::Unexpected(format!("cannot write the manual: {error}"));
    Man::new(Cli::command()).render(&mut page).map_err(unwritten)?;
    out::result(&without_other_pages(&String::from_utf8_lossy(&page)))?;
    Ok(Exit::Success)
}

/// `ripcord deploy` where the generator names a page `ripcord-deploy(1)`, which does not exist.
fn without_other_pages(page: &str) -> String {
    let command = Cli::command();
    command.get_subcommands().fold(page.to_owned(), |page, verb| {
        let name = verb.get_name();
        page.replace(&format!("ripcord\\-{name}(1)"), &format!("ripcord {name}"))
    })
}
