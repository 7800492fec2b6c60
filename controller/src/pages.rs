//! Holds the pages that people copy commands from to the command line as it is.

use clap::{Parser, error::ErrorKind};

use crate::cli::{self, Cli};

const ENGLISH: &str = include_str!("../MIGRATION.md");
const FRENCH: &str = include_str!("../MIGRATION.fr.md");

/// Every `ripcord …` of a page, within a line or as a line of a console, in its order.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for line in page.lines() {
        let console = line.trim_start().strip_prefix("$ ").into_iter();
        let inline = line.split('`').skip(1).step_by(2);
        let all = console.chain(inline).filter(|text| text.starts_with("ripcord "));
        commands.extend(all.map(str::to_owned));
    }
    commands
}

/// Whether it can be typed. A verb alone speaks of the verb.
fn exists(command: &str) -> Result<(), String> {
    let words = shlex::split(command).ok_or_else(|| format!("{command}: a quote is open"))?;
    let only_verb = words.len() == 2;
    let arguments = cli::arguments(words.into_iter().map(Into::into));
    match Cli::try_parse_from(arguments) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument && only_verb => Ok(()),
        Err(error) => Err(format!("{command}: {error}")),
    }
}

/// Without what is said in a language.
fn shape(command: &str) -> String {
    command.split('"').step_by(2).collect()
}

#[test]
fn every_command_of_the_migration_pages_exists() {
    for page in [ENGLISH, FRENCH] {
        let commands = commands(page);
        assert!(commands.len() > 50, "{}", commands.len());
        let wrong = commands.iter().filter_map(|command| exists(command).err());
        assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn a_command_that_does_not_exist_is_noticed() {
    let page =
        "| x | `ripcord fly` |\n$ ripcord deploy --faster\nripcord prose\n`ripcord show prod`";
    let commands = commands(page);
    assert_eq!(commands.len(), 3);
    assert!(commands.iter().all(|command| exists(command).is_err()));
}

#[test]
fn both_languages_give_the_same_commands() {
    let shapes = |page| commands(page).iter().map(|command| shape(command)).collect::<Vec<_>>();
    assert_eq!(shapes(ENGLISH), shapes(FRENCH));
}
