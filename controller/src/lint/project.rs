//! The mistakes of `ripcord.toml`.

use toml::de::DeTable;

use super::{
    files::Source,
    finding::{Code, Finding},
    line_of,
};
use crate::{
    check::plan,
    config::{agents, document},
};

/// Judges it.
pub(crate) fn judge(source: &Source, findings: &mut Vec<Finding>) {
    let found = |code, line, message: String| Finding::new(code, &source.path, line, message);
    let text = match &source.text {
        Ok(text) => text,
        Err(message) => return findings.push(found(Code::Unreadable, 1, message.clone())),
    };
    let read = document::parse(text);
    let whole = read.and_then(|mut document| {
        agents::of(text, &mut document, |_| None)?;
        plan::groups(text, document.checks)
    });
    match whole {
        Ok(_) => {}
        Err(fault) => {
            let line = fault.line().unwrap_or(1);
            findings.push(found(Code::BadSettings, line, fault.message().to_owned()));
        }
    }
    let Ok(table) = DeTable::parse(text) else { return };
    for (name, line, keys) in environments(table.get_ref(), text) {
        for (key, code) in
            [("url", Code::UnreachableEnvironment), ("contains", Code::UncheckedContent)]
        {
            if !keys.contains_key(key) {
                findings.push(found(code, line, format!("environment {name} has no `{key}`")));
            }
        }
    }
}

/// The environments with their lines.
fn environments<'a>(table: &'a DeTable<'_>, text: &str) -> Vec<(&'a str, usize, &'a DeTable<'a>)> {
    let tables = table.get("environments").and_then(|tables| tables.get_ref().as_table());
    let mut environments = Vec::new();
    for (name, value) in tables.into_iter().flatten() {
        if let Some(keys) = value.get_ref().as_table() {
            environments.push((name.get_ref().as_ref(), line_of(text, name.span().start), keys));
        }
    }
    environments
}
