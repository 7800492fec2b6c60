//! A command line that cannot be understood: people get clap's text on standard error, and programs
//! that asked for JSON get their one object too.

use std::ffi::OsString;

use clap::{CommandFactory, error::ErrorKind};

use crate::{
    cli::Cli,
    exit::Exit,
    failure::Failure,
    out,
    render::{github, json, sanitize::sanitize},
    report::Report,
    tell, workflow,
};

/// Tells what is wrong with `arguments`, or the help that they ask for.
pub(crate) fn tell(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Nobody is left to be told when this fails.
        let _ = error.print();
        return Exit::Success;
    }
    if tell::in_github_actions() {
        // The text repeats the words that it is about, and they may come from a form.
        out::say(&github::defused(&error.render().to_string()));
    } else {
        let _ = error.print();
    }
    let (verb, failure) = (verb(arguments), Failure::Usage(sentence(error)));
    workflow::of_failure(&json::failure(verb.as_deref(), &failure, Exit::Usage));
    if wants_json(arguments) {
        let _ = one_object(verb.as_deref(), &failure);
    }
    Exit::Usage
}

fn one_object(verb: Option<&str>, failure: &Failure) -> Result<(), Failure> {
    let exit = Exit::Usage;
    let of_deployment = ["deploy", "rollback", "watch"];
    match of_deployment.into_iter().find(|name| verb == Some(*name)) {
        Some(command) => {
            let report = Report::of_command(command).failed(failure);
            out::json(&Report { exit_code: exit.code(), ..report })
        }
        None => out::json(&json::failure(verb, failure, exit)),
    }
}

/// The command line was not understood, so this looks at the words that ask for JSON and no further.
fn wants_json(arguments: &[OsString]) -> bool {
    let is_format = |word: &OsString| word == "json" || word == "ndjson";
    let behind_output = |pair: &[OsString]| pair[0] == "--output" && is_format(&pair[1]);
    let alone = ["--json", "--output=json", "--output=ndjson"];
    arguments.iter().any(|word| alone.iter().any(|flag| word == flag))
        || arguments.windows(2).any(behind_output)
}

fn verb(arguments: &[OsString]) -> Option<String> {
    let verbs = Cli::command();
    let known =
        |word: &OsString| verbs.find_subcommand(word).map(|verb| verb.get_name().to_owned());
    arguments.iter().skip(1).find_map(known)
}

/// The first paragraph of clap's text as one line: the tips and the usage are for people.
fn sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.lines().map(str::trim).collect();
    let line = words.join(" ");
    sanitize(line.strip_prefix("error: ").unwrap_or(&line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn json_is_asked_for_in_every_way_that_the_flags_can_be_written() {
        for line in ["--json", "--output json", "--output=ndjson", "--output ndjson"] {
            assert!(wants_json(&words(&format!("ripcord deploy {line} --bogus"))), "{line}");
        }
        for line in ["ripcord deploy --bogus", "ripcord deploy --output human"] {
            assert!(!wants_json(&words(line)), "{line}");
        }
    }

    #[test]
    fn the_verb_is_found_behind_global_flags_and_unknown_ones_are_none() {
        assert_eq!(verb(&words("ripcord -q deploy --bogus")).as_deref(), Some("deploy"));
        assert_eq!(verb(&words("ripcord frob")), None);
    }
}
