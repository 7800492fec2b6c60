//! Where a reader goes on, as text: the lines that it has seen, so that a new agent understands it.
//!
//! `1~<horizon>` and per source `~<name>:<time>:<nth>`, with `!` before the name for markers. Only
//! sources that spoke lately are in it. Readers must not look inside.

use std::{fmt, fmt::Write as _, str::FromStr};

use super::{
    limits::CURSOR_BYTES,
    position::{Key, Mark, Positions},
};

/// Goes on behind the batch that had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub(super) Positions);

/// Why a text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of this agent's: leave it out to read from the start")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() > CURSOR_BYTES {
            return Err(InvalidCursor);
        }
        let mut parts = text.split('~');
        if parts.next() != Some("1") {
            return Err(InvalidCursor);
        }
        let mut positions = Positions::since(parsed(parts.next())?);
        for part in parts {
            let (key, mark) = parse_entry(part)?;
            positions.marks.insert(key, mark);
        }
        Ok(Self(positions))
    }
}

/// The text of these positions. A source that does not fit is left out: its lines of the last
/// seconds would come again, none would be lost.
pub(super) fn encode(positions: &Positions) -> String {
    let mut text = format!("1~{}", positions.horizon);
    let recent = positions.marks.iter().filter(|(_, mark)| mark.time >= positions.horizon);
    for (key, mark) in recent {
        let before = text.len();
        text.push('~');
        push_name(&mut text, key);
        let _ = write!(text, ":{}:{}", mark.time, mark.nth);
        if text.len() > CURSOR_BYTES {
            text.truncate(before);
        }
    }
    text
}

fn push_name(text: &mut String, key: &Key) {
    if key.marker {
        text.push('!');
    }
    for byte in key.source.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02x}");
        }
    }
}

fn parse_entry(part: &str) -> Result<(Key, Mark), InvalidCursor> {
    let mut fields = part.split(':');
    let name = fields.next().ok_or(InvalidCursor)?;
    let mark = Mark { time: parsed(fields.next())?, nth: parsed(fields.next())? };
    if fields.next().is_some() {
        return Err(InvalidCursor);
    }
    let plain = name.strip_prefix('!');
    let source = parse_name(plain.unwrap_or(name))?.into();
    Ok((Key { source, marker: plain.is_some() }, mark))
}

fn parse_name(name: &str) -> Result<String, InvalidCursor> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' { hex(rest.next())? << 4 | hex(rest.next())? } else { byte });
    }
    String::from_utf8(bytes).map_err(|_| InvalidCursor)
}

fn hex(digit: Option<u8>) -> Result<u8, InvalidCursor> {
    let value = digit.and_then(|digit| char::from(digit).to_digit(16)).ok_or(InvalidCursor)?;
    u8::try_from(value).map_err(|_| InvalidCursor)
}

fn parsed<T: FromStr>(field: Option<&str>) -> Result<T, InvalidCursor> {
    field.and_then(|field| field.parse().ok()).ok_or(InvalidCursor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Vec<(String, bool, i64, u32)>> {
        prop::collection::vec((".{0,12}", any::<bool>(), any::<i64>(), any::<u32>()), 0..8)
    }

    proptest! {
        #[test]
        fn a_cursor_survives_the_way_to_the_client_and_back(entries in entries()) {
            let mut positions = Positions::since(i64::MIN);
            for (source, marker, time, nth) in entries {
                positions.marks.insert(Key { source: source.into(), marker }, Mark { time, nth });
            }
            let cursor = Cursor(positions);
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_refused_but_never_a_crash(
            text in ".{0,64}", tail in "(~[!%a-f0-9:-]{0,20}){0,4}",
        ) {
            let _ = text.parse::<Cursor>();
            let _ = format!("1~0{tail}").parse::<Cursor>();
        }
    }

    #[test]
    fn a_cursor_of_a_thousand_talkative_sources_still_fits_into_a_request() {
        let mut positions = Positions::since(0);
        for n in 0..1000 {
            let key = Key { source: format!("service-{n}").into(), marker: false };
            positions.marks.insert(key, Mark { time: i64::MAX, nth: 1 });
        }
        let text = encode(&positions);
        assert!(text.len() <= CURSOR_BYTES && text.len() > CURSOR_BYTES / 2, "{}", text.len());
        assert!(text.parse::<Cursor>().is_ok());
    }
}
