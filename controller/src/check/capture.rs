//! What a job prints, in bounded memory: the beginning, the end, and a word on what is between.

use std::collections::VecDeque;

/// The beginning says what was run on what.
const HEAD_BYTES: usize = 64 * 1024;
/// The end says how it ended, and why.
const TAIL_BYTES: usize = 192 * 1024;

/// Keeps what is pushed, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Capture {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = (HEAD_BYTES - self.head.len()).min(bytes.len());
        let (head, tail) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.tail.extend(tail);
        let excess = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }

    /// The text. A gap is between whole lines, where there are any.
    pub(super) fn text(&self) -> String {
        let (tail, more) = self.tail.as_slices();
        let tail = [tail, more].concat();
        if self.dropped == 0 {
            return String::from_utf8_lossy(&[&self.head[..], &tail].concat()).into_owned();
        }
        let last = self.head.iter().rposition(|byte| *byte == b'\n');
        let head = &self.head[..last.map_or(self.head.len(), |at| at + 1)];
        let first = tail.iter().position(|byte| *byte == b'\n');
        let rest = &tail[first.map_or(0, |at| at + 1)..];
        let left_out =
            self.dropped + (self.head.len() - head.len() + tail.len() - rest.len()) as u64;
        let end = if head.ends_with(b"\n") { "" } else { "\n" };
        format!(
            "{}{end}… {left_out} bytes of output left out …\n{}",
            String::from_utf8_lossy(head),
            String::from_utf8_lossy(rest)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pieces: &[&[u8]]) -> Capture {
        let mut capture = Capture::default();
        pieces.iter().for_each(|piece| capture.push(piece));
        capture
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        assert_eq!(captured(&[b"one\n", b"two"]).text(), "one\ntwo");
        let full = vec![b'x'; HEAD_BYTES + TAIL_BYTES];
        assert_eq!(captured(&[&full]).text().len(), full.len());
    }

    #[test]
    fn a_flood_keeps_its_first_and_last_lines_and_says_what_is_missing() {
        let mut capture = Capture::default();
        let mut total = 0;
        for line in 0..200_000 {
            let line = format!("line {line}\n");
            total += line.len();
            capture.push(line.as_bytes());
        }
        assert!(capture.head.len() + capture.tail.capacity() < 4 * (HEAD_BYTES + TAIL_BYTES));
        let text = capture.text();
        assert!(text.starts_with("line 0\nline 1\n") && text.ends_with("\nline 199999\n"));
        let (before, gap) = text.split_once("… ").expect("a gap");
        let (left_out, after) = gap.split_once(" bytes of output left out …\n").expect("a gap");
        assert!(before.ends_with('\n') && after.starts_with("line "));
        assert_eq!(left_out.parse::<usize>().ok(), Some(total - before.len() - after.len()));
    }

    #[test]
    fn a_flood_without_lines_is_bounded_too() {
        let text = captured(&[&vec![b'x'; 1 << 20], b"end"]).text();
        assert!(text.len() < HEAD_BYTES + TAIL_BYTES + 64 && text.ends_with("xend"));
    }
}
