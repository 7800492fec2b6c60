//! Which lines a reader wants. Markers pass: whoever filters must still see where a restart was.

use regex::Regex;

use super::LogQuery;

/// What a reader does not want to see is not sent to it.
#[derive(Debug, Clone)]
pub struct LineFilter {
    services: Vec<String>,
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    until: Option<i64>,
}

impl LineFilter {
    /// The filter of this query; nothing when all lines pass.
    #[must_use]
    pub fn of(query: &LogQuery) -> Option<Self> {
        let filter = Self {
            services: query.services.clone(),
            include: query.include.clone(),
            exclude: query.exclude.clone(),
            until: query.until,
        };
        (!filter.is_open()).then_some(filter)
    }

    fn is_open(&self) -> bool {
        self.services.is_empty()
            && self.include.is_empty()
            && self.exclude.is_empty()
            && self.until.is_none()
    }

    /// Whether a line of this source, time (nanoseconds since 1970) and text passes.
    #[must_use]
    pub fn passes(&self, source: &str, time: i64, marker: bool, text: &str) -> bool {
        let in_time = self.until.is_none_or(|until| time < until);
        in_time && (marker || (self.wants(source) && self.matches(text)))
    }

    fn wants(&self, source: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|service| service == source)
    }

    fn matches(&self, text: &str) -> bool {
        self.include.iter().all(|pattern| pattern.is_match(text))
            && !self.exclude.iter().any(|pattern| pattern.is_match(text))
    }
}
