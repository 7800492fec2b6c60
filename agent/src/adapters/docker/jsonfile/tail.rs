//! Where the wanted lines begin: found from the end, without reading what is not wanted.

use std::{collections::VecDeque, io};

use memchr::{memchr, memchr_iter, memrchr_iter};

use super::{
    entry,
    parts::{Part, Plain},
};

/// How much is looked at at once.
const BLOCK_BYTES: u64 = 64 * 1024;

/// Lines are in the order of their times up to this: the streams' own disorder, and small steps of
/// the clock. What is so much older than wanted has nothing wanted before it.
const DISORDER_NANOS: i64 = 60_000_000_000;

/// Leaves only the last `wanted` lines to read, and what may stand behind them without an end.
pub(super) fn keep_last(parts: &mut VecDeque<Part>, mut wanted: u64) -> io::Result<()> {
    for index in (0..parts.len()).rev() {
        let lines = match parts[index].as_plain() {
            Some(plain) => plain.keep_last(wanted)?,
            None => keep_last_compressed(&mut parts[index], wanted)?,
        };
        wanted -= lines.min(wanted);
        if wanted == 0 {
            parts.drain(..index);
            return Ok(());
        }
    }
    Ok(())
}

/// Leaves what may have lines at or after `since`.
pub(super) fn skip_before(parts: &mut VecDeque<Part>, since: i64) -> io::Result<()> {
    let settled = since.saturating_sub(DISORDER_NANOS);
    while parts.len() > 1 && parts.front().is_some_and(|part| part.modified < settled) {
        parts.pop_front();
    }
    for index in (0..parts.len()).rev() {
        if let Some(plain) = parts[index].as_plain()
            && plain.skip_before(settled)?
        {
            parts.drain(..index);
            return Ok(());
        }
    }
    Ok(())
}

/// A compressed file is only read forward: once to count, and once more up to the place.
fn keep_last_compressed(part: &mut Part, wanted: u64) -> io::Result<u64> {
    let mut block = Vec::new();
    let mut lines = 0;
    let mut is_more = true;
    while is_more {
        // Damage ends the counting; whoever reads on comes to the same place and says so.
        is_more = part.read(BLOCK_BYTES, &mut block).unwrap_or(false);
        lines += memchr_iter(b'\n', &block).count() as u64;
        block.clear();
    }
    part.rewind()?;
    part.skip_lines(lines.saturating_sub(wanted));
    Ok(lines)
}

impl Plain {
    /// Begins `wanted` lines before the end, or at the beginning; says how many lines that are.
    fn keep_last(&mut self, wanted: u64) -> io::Result<u64> {
        let (mut lines, mut end) = (0, self.end);
        let mut block = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(BLOCK_BYTES);
            self.block(start, end, &mut block)?;
            for at in memrchr_iter(b'\n', &block) {
                if lines == wanted {
                    self.begin_at(start + at as u64 + 1)?;
                    return Ok(lines);
                }
                lines += 1;
            }
            end = start;
        }
        Ok(lines)
    }

    /// Begins somewhere before all lines at or after `settled`; says whether older ones are left out.
    fn skip_before(&mut self, settled: i64) -> io::Result<bool> {
        let mut end = self.end;
        let mut block = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(BLOCK_BYTES);
            self.block(start, end, &mut block)?;
            let first = if start == 0 { Some(0) } else { memchr(b'\n', &block).map(|at| at + 1) };
            let older = first.filter(|first| {
                let line = &block[*first..];
                let length = memchr(b'\n', line);
                let time = length.and_then(|length| entry::time_of(&line[..length]));
                time.is_some_and(|time| time < settled)
            });
            if let Some(first) = older {
                self.begin_at(start + first as u64)?;
                return Ok(true);
            }
            end = start;
        }
        Ok(false)
    }
}
