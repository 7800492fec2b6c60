//! From TOML text to a [`Config`], keeping the line of everything that is wrong.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{error::Fault, interpret, model::Config, raw::RawConfig};

/// Parses and checks `text`.
pub(super) fn parse(text: &str) -> Result<Config, Vec<Fault>> {
    let tables = DeTable::parse(text).map_err(|error| vec![explain(text, None, &error)])?;
    let tables = tables.get_ref();
    let raw: RawConfig =
        toml::from_str(text).map_err(|error| vec![explain(text, Some(tables), &error)])?;
    let mut faults = Faults { text, tables, found: Vec::new() };
    let config = interpret::config(raw, &mut faults);
    faults.found.sort_by_key(|fault| fault.line);
    match config {
        Some(config) if faults.found.is_empty() => Ok(config),
        Some(_) | None => Err(faults.found),
    }
}

/// Collects what is wrong with keys that are each well written.
pub(super) struct Faults<'a> {
    text: &'a str,
    tables: &'a DeTable<'a>,
    found: Vec<Fault>,
}

impl Faults<'_> {
    /// Adds a fault of the key at `path`; its line is that of the last part of the path that exists.
    pub(super) fn add(&mut self, path: &[&str], message: impl Into<String>) {
        let line = self.span(path).map(|span| line_of(self.text, span.start));
        self.found.push(Fault { line, message: message.into() });
    }

    fn span(&self, path: &[&str]) -> Option<Range<usize>> {
        let mut table = self.tables;
        let mut found = None;
        for part in path {
            let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == part) else {
                break;
            };
            found = Some(key.span());
            let DeValue::Table(inner) = value.get_ref() else { break };
            table = inner;
        }
        found
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Puts the parser's words into the operator's, with a suggestion where there is one.
fn explain(text: &str, tables: Option<&DeTable<'_>>, error: &toml::de::Error) -> Fault {
    let offset = error.span().map(|span| span.start);
    let path = offset.zip(tables).and_then(|(offset, tables)| path_at(tables, offset));
    let place = path.map(|path| format!("{}: ", path.join("."))).unwrap_or_default();
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let message = match (unknown(message), quoted.next()) {
        (Some(what), Some(given)) => {
            let known: Vec<&str> = quoted.collect();
            format!("unknown {what} `{given}`; {}", suggestion(given, &known))
        }
        (Some(_) | None, _) => plain(message),
    };
    let line = offset.map(|offset| line_of(text, offset));
    Fault { line, message: format!("{place}{message}") }
}

/// Serde speaks of Rust's types; operators know TOML's.
fn plain(message: &str) -> String {
    [
        ("missing field", "missing key"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
        ("expected u16", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected path string", "expected a path"),
    ]
    .iter()
    .fold(message.to_owned(), |message, (serde, ours)| message.replace(serde, ours))
}

/// Whether serde's message is about a name that it does not know, and what kind of name.
fn unknown(message: &str) -> Option<&'static str> {
    [("unknown field", "key"), ("unknown variant", "value")]
        .into_iter()
        .find_map(|(serde, ours)| message.starts_with(serde).then_some(ours))
}

fn suggestion(given: &str, known: &[&str]) -> String {
    let lower = given.to_lowercase();
    let distance = |name: &&&str| strsim::damerau_levenshtein(&lower, name);
    let close = |name: &&&str| distance(name) <= 1.max(name.len() / 3);
    match known.iter().filter(close).min_by_key(distance) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known are `{}`", known.join("`, `")),
    }
}

/// The key whose name or value is at `offset`, with the tables that it is in.
fn path_at<'t>(table: &'t DeTable<'_>, offset: usize) -> Option<Vec<&'t str>> {
    table.iter().find_map(|(key, value)| {
        let mut path = path_in(value.get_ref(), offset);
        if path.is_none() && (key.span().contains(&offset) || value.span().contains(&offset)) {
            path = Some(Vec::new());
        }
        let mut path = path?;
        path.insert(0, key.get_ref().as_ref());
        Some(path)
    })
}

fn path_in<'t>(value: &'t DeValue<'_>, offset: usize) -> Option<Vec<&'t str>> {
    match value {
        DeValue::Table(table) => path_at(table, offset),
        DeValue::Array(items) => items.iter().find_map(|item| path_in(item.get_ref(), offset)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    }
}
