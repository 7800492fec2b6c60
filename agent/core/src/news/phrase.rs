//! A sentence in every language at once, so that none can be forgotten, and what differs between
//! languages besides the words: how durations are written.

use super::Locale;

/// The same thing in French and in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Phrase(pub(super) &'static str, pub(super) &'static str);

impl Phrase {
    /// In one language.
    pub(super) fn in_locale(self, locale: Locale) -> &'static str {
        match locale {
            Locale::Fr => self.0,
            Locale::En => self.1,
        }
    }
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Milliseconds as people write them: `850 ms`, `12,3 s`, `3 min`, `1 h 05`, `2 j 4 h`.
pub(super) fn duration(millis: u64, locale: Locale) -> String {
    let point = Phrase(",", ".").in_locale(locale);
    match millis {
        0..SECOND => format!("{millis} ms"),
        SECOND..MINUTE => format!("{}{point}{} s", millis / SECOND, millis % SECOND / 100),
        MINUTE..HOUR => format!("{} min", millis / MINUTE),
        HOUR..DAY => hours(millis / HOUR, millis % HOUR / MINUTE, locale),
        _ => {
            let day = Phrase("j", "d").in_locale(locale);
            format!("{} {day} {} h", millis / DAY, millis % DAY / HOUR)
        }
    }
}

fn hours(hours: u64, minutes: u64, locale: Locale) -> String {
    match locale {
        Locale::Fr => format!("{hours} h {minutes:02}"),
        Locale::En => format!("{hours} h {minutes} min"),
    }
}
