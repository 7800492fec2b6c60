//! Turns one container's log frames into records, and remembers which frames were seen.
//!
//! Docker can resume a log only at a whole second, so frames come again. Per stream they are in the
//! order of their times, so the last time, and how many frames had it, tell old from new. Between
//! the two streams the order may be off by a little.

use std::{collections::VecDeque, sync::Arc};

use jiff::Timestamp;

use super::super::lines::LineCutter;
use crate::ports::LogRecord;

/// So much earlier than the last frame a stream is resumed, for the two streams' disorder.
const OVERLAP_SECONDS: i64 = 2;

/// So many frames of a followed stream are remembered: what an application writes between the two
/// times that Docker notices one rotation, which is some milliseconds.
const REMEMBERED: usize = 8 * 1024;

const NANOS: i64 = 1_000_000_000;

/// The state of reading one container's log.
#[derive(Debug, Clone)]
pub(super) struct Tracker {
    source: Arc<str>,
    not_before: i64,
    /// The latest time since the frames began to come. What stands behind a frame is not earlier.
    newest: i64,
    first: Option<i64>,
    stdout: Side,
    stderr: Side,
    last_told: i64,
    /// Lines on their way into records.
    lines: Vec<String>,
}

/// One of its two streams.
#[derive(Debug, Clone, Default)]
struct Side {
    /// The last frame's time, and how many frames had it.
    seen: Option<(i64, u32)>,
    /// While frames come again: so many of the last time are still to come.
    replayed: Option<u32>,
    /// While following: the times of the last frames. Docker before version 23 may open a rotated
    /// file twice, and tell its first lines again in the midst of the stream.
    recent: Option<VecDeque<i64>>,
    /// The last frame's text, while following.
    last_text: Vec<u8>,
    cutter: LineCutter,
    line_time: i64,
}

impl Tracker {
    /// Nothing read yet; frames before `not_before` (nanoseconds since 1970) are not wanted.
    pub(super) fn new(source: Arc<str>, not_before: i64) -> Self {
        let (stdout, stderr) = Default::default();
        let lines = Vec::new();
        let (newest, last_told) = (i64::MIN, i64::MIN);
        Self { source, not_before, newest, first: None, stdout, stderr, last_told, lines }
    }

    /// Says that the frames come (again) from [`Tracker::resume_at`] on.
    pub(super) fn attach(&mut self) {
        self.newest = i64::MIN;
        for side in [&mut self.stdout, &mut self.stderr] {
            side.replayed = side.seen.map(|(_, count)| count);
            side.recent = Some(VecDeque::new());
        }
    }

    /// Says that the rest of the last `tail` lines comes from another place, and answers how many have
    /// to be asked for there: once one of them was read, it tells where they begin.
    pub(super) fn attach_for_rest(&mut self, tail: Option<u64>) -> Option<u64> {
        self.attach();
        if tail.is_some() {
            self.begin_where_it_began();
        }
        tail.filter(|_| self.first.is_none())
    }

    /// Nothing from before the first frame is wanted later: only the tail of the log was.
    pub(super) fn begin_where_it_began(&mut self) {
        self.not_before = self.not_before.max(self.first.unwrap_or(i64::MIN));
    }

    /// From which second on frames must come again so that none is lost.
    pub(super) fn resume_at(&self) -> i32 {
        let last = self.stdout.seen.max(self.stderr.seen).map(|(time, _)| time);
        let last = last.unwrap_or(i64::MIN).max(self.not_before);
        let resumed = last.saturating_sub(OVERLAP_SECONDS * NANOS);
        i32::try_from(resumed.max(0) / NANOS).unwrap_or(i32::MAX)
    }

    /// Takes a frame, and appends the lines that it completes to `records`.
    pub(super) fn take(&mut self, stderr: bool, frame: &[u8], records: &mut Vec<LogRecord>) {
        let side = if stderr { &self.stderr } else { &self.stdout };
        let last_time = side.seen.map_or(self.not_before, |(time, _)| time);
        let (time, text) = split_time(frame).unwrap_or((last_time, frame));
        self.take_entry(stderr, time, text, records);
    }

