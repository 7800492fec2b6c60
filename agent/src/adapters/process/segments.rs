//! The files that a supervised process' log is kept in: how a line is written down, in which file,
//! and how it is found again. Nothing here waits or spawns.
//!
//! `00000001.log`, `00000002.log`, …: append-only, the newest is written to, the oldest is removed.
//! A line is `<nanoseconds since 1970> <o|e|m> <text>`; its time is greater than that of the line
//! before. A line that was torn by a crash is skipped by whoever reads it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Size at which a new file is begun.
pub(super) const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// How many files are kept.
pub(super) const SEGMENTS_KEPT: u64 = 4;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The supervisor itself.
    Marker,
}

/// One line as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// When, nanoseconds since 1970.
    pub(super) time: i64,
    /// Where it came from.
    pub(super) origin: Origin,
    /// Its text.
    pub(super) text: String,
}

impl Kept {
    fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let (time, rest) = line.split_once(' ')?;
        let (origin, text) = rest.split_once(' ')?;
        let origin = match origin {
            "o" => Origin::Stdout,
            "e" => Origin::Stderr,
            "m" => Origin::Marker,
            _ => return None,
        };
        Some(Self { time: time.parse().ok()?, origin, text: text.to_owned() })
    }
}

/// The numbers of the files in `folder`, oldest first.
pub(super) fn numbers(folder: &Path) -> Vec<u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let number =
        |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".log")?.parse::<u64>().ok();
    let mut numbers: Vec<u64> = entries.filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Where file number `number` is.
pub(super) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.log"))
}

/// The writing end. One per folder.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    folder: PathBuf,
    file: File,
    number: u64,
    bytes: u64,
    last_time: i64,
    scratch: Vec<u8>,
}

impl SegmentWriter {
    /// Opens the newest file of `folder`, or begins the first.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let number = numbers(folder).last().copied().unwrap_or(1);
        let (file, bytes) = open_to_append(&path_of(folder, number))?;
        let last_time = last_time(folder);
        let scratch = Vec::new();
        Ok(Self { folder: folder.to_owned(), file, number, bytes, last_time, scratch })
    }

    /// Writes lines down, all stamped with times at or after `now`, and each after the one before.
    pub(super) fn append(
        &mut self,
        now: i64,
        lines: impl Iterator<Item = (Origin, String)>,
    ) -> io::Result<()> {
        if self.bytes >= SEGMENT_BYTES {
            self.begin_next()?;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        for (origin, text) in lines {
            self.last_time = now.max(self.last_time + 1);
            let letter = match origin {
                Origin::Stdout => 'o',
                Origin::Stderr => 'e',
                Origin::Marker => 'm',
            };
            writeln!(scratch, "{} {letter} {text}", self.last_time)?;
        }
        let written = self.file.write_all(&scratch);
        self.bytes += scratch.len() as u64;
        self.scratch = scratch;
        written
    }

    fn begin_next(&mut self) -> io::Result<()> {
        let next = self.number + 1;
        let (file, bytes) = open_to_append(&path_of(&self.folder, next))?;
        (self.file, self.bytes, self.number) = (file, bytes, next);
        for old in numbers(&self.folder) {
            if old + SEGMENTS_KEPT <= next {
                fs::remove_file(path_of(&self.folder, old))?;
            }
        }
        Ok(())
    }
}

/// Opens a file for appending; a torn last line gets an end, so that it spoils no other.
fn open_to_append(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let bytes = file.seek(SeekFrom::End(0))?;
    if bytes > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            return Ok((file, bytes + 1));
        }
    }
    Ok((file, bytes))
}

fn last_time(folder: &Path) -> i64 {
    let newest_first = numbers(folder).into_iter().rev();
    let mut lasts = newest_first.filter_map(|number| {
        let content = fs::read(path_of(folder, number)).ok()?;
        content.rsplit(|byte| *byte == b'\n').find_map(Kept::parse).map(|kept| kept.time)
    });
    lasts.next().unwrap_or(0)
}

