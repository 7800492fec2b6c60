//! What pydocstyle, black and pytest print: complaints of more than one line.

use std::collections::HashMap;

use super::{Diagnostic, Found, Severity, number, place};

fn error(path: &str, line: Option<u32>, title: &str, message: &str) -> Diagnostic {
    Diagnostic {
        file: Some(path.to_owned()),
        line,
        column: None,
        severity: Severity::Error,
        title: title.to_owned(),
        message: message.to_owned(),
    }
}

/// A place with words behind it, and the code under it.
pub(super) fn pydocstyle(lines: &[&str]) -> Vec<Found> {
    let complaint = |pair: &[&str]| {
        let (path, line, column, words) = place(pair[0])?;
        let is_place = column.is_none()
            && (words.starts_with(" in ") || words.starts_with(" at "))
            && words.ends_with(':');
        let (code, message) = pair[1].trim_start().split_once(": ")?;
        let number = code.strip_prefix('D')?;
        let is_code = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_place && is_code).then(|| error(path, Some(line), code, message))
    };
    let pairs = lines.windows(2).enumerate();
    pairs.filter_map(|(at, pair)| Some((at, complaint(pair)?))).collect()
}

/// The files that it would change, at the first change where `--diff` shows it, and those that it
/// cannot read.
pub(super) fn black(lines: &[&str]) -> Vec<Found> {
    let hunks = first_hunks(lines);
    let complaint = |text: &str| {
        if let Some(path) = text.strip_prefix("would reformat ") {
            let line = hunks.get(path).copied();
            return Some(error(path, line, "black", "this file is not formatted as black does it"));
        }
        let wrong = text.strip_prefix("error: cannot ")?;
        if let Some((path, line, column, "")) = wrong.strip_prefix("parse: ").and_then(place) {
            let unread = error(path, Some(line), "black", "black cannot parse this file");
            return Some(Diagnostic { column, ..unread });
        }
        let (path, why) = wrong.strip_prefix("format ")?.split_once(": ")?;
        Some(error(path, None, "black", why))
    };
    let numbered = lines.iter().enumerate();
    numbered.filter_map(|(at, text)| Some((at, complaint(text)?))).collect()
}

/// The line of each file's first hunk in a unified diff.
fn first_hunks<'a>(lines: &[&'a str]) -> HashMap<&'a str, u32> {
    let mut hunks = HashMap::new();
    let mut file = None;
    for line in lines {
        if let Some(old) = line.strip_prefix("--- ") {
            file = old.split('\t').next();
        } else if let (Some(path), Some(hunk)) = (file, line.strip_prefix("@@ -"))
            && let Some((line, _)) = number(hunk)
        {
            hunks.entry(path).or_insert(line.max(1));
        }
    }
    hunks
}

/// What a test's section of the report says: the places of its traceback, and the first reason.
#[derive(Debug, Default)]
struct Section<'a> {
    places: Vec<(&'a str, u32)>,
    why: Option<&'a str>,
}

/// The tests of the short summary, each with its place and its reason, and a coverage that is too
/// small.
pub(super) fn pytest(lines: &[&str]) -> Vec<Found> {
    let sections = sections(lines);
    let complaint = |text: &str| {
        if text.starts_with("FAIL Required test coverage of ") {
            let missing = error("", None, "coverage", text.strip_prefix("FAIL ")?);
            return Some(Diagnostic { file: None, ..missing });
        }
        let node = text.strip_prefix("FAILED ").or_else(|| text.strip_prefix("ERROR "))?;
        let (node, summary) = node.split_once(" - ").unwrap_or((node, "failed"));
        let (path, test) = node.split_once("::").unwrap_or((node, ""));
        if !path.ends_with(".py") {
            return None;
        }
        let section = section_of(&sections, path, test);
        let line = section.and_then(|it| it.places.iter().find(|(file, _)| *file == path));
        let why = section.and_then(|section| section.why).unwrap_or(summary);
        let title = if test.is_empty() { path } else { test };
        Some(error(path, line.map(|(_, line)| *line), title, why))
    };
    let numbered = lines.iter().enumerate();
    numbered.filter_map(|(at, text)| Some((at, complaint(text)?))).collect()
}

fn section_of<'s, 'a>(
    sections: &'s HashMap<&'a str, Section<'a>>,
    path: &str,
    test: &str,
) -> Option<&'s Section<'a>> {
    if test.is_empty() {
        return sections.get(format!("ERROR collecting {path}").as_str());
    }
    let name = test.replace("::", ".");
    let phases = ["", "ERROR at setup of ", "ERROR at teardown of "];
    phases.iter().find_map(|phase| sections.get(format!("{phase}{name}").as_str()))
}

/// By title: `____ test_half ____`.
fn sections<'a>(lines: &[&'a str]) -> HashMap<&'a str, Section<'a>> {
    let mut sections: HashMap<&str, Section<'_>> = HashMap::new();
    let mut title = None;
    for line in lines {
        if line.starts_with("====") {
            title = None;
        } else if let Some(name) = heading(line) {
            title = Some(name);
        } else if let Some(section) = title.map(|title| sections.entry(title).or_default()) {
            if let Some(why) = line.strip_prefix("E  ") {
                section.why = section.why.or(Some(why.trim()));
            } else if let Some((path, line, None, _)) = place(line) {
                section.places.push((path, line));
            }
        }
    }
    sections
}

fn heading(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('_')?.strip_suffix('_')?.trim_matches('_');
    inner.strip_prefix(' ')?.strip_suffix(' ').filter(|name| !name.is_empty())
}
