//! One line of a `json-file`: `{"log":"…","stream":"stdout","time":"…"}`. Docker writes nothing
//! else, so that is read directly; what is unusual but valid is left to `serde_json`.

use std::borrow::Cow;

use jiff::Timestamp;
use memchr::{memchr2, memmem};
use serde::Deserialize;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// When, nanoseconds since 1970.
    pub(super) time: i64,
    /// Whether it came from standard error.
    pub(super) stderr: bool,
}

const START: &[u8] = br#"{"log":""#;
const STDOUT: &[u8] = br#","stream":"stdout","time":""#;
const STDERR: &[u8] = br#","stream":"stderr","time":""#;
const END: &[u8] = br#""}"#;

/// Longest time: nine digits after the point, and an offset.
const TIME_BYTES: usize = 40;

/// Decodes a line without its end; what was printed goes into `text`. Nothing when it is damaged.
pub(super) fn decode(line: &[u8], text: &mut Vec<u8>) -> Option<Entry> {
    usual(line, text).or_else(|| unusual(line, text)).or_else(|| after_damage(line, text))
}

fn usual(line: &[u8], text: &mut Vec<u8>) -> Option<Entry> {
    let rest = unescape(line.strip_prefix(START)?, text)?;
    let (stderr, rest) = match rest.strip_prefix(STDOUT) {
        Some(rest) => (false, rest),
        None => (true, rest.strip_prefix(STDERR)?),
    };
    let time = parse_time(rest.strip_suffix(END)?)?;
    Some(Entry { time, stderr })
}

/// Appends the content of a JSON string to `text`, and gives what is behind its closing quote.
fn unescape<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    text.clear();
    loop {
        let at = memchr2(b'"', b'\\', rest)?;
        text.extend_from_slice(&rest[..at]);
        if rest[at] == b'"' {
            return Some(&rest[at + 1..]);
        }
        let mut used = 2;
        match rest.get(at + 1)? {
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            same @ (b'"' | b'\\' | b'/') => text.push(*same),
            b'u' => {
                let character = unescape_unit(rest.get(at + 2..at + 6)?)?;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                used = 6;
            }
            _rare => return None,
        }
        rest = &rest[at + used..];
    }
}

/// Halves of characters are rare enough to be left to others.
fn unescape_unit(digits: &[u8]) -> Option<char> {
    let digit = |value: u32, digit: &u8| Some(value << 4 | char::from(*digit).to_digit(16)?);
    char::from_u32(digits.iter().try_fold(0, digit)?)
}

/// Any other object with these fields: one with `attrs`, or written by something else.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

fn unusual(line: &[u8], text: &mut Vec<u8>) -> Option<Entry> {
    let object: Object<'_> = serde_json::from_slice(line).ok()?;
    let stderr = match object.stream.as_ref() {
        "stdout" => false,
        "stderr" => true,
        _other => return None,
    };
    text.clear();
    text.extend_from_slice(object.log.as_bytes());
    Some(Entry { time: parse_time(object.time.as_bytes())?, stderr })
}

/// A line that was torn by a crash has no end: the next one begins in it.
fn after_damage(line: &[u8], text: &mut Vec<u8>) -> Option<Entry> {
    let last = memmem::rfind(line, START).filter(|at| *at > 0)?;
    usual(&line[last..], text).or_else(|| unusual(&line[last..], text))
}

/// The time of a line, which stands at its end, without looking at the rest.
pub(super) fn time_of(line: &[u8]) -> Option<i64> {
    let line = line.strip_suffix(END)?;
    let last = &line[line.len().saturating_sub(TIME_BYTES)..];
    let quote = last.iter().rposition(|byte| *byte == b'"')?;
    parse_time(&last[quote + 1..])
}

/// RFC 3339 as nanoseconds since 1970.
fn parse_time(text: &[u8]) -> Option<i64> {
    usual_time(text).or_else(|| {
        let time: Timestamp = std::str::from_utf8(text).ok()?.parse().ok()?;
        i64::try_from(time.as_nanosecond()).ok()
    })
}

/// `2026-11-22T10:00:00.123456789Z`: as Docker writes it, in this and the next century.
fn usual_time(text: &[u8]) -> Option<i64> {
    let (whole, fraction) = text.strip_suffix(b"Z")?.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, separator)| whole[*at] != *separator) {
        return None;
    }
    let field = |from: usize, to: usize| number(&whole[from..to]);
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    // A day that its month does not have is left to others to refuse.
    let is_usual = (1970..2200).contains(&year) && (1..=12).contains(&month);
    if !is_usual || !(1..=28).contains(&day) && !is_in_month(year, month, day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = ((days_before(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000_000_000 + nanos(fraction)?)
}

fn number(digits: &[u8]) -> Option<i64> {
    let digit = |value: i64, digit: &u8| {
        digit.is_ascii_digit().then(|| value * 10 + i64::from(*digit - b'0'))
    };
    digits.iter().try_fold(0, digit)
}

fn nanos(fraction: &[u8]) -> Option<i64> {
    let Some(digits) = fraction.strip_prefix(b".") else {
        return fraction.is_empty().then_some(0);
    };
    let missing = 9_u32.checked_sub(u32::try_from(digits.len()).ok()?)?;
    if digits.is_empty() {
        return None;
    }
    Some(number(digits)? * 10_i64.pow(missing))
}

fn is_in_month(year: i64, month: i64, day: i64) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _others => 31,
    };
    day >= 1 && day <= days
}

