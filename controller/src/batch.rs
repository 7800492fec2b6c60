//! A batch of log lines, read where it lies: a long log has millions of lines, and building a
//! message of owned texts for each would cost more than everything else that is done with it.

use std::str::Utf8Error;

use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use ripcord_proto::v1::OutputStream;

/// Why a batch cannot be read.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Encoding(#[from] DecodeError),
    #[error("a field of it ends behind its end")]
    Torn,
    #[error("a text of it is not UTF-8")]
    Text(#[from] Utf8Error),
}

/// A `LogBatch`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch<'a> {
    pub(crate) lines: Vec<Line<'a>>,
    /// Where to go on behind it.
    pub(crate) cursor: &'a str,
}

/// A `LogLine`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) time_unix_nanos: i64,
    pub(crate) source: &'a str,
    pub(crate) deployment: u64,
    pub(crate) stream: OutputStream,
    pub(crate) line: &'a str,
    pub(crate) marker: bool,
}

impl<'a> Batch<'a> {
    /// Reads the encoding of a `LogBatch`.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut batch = Self::default();
        each_field(bytes, |field, value| {
            match (field, value) {
                (1, Value::Bytes(line)) => batch.lines.push(Line::decode(line)?),
                (2, Value::Bytes(cursor)) => batch.cursor = text(cursor)?,
                _newer => {}
            }
            Ok(())
        })?;
        Ok(batch)
    }
}

impl<'a> Line<'a> {
    fn decode(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut line = Self::default();
        each_field(bytes, |field, value| {
            match (field, value) {
                (1, Value::Number(time)) => line.time_unix_nanos = time.cast_signed(),
                (2, Value::Bytes(source)) => line.source = text(source)?,
                (3, Value::Number(deployment)) => line.deployment = deployment,
                (4, Value::Number(stream)) => line.stream = stream_of(stream),
                (5, Value::Bytes(said)) => line.line = text(said)?,
                (6, Value::Number(marker)) => line.marker = marker != 0,
                _newer => {}
            }
            Ok(())
        })?;
        Ok(line)
    }
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn each_field<'a>(
    mut rest: &'a [u8],
    mut take: impl FnMut(u32, Value<'a>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    while !rest.is_empty() {
        let (field, wire_type) = decode_key(&mut rest)?;
        match wire_type {
            WireType::Varint => take(field, Value::Number(decode_varint(&mut rest)?))?,
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut rest)?).unwrap_or(usize::MAX);
                let (bytes, behind) = rest.split_at_checked(length).ok_or(Unreadable::Torn)?;
                rest = behind;
                take(field, Value::Bytes(bytes))?;
            }
            _unused => skip_field(wire_type, field, &mut rest, DecodeContext::default())?,
        }
    }
    Ok(())
}

fn stream_of(number: u64) -> OutputStream {
    i32::try_from(number)
        .ok()
        .and_then(|number| OutputStream::try_from(number).ok())
        .unwrap_or_default()
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    Ok(str::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use ripcord_proto::v1::{LogBatch, LogLine};

    use super::*;

    fn message() -> LogBatch {
        let first = LogLine {
            time_unix_nanos: -1,
            source: "web".into(),
            deployment: 142,
            stream: OutputStream::Stderr.into(),
            line: "¿qué?".repeat(100),
            marker: true,
        };
        LogBatch { lines: vec![first, LogLine::default()], cursor: "1~7".into() }
    }

    #[test]
    fn what_an_agent_encodes_is_read_field_by_field() {
        let message = message();
        let encoded = message.encode_to_vec();
        let batch = Batch::decode(&encoded).unwrap();
        assert_eq!(batch.cursor, message.cursor);
        assert_eq!(batch.lines.len(), 2);
        for (line, sent) in batch.lines.iter().zip(&message.lines) {
            assert_eq!(line.time_unix_nanos, sent.time_unix_nanos);
            assert_eq!((line.source, line.line), (&*sent.source, &*sent.line));
            assert_eq!((line.deployment, line.marker), (sent.deployment, sent.marker));
            assert_eq!(line.stream, sent.stream());
        }
    }

    #[test]
    fn fields_of_a_newer_agent_are_passed_over_and_torn_ones_refused() {
        let encoded = message().encode_to_vec();
        let newer = [&encoded[..], &[0x7a, 2, b'h', b'i', 0x79, 1, 2, 3, 4, 5, 6, 7, 8]].concat();
        assert_eq!(Batch::decode(&newer), Batch::decode(&encoded));
        assert!(Batch::decode(&encoded[..encoded.len() - 1]).is_err());
        assert!(matches!(Batch::decode(&[0x12, 1, 0xff]), Err(Unreadable::Text(_))));
    }
}
