//! What rustc prints, alone or through cargo, and where a test panics.

use super::{Diagnostic, Found, Severity, level, place};

pub(super) fn find(lines: &[&str]) -> Vec<Found> {
    let complaint = |pair: &[&str]| compiler(pair).or_else(|| panic(pair));
    let pairs = lines.windows(2).enumerate();
    pairs.filter_map(|(at, pair)| Some((at, complaint(pair)?))).collect()
}

/// `error[E0308]: mismatched types`, and ` --> src/main.rs:2:18` under it.
fn compiler(pair: &[&str]) -> Option<Diagnostic> {
    let (severity, title, message) = level(pair[0])?;
    let (path, line, column, _) = place(pair[1].trim_start().strip_prefix("--> ")?)?;
    Some(Diagnostic {
        file: Some(path.to_owned()),
        line: Some(line),
        column,
        severity,
        title: title.to_owned(),
        message: message.to_owned(),
    })
}

/// `thread 'tests::half' (42) panicked at src/lib.rs:9:5:`, and the message under it.
fn panic(pair: &[&str]) -> Option<Diagnostic> {
    let (thread, at) = pair[0].strip_prefix("thread '")?.split_once(" panicked at ")?;
    let (path, line, column, _) = place(at)?;
    Some(Diagnostic {
        file: Some(path.to_owned()),
        line: Some(line),
        column,
        severity: Severity::Error,
        title: thread.rsplit_once('\'')?.0.to_owned(),
        message: pair[1].to_owned(),
    })
}