/// Days since 1970. A year begins in March here, so that the leap day is its last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(line: &[u8]) -> Option<(i64, bool, String)> {
        let mut text = b"left over".to_vec();
        let entry = decode(line, &mut text)?;
        Some((entry.time, entry.stderr, String::from_utf8(text).unwrap()))
    }

    fn line(log: &str, stream: &str, time: &str) -> Vec<u8> {
        let log = serde_json::to_string(log).unwrap();
        format!(r#"{{"log":{log},"stream":"{stream}","time":"{time}"}}"#).into_bytes()
    }

    #[test]
    fn a_line_is_read_as_docker_wrote_it() {
        let usual = br#"{"log":"a \"b\" \\ \u003ctag\u003e \u001b[1m\r\n","stream":"stderr","time":"2026-11-22T10:00:00.5Z"}"#;
        let expected =
            (1_795_341_600_500_000_000, true, "a \"b\" \\ <tag> \u{1b}[1m\r\n".to_owned());
        assert_eq!(decoded(usual), Some(expected));
        assert_eq!(time_of(usual), Some(1_795_341_600_500_000_000));
    }

    #[test]
    fn labels_pairs_of_escapes_and_odd_spacing_are_understood() {
        for unusual in [
            r#"{"log":"x 😀\n","stream":"stdout","attrs":{"a":"\"time\":\"b\""},"time":"1970-01-01T00:00:01Z"}"#,
            r#"{"log":"x \ud83d\ude00\n","stream":"stdout","time":"1970-01-01T00:00:01Z"}"#,
            r#"{ "time": "1970-01-01T01:00:01+01:00", "log": "x 😀\n", "stream": "stdout" }"#,
        ] {
            assert_eq!(decoded(unusual.as_bytes()), Some((1_000_000_000, false, "x 😀\n".into())));
        }
    }

    #[test]
    fn a_damaged_line_is_nothing_and_takes_no_other_with_it() {
        let whole = line("fine\n", "stdout", "1970-01-01T00:00:01Z");
        for cut in 1..whole.len() {
            assert_eq!(decoded(&whole[..cut]), None, "cut at {cut}");
            let torn = [&whole[..cut], b"\0\0", &whole].concat();
            assert_eq!(decoded(&torn), Some((1_000_000_000, false, "fine\n".into())), "at {cut}");
        }
        assert_eq!(decoded(&line("x\n", "stdweird", "1970-01-01T00:00:01Z")), None);
        assert_eq!(decoded(&line("x\n", "stdout", "2026-02-29T00:00:01Z")), None);
    }

    proptest! {
        #[test]
        fn whatever_is_printed_comes_back(log in ".*", escaped in any::<bool>(), stderr in any::<bool>()) {
            let mut line = line(&log, if stderr { "stderr" } else { "stdout" }, "1970-01-01T00:00:01Z");
            if escaped {
                let text = String::from_utf8(line).unwrap();
                let unit = |unit: &u16| format!("\\u{unit:04x}");
                let escape = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(unit).collect();
                line = text.chars().map(|c| if c.is_ascii() { c.to_string() } else { escape(c) })
                    .collect::<String>().into_bytes();
            }
            prop_assert_eq!(decoded(&line), Some((1_000_000_000, stderr, log)));
        }

        #[test]
        fn times_are_what_jiff_says(nanos in 0_i64..7_000_000_000_000_000_000, digits in 0_u32..10) {
            let unit = 10_i64.pow(9 - digits);
            let nanos = nanos / unit * unit;
            let text = Timestamp::from_nanosecond(nanos.into()).unwrap().to_string();
            prop_assert_eq!(usual_time(text.as_bytes()), Some(nanos), "{}", text);
        }

        #[test]
        fn no_time_is_taken_that_jiff_refuses(text in "20[0-9]{2}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-5][0-9](\\.[0-9]{0,10})?Z") {
            let theirs = text.parse::<Timestamp>().ok().map(|time| i64::try_from(time.as_nanosecond()).unwrap());
            if let Some(ours) = usual_time(text.as_bytes()) {
                prop_assert_eq!(Some(ours), theirs);
            }
        }
    }
}
