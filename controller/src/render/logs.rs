//! Log lines, for people and for programs.

use std::fmt::Write;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{json::stream_word, plain, sanitize::sanitize};
use crate::batch::Line;

/// In front of what the agent says between the application's lines.
const MARK: &str = "── ";

/// The shape of `logs --json`.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: Option<Timestamp>,
    source: &'a str,
    deployment: Option<u64>,
    stream: &'static str,
    line: &'a str,
}

/// How a line is shown.
#[derive(Debug)]
pub(crate) struct Style {
    /// The width of the longest source, where lines name theirs.
    pub(crate) prefix: Option<usize>,
    /// In front of each line, where asked for.
    pub(crate) timestamps: Option<TimeZone>,
}

/// Appends `line` to `text`, with a line end.
pub(crate) fn append(text: &mut String, line: &Line<'_>, style: &Style) {
    if let Some(zone) = &style.timestamps
        && let Ok(time) = Timestamp::from_nanosecond(line.time_unix_nanos.into())
    {
        text.push_str(&plain::date(time, zone));
        text.push_str("  ");
    }
    if line.marker {
        // The log of a supervised process has the mark already.
        text.push_str(if line.line.starts_with(MARK) { "" } else { MARK });
    } else if let Some(width) = style.prefix {
        // Writing to a text cannot fail.
        let _ = write!(text, "{:<width$} | ", sanitize(line.source));
    }
    text.push_str(&sanitize(line.line));
    text.push('\n');
}

/// Appends `line` to `text` as one JSON object, with a line end.
pub(crate) fn append_json(text: &mut String, line: &Line<'_>) {
    let shape = JsonLine {
        time: Timestamp::from_nanosecond(line.time_unix_nanos.into()).ok(),
        source: line.source,
        deployment: (line.deployment != 0).then_some(line.deployment),
        stream: stream_word(line.stream),
        line: line.line,
    };
    // A shape of texts and numbers always serializes.
    if let Ok(object) = serde_json::to_string(&shape) {
        text.push_str(&object);
        text.push('\n');
    }
}

/// What a reader that was too slow is told.
pub(crate) fn gap(lines: u64) -> String {
    format!("… {} lines were missed (reader too slow)", thousands(lines))
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: Line<'_>, style: &Style) -> String {
        let mut text = String::new();
        append(&mut text, &line, style);
        text
    }

    #[test]
    fn lines_name_their_source_where_there_are_several() {
        let line = Line { source: "web", line: "GET /", ..Line::default() };
        let bare = Style { prefix: None, timestamps: None };
        assert_eq!(shown(line.clone(), &bare), "GET /\n");
        let prefixed = Style { prefix: Some(6), timestamps: Some(TimeZone::UTC) };
        assert_eq!(shown(line, &prefixed), "1970-01-01 00:00:00  web    | GET /\n");
    }

    #[test]
    fn the_agents_own_marks_stand_out() {
        let line = Line { line: "#143 is live", marker: true, ..Line::default() };
        let style = Style { prefix: Some(6), timestamps: None };
        assert_eq!(shown(line.clone(), &style), "── #143 is live\n");
        let marked = Line { line: "── #143 is live", ..line };
        assert_eq!(shown(marked, &style), "── #143 is live\n");
    }

    #[test]
    fn a_slow_reader_is_told_how_much_it_missed() {
        assert_eq!(gap(1_234_567), "… 1,234,567 lines were missed (reader too slow)");
        assert_eq!(gap(12), "… 12 lines were missed (reader too slow)");
    }
}
