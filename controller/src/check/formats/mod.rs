//! What tools complain about, read from what they print: flake8, mypy, pytest, pydocstyle, black and
//! rustc. Pure: it looks at text, and neither at the job's name nor at the disk.

mod located;
mod python;
mod rust;

use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::report::Outcome;
use crate::render::sanitize::sanitize;

/// More than anybody reads, and a bound for those who count.
const MOST: usize = 100;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    Error,
    Warning,
}

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnostic {
    /// From the repository's root; none where it is about no file of it.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
    pub(crate) severity: Severity,
    /// The tool's code for it, or the test's name.
    pub(crate) title: String,
    pub(crate) message: String,
}

/// What a parser found: its place in the text, and a complaint whose file is as the tool wrote it.
type Found = (usize, Diagnostic);

/// Where tools ran: what turns their paths into the repository's.
#[derive(Debug)]
pub(crate) struct Base {
    repository: PathBuf,
    cwd: PathBuf,
}

impl Base {
    /// Tools ran in `cwd`.
    pub(crate) fn new(repository: &Path, cwd: &Path) -> Self {
        Self { repository: repository.to_owned(), cwd: normal(cwd) }
    }

    fn resolve(&self, path: &str) -> Option<String> {
        let path = normal(&self.cwd.join(path));
        let inside = path.strip_prefix(&self.repository).ok()?;
        Some(inside.to_str()?.to_owned())
    }
}

/// `path` without `.` and without what `..` takes back; nothing is asked of the disk.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            Component::ParentDir
            | Component::Prefix(_)
            | Component::RootDir
            | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

/// What the tools that printed `text` complain about, in the order of the text.
pub(crate) fn recognise(text: &str, base: &Base) -> Vec<Diagnostic> {
    let clean: Vec<_> = text.lines().map(sanitize).collect();
    let lines: Vec<&str> = clean.iter().map(AsRef::as_ref).collect();
    let mut found = located::find(&lines);
    found.extend(python::pydocstyle(&lines));
    found.extend(python::black(&lines));
    found.extend(python::pytest(&lines));
    found.extend(rust::find(&lines));
    found.sort_by_key(|(at, _)| *at);
    let mut told: Vec<Diagnostic> = Vec::new();
    for (_, mut diagnostic) in found {
        diagnostic.file = diagnostic.file.and_then(|file| base.resolve(&file));
        if !told.contains(&diagnostic) && told.len() < MOST {
            told.push(diagnostic);
        }
    }
    told
}

/// What counts of `found`, given how the job ended: one that passed has no errors, and one that may
/// fail has only warnings.
pub(crate) fn weighed(found: Vec<Diagnostic>, outcome: Outcome) -> Vec<Diagnostic> {
    let weigh = |mut diagnostic: Diagnostic| match outcome {
        Outcome::Failed | Outcome::Cancelled | Outcome::Skipped => Some(diagnostic),
        Outcome::Passed => (diagnostic.severity == Severity::Warning).then_some(diagnostic),
        Outcome::Warning => {
            diagnostic.severity = Severity::Warning;
            Some(diagnostic)
        }
    };
    found.into_iter().filter_map(weigh).collect()
}

/// `path:line` and perhaps `:column` at the beginning of `text`, and what is behind.
fn place(text: &str) -> Option<(&str, u32, Option<u32>, &str)> {
    let (path, rest) = text.split_once(':')?;
    let (line, rest) = number(rest)?;
    let is_path = !path.is_empty() && !path.starts_with(char::is_whitespace);
    let column = rest.strip_prefix(':').and_then(number);
    let (column, rest) = column.map_or((None, rest), |(column, rest)| (Some(column), rest));
    is_path.then_some((path, line, column, rest))
}

fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// `error`, `error[CODE]` or `warning` in front of a colon, and the message behind it.
fn level(text: &str) -> Option<(Severity, &str, &str)> {
    let (level, message) = text.split_once(": ")?;
    let severity = match level.split('[').next()? {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => return None,
    };
    Some((severity, level, message))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What lines of tools are made of, and what breaks careless cutting.
    const PIECES: [&str; 24] = [
        "error",
        "warning",
        "[",
        "]",
        ": ",
        ":",
        "1",
        "99999999999",
        "src/é.py",
        "FAILED ",
        "ERROR ",
        "::",
        " - ",
        "_",
        " ",
        "E  ",
        "D100",
        "\n",
        "\n",
        "--> ",
        "--- ",
        "@@ -",
        "thread '",
        "' panicked at ",
    ];

    proptest! {
        #[test]
        fn no_output_however_strange_stops_the_reading(
            pieces in proptest::collection::vec(prop::sample::select(&PIECES[..]), 0..40),
        ) {
            let base = Base::new(Path::new("/repo"), Path::new("/repo/app"));
            prop_assert!(recognise(&pieces.concat(), &base).len() <= MOST);
        }
    }

    #[test]
    fn paths_become_the_repositorys_whatever_the_folder_and_none_where_they_are_not_in_it() {
        let base = Base::new(Path::new("/repo"), Path::new("/repo/./10_preprod"));
        assert_eq!(base.resolve("src/a.py").as_deref(), Some("10_preprod/src/a.py"));
        assert_eq!(base.resolve("./../50_test/t.py").as_deref(), Some("50_test/t.py"));
        assert_eq!(base.resolve("/repo/x.py").as_deref(), Some("x.py"));
        assert_eq!(base.resolve("/usr/lib/python3/x.py"), None);
        assert_eq!(base.resolve("../../etc/passwd"), None);
    }

    #[test]
    fn ordinary_words_are_no_complaints() {
        let base = Base::new(Path::new("/repo"), Path::new("/repo"));
        let text = "12:30:59: E1 is a time\nhttp://x:80: E501 no\nnote: nothing\n \
                    x.py:1:1: E501 indented\nerror: could not compile `x` (bin)\n\
                    FAILED\nERROR: no\n--- a\n@@ -x\n____\nx.py:99999999999:1: E501 no\n";
        assert_eq!(recognise(text, &base), []);
    }
}
