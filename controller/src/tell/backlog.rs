//! Output of hooks and checks: shown as it comes with `-v`, else kept for a bad end.

use std::collections::VecDeque;

/// How many of the last lines are kept: a screen's worth.
const KEPT_LINES: usize = 40;

/// The last lines of output, ready to print.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    lines: VecDeque<String>,
    dropped: usize,
}

impl Backlog {
    pub(super) fn keep(&mut self, line: String) {
        if self.lines.len() == KEPT_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }

    /// Everything that was kept, with a word on what was not.
    pub(super) fn take(&mut self) -> Vec<String> {
        let dropped = std::mem::take(&mut self.dropped);
        let note = format!("… {dropped} earlier lines of output, see `ripcord show` or -v");
        let note = (dropped != 0).then_some(note);
        note.into_iter().chain(self.lines.drain(..)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_the_others_counted() {
        let mut backlog = Backlog::default();
        (1..=42).for_each(|line| backlog.keep(line.to_string()));
        let told = backlog.take();
        assert_eq!(told[0], "… 2 earlier lines of output, see `ripcord show` or -v");
        assert_eq!((told[1].as_str(), told.len()), ("3", 41));
        assert!(backlog.take().is_empty());
    }
}
