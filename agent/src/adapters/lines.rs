//! Cuts what programs print into lines, so that no output, however strange, makes the agent grow.

use memchr::memchr;

use crate::ports::LOG_LINE_BYTES;

/// Collects bytes, and gives them back as lines of at most [`LOG_LINE_BYTES`].
#[derive(Debug, Clone, Default)]
pub(super) struct LineCutter {
    pending: Vec<u8>,
}

impl LineCutter {
    /// Takes the next bytes, and appends the lines that they complete to `lines`.
    pub(super) fn push(&mut self, mut bytes: &[u8], lines: &mut Vec<String>) {
        while let Some(end) = memchr(b'\n', bytes) {
            if self.pending.is_empty() && end <= LOG_LINE_BYTES {
                append_line(&bytes[..end], lines);
            } else {
                self.extend(&bytes[..end], lines);
                self.end_line(lines);
            }
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, lines);
    }

    /// The last line, when it has no line end.
    pub(super) fn finish(&mut self, lines: &mut Vec<String>) {
        if !self.pending.is_empty() {
            self.end_line(lines);
        }
    }

    /// Whether the beginning of a line is waiting for its rest.
    pub(super) fn is_within_line(&self) -> bool {
        !self.pending.is_empty()
    }

    fn extend(&mut self, mut bytes: &[u8], lines: &mut Vec<String>) {
        while self.pending.len() + bytes.len() > LOG_LINE_BYTES {
            let room = LOG_LINE_BYTES.saturating_sub(self.pending.len());
            self.pending.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            let cut = character_boundary(&self.pending);
            append_text(&self.pending[..cut], lines);
            self.pending.drain(..cut);
        }
        self.pending.extend_from_slice(bytes);
    }

    fn end_line(&mut self, lines: &mut Vec<String>) {
        append_line(&self.pending, lines);
        self.pending.clear();
    }
}

fn append_line(line: &[u8], lines: &mut Vec<String>) {
    append_text(line.strip_suffix(b"\r").unwrap_or(line), lines);
}

/// Where to cut so that no character is torn: at most three bytes before the end.
fn character_boundary(bytes: &[u8]) -> usize {
    let starts_character = |byte: u8| byte & 0b1100_0000 != 0b1000_0000;
    let tail = bytes.len().saturating_sub(4);
    match bytes[tail..].iter().rposition(|byte| starts_character(*byte)) {
        Some(at) if tail + at > 0 && bytes[tail + at] >= 0x80 => tail + at,
        Some(_) | None => bytes.len(),
    }
}

/// Appends the bytes as text. Replacing invalid UTF-8 makes text longer, so it is bounded again.
fn append_text(bytes: &[u8], lines: &mut Vec<String>) {
    if let Ok(text) = str::from_utf8(bytes)
        && text.len() <= LOG_LINE_BYTES
    {
        lines.push(text.to_owned());
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.as_ref();
    while rest.len() > LOG_LINE_BYTES {
        let cut = (0..=LOG_LINE_BYTES).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        lines.push(rest[..cut].to_owned());
        rest = &rest[cut..];
    }
    lines.push(rest.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<String> {
        let (mut cutter, mut lines) = (LineCutter::default(), Vec::new());
        for chunk in chunks {
            cutter.push(chunk, &mut lines);
        }
        cutter.finish(&mut lines);
        lines
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let whole = b"one\r\n\ntwo \xc3\xa9\nthree";
        let pieces: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(cut(&pieces), ["one", "", "two é", "three"]);
        assert_eq!(cut(&[whole]), cut(&pieces));
    }

    #[test]
    fn an_endless_line_is_split_between_characters_and_never_kept_whole() {
        let endless = "é".repeat(LOG_LINE_BYTES);
        let shifted = format!("x{endless}");
        for text in [&endless, &shifted] {
            let lines = cut(&[text.as_bytes()]);
            assert_eq!(&lines.concat(), text);
            assert!(lines.iter().all(|line| line.len() <= LOG_LINE_BYTES));
        }
    }

    #[test]
    fn invalid_bytes_are_replaced_and_stay_within_the_bound() {
        assert_eq!(cut(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
        let lines = cut(&[&vec![0xff; LOG_LINE_BYTES * 2]]);
        assert!(lines.iter().all(|line| line.len() <= LOG_LINE_BYTES));
        assert_eq!(lines.concat().chars().count(), LOG_LINE_BYTES * 2);
        assert_eq!(cut(&[&vec![0x80; LOG_LINE_BYTES + 1]]).concat().chars().count(), 65537);
    }
}
