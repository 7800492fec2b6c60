//! Lines in batches: encoded once, with an index that lets others take single lines out again
//! without decoding them.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use prost::encoding::{self, WireType};
use ripcord_core::DeploymentNumber;
use ripcord_proto::v1::{OutputStream, StreamLogsResponse, stream_logs_response::Item};

use super::{
    LineFilter,
    limits::BATCH_BYTES,
    position::{Key, Mark, Positions},
};
use crate::ports::LogRecord;

/// Field numbers of `LogBatch`.
const LINES: u32 = 1;
const CURSOR: u32 = 2;

/// Collects lines into the encoding of one `LogBatch`.
#[derive(Debug, Default)]
pub struct Batcher {
    encoded: Vec<u8>,
}

impl Batcher {
    /// Adds a line as a `LogLine`, written down as prost would, without building one: there are
    /// millions of them. Says where it is in the batch.
    pub fn push(
        &mut self,
        record: &LogRecord,
        deployment: Option<DeploymentNumber>,
    ) -> Range<usize> {
        let start = self.encoded.len();
        let time = record.time_unix_nanos.cast_unsigned();
        let deployment = deployment.map_or(0, |number| number.0);
        let stream = if record.stderr { OutputStream::Stderr } else { OutputStream::Stdout };
        let texts = text_bytes(&record.source) + text_bytes(&record.line);
        let numbers = number_bytes(time) + number_bytes(deployment);
        let length = texts + numbers + 2 + if record.marker { MARKER_BYTES } else { 0 };
        encoding::encode_key(LINES, WireType::LengthDelimited, &mut self.encoded);
        encoding::encode_varint(length as u64, &mut self.encoded);
        self.push_number(1, time);
        self.push_text(2, &record.source);
        self.push_number(3, deployment);
        self.push_number(4, stream as u64);
        self.push_text(5, &record.line);
        self.push_number(6, record.marker.into());
        start..self.encoded.len()
    }

    /// Like all of proto3, nothing where it is 0.
    fn push_number(&mut self, tag: u32, number: u64) {
        if number != 0 {
            encoding::encode_key(tag, WireType::Varint, &mut self.encoded);
            encoding::encode_varint(number, &mut self.encoded);
        }
    }

    fn push_text(&mut self, tag: u32, text: &str) {
        if !text.is_empty() {
            encoding::encode_key(tag, WireType::LengthDelimited, &mut self.encoded);
            encoding::encode_varint(text.len() as u64, &mut self.encoded);
            self.encoded.extend_from_slice(text.as_bytes());
        }
    }

    /// Adds a line that is encoded already.
    fn push_encoded(&mut self, line: &[u8]) {
        self.encoded.extend_from_slice(line);
    }

    /// Whether there is no line in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// Whether it should be sent now.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.encoded.len() >= BATCH_BYTES
    }

    /// The batch, which ends at `cursor`; the next line begins a new one.
    pub fn finish(&mut self, cursor: &str) -> Bytes {
        encoding::encode_key(CURSOR, WireType::LengthDelimited, &mut self.encoded);
        encoding::encode_varint(cursor.len() as u64, &mut self.encoded);
        self.encoded.extend_from_slice(cursor.as_bytes());
        // Boxed, so that what is kept is no larger than what is counted.
        std::mem::take(&mut self.encoded).into_boxed_slice().into()
    }
}

/// The response that carries this batch.
#[must_use]
pub fn response(batch: Bytes) -> StreamLogsResponse {
    StreamLogsResponse { item: Some(Item::Batch(batch)) }
}

/// What a number takes, with its key of one byte.
fn number_bytes(number: u64) -> usize {
    if number == 0 { 0 } else { 1 + encoding::encoded_len_varint(number) }
}

/// What a text takes, with its key of one byte.
fn text_bytes(text: &str) -> usize {
    let length = text.len();
    if length == 0 { 0 } else { 1 + encoding::encoded_len_varint(length as u64) + length }
}

