//! The text of a configuration file, key by key: what may be written, and on which line it is wrong.
//! What needs more than one key to be judged is judged by whoever uses it.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};
use toml::Spanned;

use super::similar;
use crate::{cli::duration, failure::Failure};

/// Everything that a file may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) agent: Option<Spanned<String>>,
    pub(crate) cert: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) ca: Option<String>,
    pub(crate) default_environment: Option<String>,
    /// A name has its place, so that they have their order.
    #[serde(default)]
    pub(crate) agents: BTreeMap<Spanned<String>, RawAgent>,
    #[serde(default)]
    pub(crate) environments: BTreeMap<String, RawEnvironment>,
    #[serde(default)]
    pub(crate) checks: BTreeMap<String, RawChecks>,
}

/// `[agents.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAgent {
    pub(crate) url: Spanned<String>,
    pub(crate) cert: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) ca: Option<String>,
}

/// `[environments.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEnvironment {
    pub(crate) url: Option<String>,
    /// Known, so that a misspelt key beside it is found.
    #[serde(rename = "contains")]
    _contains: Option<String>,
}

/// `[checks.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawChecks {
    pub(crate) dir: Option<String>,
    #[serde(default)]
    pub(crate) setup: Vec<String>,
    #[serde(default)]
    pub(crate) jobs: Vec<RawJob>,
}

/// `[[checks.NAME.jobs]]`. A name has its place, so that what is wrong with the job has one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawJob {
    pub(crate) name: Spanned<String>,
    pub(crate) run: Spanned<String>,
    pub(crate) fix: Option<String>,
    pub(crate) dir: Option<String>,
    #[serde(default)]
    pub(crate) setup: Vec<String>,
    #[serde(default)]
    pub(crate) allow_failure: bool,
    #[serde(default)]
    pub(crate) needs: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) artifacts: Vec<String>,
    #[serde(default, deserialize_with = "time_limit")]
    pub(crate) timeout: Option<Duration>,
}

fn time_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let limit = duration(&String::deserialize(deserializer)?).map_err(Error::custom)?;
    if limit.is_zero() {
        return Err(Error::custom("a timeout of nothing lets nothing run"));
    }
    Ok(Some(limit))
}

/// What is wrong with a file, and on which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    line: Option<usize>,
    message: String,
}

impl Fault {
    /// A fault at a byte of `text`.
    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line_of(text, offset)), message: message.into() }
    }

    /// A fault of the file as a whole.
    pub(crate) fn general(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    /// The line, where it is one line's.
    pub(crate) fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The failure of the command that needed `file`.
    pub(crate) fn of(&self, file: &Path) -> Failure {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        Failure::Usage(format!("{}{line}: {}", file.display(), self.message))
    }
}

/// Reads `text`.
pub(crate) fn parse(text: &str) -> Result<Document, Fault> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        Fault { line, message: plain(error.message()) }
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Serde speaks of Rust's types; people know TOML's.
fn plain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if let (true, Some(given)) = (message.starts_with("unknown field"), quoted.next()) {
        let known: Vec<&str> = quoted.collect();
        let advice = match similar(given, &known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known are {}", known.join(", ")),
        };
        return format!("unknown key `{given}`; {advice}");
    }
    let words = [
        ("missing field", "missing key"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
    ];
    let message = message.lines().collect::<Vec<_>>().join(", ");
    words.iter().fold(message, |message, (serde, ours)| message.replace(serde, ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        parse(text).expect_err("wrong").of(Path::new("r.toml")).to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_in_the_words_of_the_file() {
        let job = "[checks.a]\n[[checks.a.jobs]]\nname = 'x'\n";
        assert_eq!(told(job), "r.toml:2: missing key `run`");
        assert_eq!(
            told(&format!("{job}run = 'x'\ntimeout = 'soon'")),
            "r.toml:5: write a duration such as 90s, 5m or 1h30m"
        );
        assert_eq!(
            told(&format!("{job}run = 'x'\nneeds = 'y'")),
            "r.toml:5: invalid type: string \"y\", expected a list"
        );
        assert_eq!(told("agent = 1"), "r.toml:1: invalid type: integer `1`, expected a string");
        assert!(told("\n\nagent = ").starts_with("r.toml:3: "));
    }

    #[test]
    fn a_key_that_resembles_nothing_gets_the_list() {
        assert_eq!(
            told("[environments.prod]\nqqq = 1"),
            "r.toml:2: unknown key `qqq`; known are url, contains"
        );
    }
}
