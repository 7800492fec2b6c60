//! What a reader asks for, parsed once: behind this file there is no bad pattern and no bad cursor.

use regex::{Regex, RegexBuilder};
use ripcord_proto::v1::StreamLogsRequest;

use super::{
    Cursor, InvalidCursor,
    limits::{COMPILED_PATTERN_BYTES, PATTERN_BYTES, PATTERNS, SERVICES},
};

/// What a reader asks for.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Go on with new lines.
    pub follow: bool,
    /// Only the last lines of each source; none: all that is kept.
    pub tail: Option<u64>,
    /// Only lines at or after this instant, nanoseconds since 1970.
    pub since: Option<i64>,
    /// Only lines before this instant, nanoseconds since 1970.
    pub until: Option<i64>,
    /// Only these sources; empty: all.
    pub services: Vec<String>,
    /// Only lines that match all of these.
    pub include: Vec<Regex>,
    /// No line that matches one of these.
    pub exclude: Vec<Regex>,
    /// Go on behind the batch that had this cursor; wins over `tail` and `since`.
    pub cursor: Option<Cursor>,
}

/// Why a request for logs makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    /// Not a regular expression, or one that would need too much memory.
    #[error("the pattern {pattern:?} is not usable: {problem}")]
    Pattern {
        /// As it was given, cut.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More patterns or services than anybody needs.
    #[error("too many {what}: at most {limit} are allowed")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// The range of time is empty.
    #[error("--until is not after --since: no line can be between them")]
    EmptyRange,
    /// Negative instants.
    #[error("--since and --until must not be before 1970")]
    BeforeEpoch,
    /// Not a cursor.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
}

impl LogQuery {
    /// The query of this request. Which log it is about is decided elsewhere.
    ///
    /// # Errors
    /// When a pattern, an instant or the cursor is not valid.
    pub fn parse(request: &StreamLogsRequest) -> Result<Self, InvalidQuery> {
        let since = instant(request.since_unix_nanos)?;
        let until = instant(request.until_unix_nanos)?;
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            return Err(InvalidQuery::EmptyRange);
        }
        at_most("services", SERVICES, request.services.len())?;
        Ok(Self {
            follow: request.follow,
            tail: request.tail,
            since,
            until,
            services: request.services.clone(),
            include: patterns("patterns to include", &request.include)?,
            exclude: patterns("patterns to exclude", &request.exclude)?,
            cursor: cursor(&request.cursor)?,
        })
    }
}

fn instant(nanos: i64) -> Result<Option<i64>, InvalidQuery> {
    if nanos < 0 {
        return Err(InvalidQuery::BeforeEpoch);
    }
    Ok((nanos > 0).then_some(nanos))
}

fn cursor(text: &str) -> Result<Option<Cursor>, InvalidCursor> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

fn at_most(what: &'static str, limit: usize, given: usize) -> Result<(), InvalidQuery> {
    if given > limit { Err(InvalidQuery::TooMany { what, limit }) } else { Ok(()) }
}

fn patterns(what: &'static str, given: &[String]) -> Result<Vec<Regex>, InvalidQuery> {
    at_most(what, PATTERNS, given.len())?;
    given.iter().map(|pattern| compiled(pattern)).collect()
}

fn compiled(pattern: &str) -> Result<Regex, InvalidQuery> {
    let unusable = |problem: String| InvalidQuery::Pattern {
        pattern: pattern.chars().take(80).collect(),
        problem,
    };
    if pattern.len() > PATTERN_BYTES {
        return Err(unusable(format!("it is longer than {PATTERN_BYTES} bytes")));
    }
    RegexBuilder::new(pattern)
        .size_limit(COMPILED_PATTERN_BYTES)
        .dfa_size_limit(COMPILED_PATTERN_BYTES)
        .build()
        .map_err(|error| unusable(explained(&error)))
}

/// The reason without the drawing that the crate puts around it.
fn explained(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it needs too much memory; make it simpler".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or(&text);
            last.trim_start_matches("error: ").to_owned()
        }
    }
}