/// The reading end: a place in the files that moves forward. Any number per folder.
#[derive(Debug)]
pub(super) struct SegmentReader {
    folder: PathBuf,
    number: u64,
    file: Option<File>,
    pending: Vec<u8>,
    /// Where to begin in the first file.
    offset: u64,
}

/// What a reader found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The next lines.
    Lines(Vec<Kept>),
    /// Nothing new yet.
    End,
    /// The next files were removed before they could be read.
    Gap,
}

/// How much is read at once.
const READ_BYTES: u64 = 256 * 1024;

/// How much is looked at at once to find where the last lines begin.
const TAIL_BYTES: u64 = 64 * 1024;

impl SegmentReader {
    /// A reader that begins `tail` lines before the end, or at the oldest line that is kept.
    pub(super) fn open(folder: &Path, tail: Option<u64>) -> io::Result<Self> {
        let numbers = numbers(folder);
        let first = numbers.first().copied().unwrap_or(1);
        let (number, offset) = match tail {
            None => (first, 0),
            Some(tail) => lines_before_end(folder, &numbers, tail)?.unwrap_or((first, 0)),
        };
        let folder = folder.to_owned();
        Ok(Self { folder, number, file: None, pending: Vec::new(), offset })
    }

    /// Goes on reading.
    pub(super) fn read(&mut self) -> io::Result<Found> {
        loop {
            // Asked first: what is written to this file is complete once there is a next one.
            let later = numbers(&self.folder).into_iter().find(|number| *number > self.number);
            match self.read_file()? {
                Some(lines) if lines.is_empty() => {}
                Some(lines) => return Ok(Found::Lines(lines)),
                None => {
                    let Some(next) = later else { return Ok(Found::End) };
                    let is_gap = next != self.number + 1;
                    (self.number, self.file) = (next, None);
                    self.pending.clear();
                    if is_gap {
                        return Ok(Found::Gap);
                    }
                }
            }
        }
    }

    /// The next lines of the present file; none at its end.
    fn read_file(&mut self) -> io::Result<Option<Vec<Kept>>> {
        if self.file.is_none() {
            self.file = match File::open(path_of(&self.folder, self.number)) {
                Ok(mut file) => {
                    file.seek(SeekFrom::Start(std::mem::take(&mut self.offset)))?;
                    Some(file)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
        }
        let Some(file) = &mut self.file else { return Ok(None) };
        if file.take(READ_BYTES).read_to_end(&mut self.pending)? == 0 {
            return Ok(None);
        }
        let complete = self.pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = self.pending[..complete].split_inclusive(|byte| *byte == b'\n');
        let kept = lines.filter_map(|line| Kept::parse(&line[..line.len() - 1])).collect();
        self.pending.drain(..complete);
        Ok(Some(kept))
    }
}

/// In which file, and how far into it, the last `tail` lines begin.
fn lines_before_end(folder: &Path, numbers: &[u64], tail: u64) -> io::Result<Option<(u64, u64)>> {
    let mut wanted = tail;
    for number in numbers.iter().rev() {
        let (lines, offset) = last_lines(&path_of(folder, *number), wanted)?;
        if lines == wanted {
            return Ok(Some((*number, offset)));
        }
        wanted -= lines;
    }
    Ok(None)
}

/// How many of the last `wanted` lines a file has, and where they begin. Reads no more of it than
/// these lines, and holds a small part: many readers may ask at once.
fn last_lines(path: &Path, wanted: u64) -> io::Result<(u64, u64)> {
    let mut file = File::open(path)?;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut chunk = Vec::new();
    let mut lines = 0;
    while end > 0 {
        let start = end.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        chunk.clear();
        (&file).take(end - start).read_to_end(&mut chunk)?;
        for (at, _) in chunk.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            if lines == wanted {
                return Ok((lines, start + at as u64 + 1));
            }
            lines += 1;
        }
        end = start;
    }
    Ok((lines, 0))
}
