//! One line for each complaint, with its place in front: flake8 and its relatives, mypy, and
//! rustc's short form.

use super::{Diagnostic, Found, Severity, level, place};

pub(super) fn find(lines: &[&str]) -> Vec<Found> {
    let numbered = lines.iter().enumerate();
    numbered.filter_map(|(at, line)| Some((at, complaint(line)?))).collect()
}

fn complaint(text: &str) -> Option<Diagnostic> {
    let (path, line, column, rest) = place(text)?;
    let rest = rest.strip_prefix(": ")?;
    let (severity, title, message) = coded(rest).or_else(|| levelled(rest))?;
    let (file, line) = (Some(path.to_owned()), Some(line));
    let is_path = path.chars().any(char::is_alphabetic) && !path.contains(' ');
    is_path.then(|| Diagnostic { file, line, column, severity, title, message: message.to_owned() })
}

/// `F401 'os' imported but unused`.
fn coded(text: &str) -> Option<(Severity, String, &str)> {
    let (code, message) = text.split_once(' ')?;
    let digits = code.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let letters = code.len() - digits.len();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    ((1..=4).contains(&letters) && is_number).then(|| (Severity::Error, code.to_owned(), message))
}

/// `error: Incompatible return value type  [return-value]`.
fn levelled(text: &str) -> Option<(Severity, String, &str)> {
    let (severity, title, message) = level(text)?;
    let code = message.rsplit_once("  [").and_then(|(message, code)| {
        let code = code.strip_suffix(']')?;
        Some((severity, code.to_owned(), message))
    });
    Some(code.unwrap_or((severity, title.to_owned(), message)))
}
