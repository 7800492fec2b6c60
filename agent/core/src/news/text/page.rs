//! Lines in the making: every value is one line, of bounded length, whoever wrote it.

use super::Line;
use crate::{
    ids::{CommitSha, Identity},
    news::{Locale, phrase::Phrase},
};

/// Longest value from outside, in characters; commit subjects rarely have more than 72.
const VALUE: usize = 200;
/// Longest explanation: a failure says what failed, on what, and what to do.
const DETAIL: usize = 500;
/// Longest address that is still shown as one; GitHub's have about 80.
const ADDRESS: usize = 500;

/// Stands for a text that has nothing to show, so that no text decides how many lines there are.
const NOTHING: &str = "—";

/// Lines in the making, in one language.
pub(in crate::news::text) struct Page {
    locale: Locale,
    lines: Vec<Line>,
}

impl Page {
    pub(in crate::news::text) fn in_locale(locale: Locale) -> Self {
        Self { locale, lines: Vec::new() }
    }

    pub(in crate::news::text) fn finish(self) -> Vec<Line> {
        self.lines
    }

    pub(in crate::news::text) fn locale(&self) -> Locale {
        self.locale
    }

    /// Our own words.
    pub(in crate::news::text) fn say(&mut self, phrase: Phrase) {
        self.push(None, phrase.in_locale(self.locale).to_owned(), false);
    }

    /// A line without a label that has names in it.
    pub(in crate::news::text) fn shown(&mut self, text: &str) {
        self.push(None, one_line(text, VALUE), true);
    }

    /// A value of ours with its label.
    pub(in crate::news::text) fn own(&mut self, label: Phrase, value: impl Into<String>) {
        self.push(Some(label), value.into(), false);
    }

    /// Parts what stands above from what stands below.
    pub(in crate::news::text) fn gap(&mut self) {
        if !self.lines.is_empty() {
            self.push(None, String::new(), false);
        }
    }

    pub(in crate::news::text) fn sha(&mut self, sha: CommitSha) {
        let name = self.name_of(sha);
        self.own(Phrase("SHA", "SHA"), name);
    }

    /// As people write a commit.
    pub(in crate::news::text) fn name_of(&self, sha: CommitSha) -> String {
        if sha == CommitSha::UNKNOWN {
            return Phrase("inconnu", "unknown").in_locale(self.locale).to_owned();
        }
        sha.short()
    }

    /// What somebody wrote, in one line.
    pub(in crate::news::text) fn foreign(&mut self, label: Phrase, text: &str) {
        self.outside(label, text, VALUE);
    }

    /// Why something is so, in the words of whoever said it.
    pub(in crate::news::text) fn words(&mut self, label: Phrase, text: &str) {
        self.outside(label, text, DETAIL);
    }

    pub(in crate::news::text) fn detail(&mut self, text: &str) {
        self.words(Phrase("Détail", "Detail"), text);
    }

    pub(in crate::news::text) fn who(&mut self, label: Phrase, by: &Identity) {
        self.foreign(label, person(by));
    }

    /// An address; one that is none is shown as text.
    pub(in crate::news::text) fn address(&mut self, label: Phrase, address: &str) {
        if is_address(address) {
            self.own(label, address);
        } else {
            self.foreign(label, address);
        }
    }

    /// What to type, after the words that say why.
    pub(in crate::news::text) fn command(&mut self, why: Phrase, command: &str) {
        self.own(why, format!("`ripcord {command}`"));
    }

    fn outside(&mut self, label: Phrase, text: &str, most: usize) {
        let value = match one_line(text, most) {
            line if line.is_empty() => NOTHING.to_owned(),
            line => line,
        };
        self.push(Some(label), value, true);
    }

    fn push(&mut self, label: Option<Phrase>, value: String, foreign: bool) {
        let label = label.map(|label| label.in_locale(self.locale));
        self.lines.push(Line { label, value, foreign });
    }
}

/// `operator/julien` of `spiffe://mangetamain/operator/julien`.
fn person(by: &Identity) -> &str {
    let named = by.as_str().strip_prefix("spiffe://");
    named.and_then(|named| named.split_once('/')).map_or(by.as_str(), |(_, path)| path)
}

/// `text` as one line of at most `most` characters: whatever breaks a line is a space, and what hides
/// or turns the direction of reading is left out.
pub(in crate::news::text) fn one_line(text: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let seen: String = text.chars().filter(|c| !hides(*c)).map(plain).collect();
    let line = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Marks that nobody sees: zero widths, directions, tags. A joiner stays, as emoji are made of it.
fn hides(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{200b}'..='\u{200c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// An address of the web in letters that mean nothing to markup of any kind.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&'+,;=%".contains(c);
    text.len() <= ADDRESS && rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain))
}