    /// Takes what was printed at that time, like a frame.
    pub(super) fn take_entry(
        &mut self,
        stderr: bool,
        time: i64,
        text: &[u8],
        records: &mut Vec<LogRecord>,
    ) {
        let side = if stderr { &mut self.stderr } else { &mut self.stdout };
        self.newest = self.newest.max(time);
        if self.newest < self.not_before || side.says_again(time, text) || !side.is_new(time) {
            return;
        }
        self.first = self.first.or(Some(time));
        // Docker gives all parts of a line one time. What waits and has another has no end: whoever
        // printed it ended there, and another run goes on.
        if side.line_time != time && side.cutter.is_within_line() {
            self.end_line(stderr, records);
        }
        let side = if stderr { &mut self.stderr } else { &mut self.stdout };
        side.line_time = time;
        side.cutter.push(text, &mut self.lines);
        self.record(stderr, records);
    }

    /// Gives what has no line end, when no more will come.
    pub(super) fn finish(&mut self, records: &mut Vec<LogRecord>) {
        for stderr in [false, true] {
            self.end_line(stderr, records);
        }
    }

    fn end_line(&mut self, stderr: bool, records: &mut Vec<LogRecord>) {
        let side = if stderr { &mut self.stderr } else { &mut self.stdout };
        side.cutter.finish(&mut self.lines);
        self.record(stderr, records);
    }

    fn record(&mut self, stderr: bool, records: &mut Vec<LogRecord>) {
        let side = if stderr { &self.stderr } else { &self.stdout };
        for line in self.lines.drain(..) {
            self.last_told = self.last_told.max(side.line_time);
            records.push(LogRecord {
                time_unix_nanos: self.last_told,
                source: Arc::clone(&self.source),
                stderr,
                line,
                marker: false,
            });
        }
    }
}

impl Side {
    fn is_new(&mut self, time: i64) -> bool {
        if self.goes_back_to(time) {
            self.replayed = self.seen.map(|(_, count)| count);
        }
        if let (Some((last, _)), Some(left)) = (self.seen, self.replayed) {
            if time < last {
                return false;
            }
            if time == last && left > 0 {
                self.replayed = Some(left - 1).filter(|left| *left > 0);
                return false;
            }
            self.replayed = None;
        }
        self.seen = match self.seen {
            Some((last, count)) if last == time => Some((last, count + 1)),
            Some(_) | None => Some((time, 1)),
        };
        if let Some(recent) = &mut self.recent {
            recent.truncate(REMEMBERED - 1);
            recent.push_front(time);
        }
        true
    }

    /// Whether this is the last frame again, because the stream begins again with that one. Parts of
    /// one long line may be alike in everything; lines of one nanosecond are not.
    fn says_again(&mut self, time: i64, text: &[u8]) -> bool {
        if self.recent.is_none() {
            return false;
        }
        let is_same = self.seen.is_some_and(|(last, _)| last == time) && self.last_text == text;
        let is_line = text.ends_with(b"\n") && !self.cutter.is_within_line();
        self.last_text.clear();
        self.last_text.extend_from_slice(text);
        is_same && is_line && self.replayed.is_none()
    }

    /// Whether the stream begins again at a frame that was seen. A clock that was set back gives
    /// earlier times too, but never the same ones.
    fn goes_back_to(&self, time: i64) -> bool {
        let is_back = self.replayed.is_none() && self.seen.is_some_and(|(last, _)| time < last);
        is_back && self.recent.as_ref().is_some_and(|recent| recent.contains(&time))
    }
}