/// A batch of live lines, as all readers share it.
#[derive(Debug)]
pub(super) struct Batch {
    /// The encoded `LogBatch`.
    pub(super) encoded: Bytes,
    /// Its cursor, also inside `encoded`.
    pub(super) cursor: String,
    /// What was seen when it ends.
    pub(super) end: Arc<Positions>,
    /// How many lines came before it.
    pub(super) lines_before: u64,
    pub(super) lines: Box<[IndexedLine]>,
}

/// Where a line is in its batch, and what is asked about it.
#[derive(Debug)]
pub(super) struct IndexedLine {
    pub(super) key: Key,
    pub(super) mark: Mark,
    time: i64,
    frame: Range<u32>,
    text_bytes: u32,
}

/// `marker = true` follows the text in a frame: its tag and its value.
const MARKER_BYTES: usize = 2;

impl IndexedLine {
    pub(super) fn new(key: Key, mark: Mark, record: &LogRecord, frame: Range<usize>) -> Self {
        let small = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        Self {
            key,
            mark,
            time: record.time_unix_nanos,
            frame: small(frame.start)..small(frame.end),
            text_bytes: small(record.line.len()),
        }
    }
}

impl Batch {
    /// What it costs to keep.
    pub(super) fn weight(&self) -> usize {
        let marks = self.end.marks.len() * size_of::<(Key, Mark)>();
        let index = self.lines.len() * size_of::<IndexedLine>();
        size_of::<Self>() + self.encoded.len() + self.cursor.len() + index + marks
    }

    fn frame(&self, line: &IndexedLine) -> &[u8] {
        &self.encoded[line.frame.start as usize..line.frame.end as usize]
    }

    fn text(&self, line: &IndexedLine) -> &str {
        let after = if line.key.marker { MARKER_BYTES } else { 0 };
        let end = line.frame.end as usize - after;
        let text = &self.encoded[end - line.text_bytes as usize..end];
        std::str::from_utf8(text).unwrap_or_default()
    }

    pub(super) fn passes(&self, line: &IndexedLine, filter: Option<&LineFilter>) -> bool {
        let passes = |filter: &LineFilter| {
            filter.passes(&line.key.source, line.time, line.key.marker, self.text(line))
        };
        filter.is_none_or(passes)
    }

    /// A batch of only these lines of it; nothing when there are none.
    pub(super) fn only<'a>(
        &'a self,
        lines: impl Iterator<Item = &'a IndexedLine>,
        cursor: &str,
    ) -> Option<Bytes> {
        let mut batcher = Batcher::default();
        lines.for_each(|line| batcher.push_encoded(self.frame(line)));
        (!batcher.is_empty()).then(|| batcher.finish(cursor))
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use ripcord_proto::v1::{LogBatch, LogLine};

    use super::*;

    #[test]
    fn lines_are_encoded_as_prost_encodes_them() {
        let mut batcher = Batcher::default();
        let mut lines = Vec::new();
        for (time, line) in [(0, ""), (-1, "¿qué?"), (1_795_305_600_000_000_000, &*"x".repeat(300))]
        {
            for (marker, stderr, deployment) in [(true, false, None), (false, true, Some(142))] {
                let source = if marker { "" } else { "web" };
                let record = LogRecord {
                    time_unix_nanos: time,
                    source: source.into(),
                    stderr,
                    line: line.to_owned(),
                    marker,
                };
                batcher.push(&record, deployment.map(DeploymentNumber));
                lines.push(LogLine {
                    time_unix_nanos: time,
                    source: source.to_owned(),
                    deployment: deployment.unwrap_or(0),
                    stream: if stderr { OutputStream::Stderr } else { OutputStream::Stdout }.into(),
                    line: line.to_owned(),
                    marker,
                });
            }
        }
        let message = LogBatch { lines, cursor: "1~7".to_owned() };
        assert_eq!(batcher.finish("1~7"), message.encode_to_vec());
    }
}
