//! A piece of news as people read it: a title and lines, in one language.

mod body;
mod headline;
mod page;

use std::fmt;

use super::{Locale, Site, story::Story};

/// What people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// One line that says it all. It has no markup: whoever shows it may escape all of it.
    pub title: String,
    /// What there is to know besides.
    pub lines: Vec<Line>,
}

/// One line; an empty one parts what stands above it from what stands below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What the value is, without its colon.
    pub label: Option<&'static str>,
    /// A single line, bounded in length. Our own may have `code` in it.
    pub value: String,
    /// It came from outside: whoever shows it escapes it.
    pub foreign: bool,
}

/// As plain text, in the mission's format.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        self.lines.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = self.label {
            write!(f, "{label}: ")?;
        }
        f.write_str(&self.value)
    }
}

/// `story` in one language.
pub(super) fn text(site: &Site, story: &Story, locale: Locale) -> Text {
    let title = headline::headline(site, story).title(site, locale);
    Text { title, lines: body::lines(site, story, locale) }
}