/// A frame begins with its time, in RFC 3339, and a space.
fn split_time(frame: &[u8]) -> Option<(i64, &[u8])> {
    let space = frame.iter().take(40).position(|byte| *byte == b' ')?;
    let time: Timestamp = std::str::from_utf8(&frame[..space]).ok()?.parse().ok()?;
    Some((i64::try_from(time.as_nanosecond()).ok()?, &frame[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(tracker: &mut Tracker, frames: &[(bool, &str)]) -> Vec<String> {
        let mut records = Vec::new();
        for (stderr, frame) in frames {
            tracker.take(*stderr, format!("2026-01-01T00:00:{frame}").as_bytes(), &mut records);
        }
        assert!(records.is_sorted_by_key(|record| record.time_unix_nanos));
        records.into_iter().map(|record| record.line).collect()
    }

    #[test]
    fn frames_that_come_again_are_told_once_whatever_their_times() {
        let frames = [
            (false, "01.5Z a\n"),
            (true, "01.4Z b\n"),
            (false, "02Z c\n"),
            (false, "02Z C\n"),
            (true, "02.1Z d\n"),
            (false, "02Z c\n"),
            (false, "03Z e\n"),
        ];
        let expected = ["a", "b", "c", "C", "d", "c", "e"];
        for cut in 0..=frames.len() {
            let mut tracker = Tracker::new("web".into(), 0);
            let mut told = lines(&mut tracker, &frames[..cut]);
            tracker.attach();
            told.extend(lines(&mut tracker, &frames));
            assert_eq!(told, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_that_docker_split_is_put_together_also_across_a_reconnection() {
        let mut tracker = Tracker::new("web".into(), 0);
        assert!(lines(&mut tracker, &[(false, "01Z one ")]).is_empty());
        tracker.attach();
        let frames = [(false, "01Z one "), (true, "01Z between\n"), (false, "01Z line\r\n")];
        assert_eq!(lines(&mut tracker, &frames), ["between", "one line"]);
    }

    #[test]
    fn a_last_line_without_an_end_is_not_glued_to_the_next_runs_first_line() {
        let frames =
            [(false, "01Z no "), (false, "01Z end"), (true, "01Z x"), (false, "02Z run\n")];
        let mut tracker = Tracker::new("web".into(), 0);
        assert_eq!(lines(&mut tracker, &frames), ["no end", "run"]);
        let mut last = Vec::new();
        tracker.finish(&mut last);
        assert_eq!(last[0].line, "x");
        tracker.attach();
        let next = (true, "03Z error\n");
        assert_eq!(lines(&mut tracker, &[&frames[..], &[next]].concat()), ["error"]);
    }

    #[test]
    fn a_clock_that_is_set_back_loses_nothing_while_attached() {
        let mut tracker = Tracker::new("web".into(), 0);
        lines(&mut tracker, &[(false, "30Z a\n")]);
        tracker.attach();
        assert_eq!(lines(&mut tracker, &[(false, "30Z a\n"), (false, "10Z b\n")]), ["b"]);
    }

    #[test]
    fn a_stream_that_begins_again_in_its_midst_repeats_nothing() {
        let mut tracker = Tracker::new("web".into(), 0);
        lines(&mut tracker, &[(false, "01Z before\n")]);
        tracker.attach();
        let rotated = [(false, "02Z a\n"), (false, "03Z b\n"), (false, "03Z c\n")];
        assert_eq!(lines(&mut tracker, &rotated), ["a", "b", "c"]);
        assert!(lines(&mut tracker, &rotated).is_empty());
        assert!(lines(&mut tracker, &rotated[2..]).is_empty());
        assert_eq!(lines(&mut tracker, &[(false, "03Z d\n"), (false, "04Z e\n")]), ["d", "e"]);
    }

    #[test]
    fn what_was_before_the_wanted_tail_stays_away_when_the_stream_is_resumed() {
        let mut tracker = Tracker::new("web".into(), 0);
        lines(&mut tracker, &[(false, "03Z tail\n")]);
        tracker.begin_where_it_began();
        tracker.attach();
        let frames = [(true, "02Z before\n"), (false, "03Z tail\n"), (true, "04Z new\n")];
        assert_eq!(lines(&mut tracker, &frames), ["new"]);
    }

    #[test]
    fn the_rest_of_a_tail_begins_where_the_tail_did_also_when_nothing_of_it_was_read() {
        let mut unread = Tracker::new("web".into(), 0);
        assert_eq!(unread.attach_for_rest(Some(10)), Some(10));
        let frames = [(true, "02Z before\n"), (false, "03Z first\n"), (true, "04Z new\n")];
        for (tail, rest) in [(Some(10), &["new"][..]), (None, &["before", "new"])] {
            let mut begun = Tracker::new("web".into(), 0);
            lines(&mut begun, &frames[1..2]);
            assert_eq!(begun.attach_for_rest(tail), None);
            assert_eq!(lines(&mut begun, &frames), rest);
        }
    }

    #[test]
    fn what_stands_behind_a_wanted_line_is_wanted_whatever_its_time() {
        let frames = [(true, "01Z a\n"), (false, "03Z b\n"), (true, "02Z c\n")];
        let begin = "2026-01-01T00:00:03Z".parse::<Timestamp>().unwrap().as_second() * NANOS;
        let mut tracker = Tracker::new("web".into(), begin);
        assert_eq!(tracker.resume_at(), 1_767_225_601);
        assert_eq!(lines(&mut tracker, &frames), ["b", "c"]);
        tracker.attach();
        assert!(lines(&mut tracker, &frames).is_empty());
    }

    #[test]
    fn only_the_overlap_is_read_again() {
        let mut tracker = Tracker::new("web".into(), 0);
        assert_eq!(tracker.resume_at(), 0);
        lines(&mut tracker, &[(false, "30.9Z a\n")]);
        assert_eq!(tracker.resume_at(), 1_767_225_628);
    }
}
