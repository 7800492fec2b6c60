//! The files of one log, opened so that they belong together: the one that is written to, and
//! those that rotation put aside, `.1` the newest of them, perhaps compressed.
//!
//! Invariant: files are known by their descriptor, never by name again. Rotation renames, compresses
//! and removes them while they are read, and what was opened stays readable. Only truncation in
//! place (`max-file=1`) takes lines away; it is seen by the file's first bytes.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use memchr::memchr_iter;

/// How often the files are opened anew because they were rotated meanwhile. Docker holds no lock
/// for others, but rotates at most some times a second.
const ATTEMPTS: usize = 20;

/// So much of a file's beginning tells it from what replaces it: a line's time is in it, or a text
/// so long that it does not come again by chance.
const HEAD_BYTES: usize = 256;

/// Where a log is kept.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    /// The file that is written to.
    pub(super) path: PathBuf,
    /// How many files there are at most, this one included.
    pub(super) kept: u32,
}

/// One file of a log.
#[derive(Debug)]
pub(super) struct Part {
    content: Content,
    /// When it was written to last, nanoseconds since 1970.
    pub(super) modified: i64,
    /// Whether more may be written to it.
    pub(super) is_newest: bool,
    /// So many lines are left out.
    skipped: u64,
}

#[derive(Debug)]
enum Content {
    Plain(Plain),
    Compressed(Box<MultiGzDecoder<File>>),
}

/// A file as long as it was when it was opened.
#[derive(Debug)]
pub(super) struct Plain {
    file: File,
    head: Vec<u8>,
    at: u64,
    /// Where reading ends.
    pub(super) end: u64,
}

impl LogFile {
    /// The files as they are at one moment, oldest first.
    ///
    /// # Errors
    /// When a file cannot be opened: the engine knows a way, or says why not.
    pub(super) fn open(&self) -> io::Result<Vec<Part>> {
        for _ in 0..ATTEMPTS {
            match self.try_open() {
                Ok(Some(parts)) => return Ok(parts),
                Ok(None) => {}
                // Between the old file's new name and the new file.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            std::thread::yield_now();
        }
        // Says what is wrong if it is still so.
        self.try_open()?.ok_or_else(|| ErrorKind::ResourceBusy.into())
    }

    /// Nothing when they were rotated meanwhile: the newest file has another name then.
    fn try_open(&self) -> io::Result<Option<Vec<Part>>> {
        let newest = File::open(&self.path)?;
        let opened = newest.metadata()?;
        let newest = Part::plain(newest, true)?;
        let older = (1..self.kept).rev().filter_map(|number| self.older(number).transpose());
        let mut parts = older.collect::<io::Result<Vec<Part>>>()?;
        parts.push(newest);
        let now = fs::metadata(&self.path)?;
        let is_same = (now.dev(), now.ino()) == (opened.dev(), opened.ino());
        Ok(is_same.then_some(parts))
    }

    /// A file that was put aside; while it is being compressed there are both.
    fn older(&self, number: u32) -> io::Result<Option<Part>> {
        if let Some(file) = existing(&self.name(&format!(".{number}")))? {
            return Part::plain(file, false).map(Some);
        }
        let compressed = existing(&self.name(&format!(".{number}.gz")))?;
        compressed.map(Part::compressed).transpose()
    }

    fn name(&self, suffix: &str) -> PathBuf {
        let mut name: OsString = self.path.clone().into();
        name.push(suffix);
        name.into()
    }
}

fn existing(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Part {
    fn plain(file: File, is_newest: bool) -> io::Result<Self> {
        let about = file.metadata()?;
        let mut head = Vec::new();
        (&file).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        (&file).rewind()?;
        // The length comes last: a head that is shorter than it could be is still a beginning.
        let end = file.metadata()?.len();
        let content = Content::Plain(Plain { file, head, at: 0, end });
        Ok(Self { content, modified: modified(&about), is_newest, skipped: 0 })
    }

    fn compressed(file: File) -> io::Result<Self> {
        let modified = modified(&file.metadata()?);
        let content = Content::Compressed(Box::new(MultiGzDecoder::new(file)));
        Ok(Self { content, modified, is_newest: false, skipped: 0 })
    }

    /// The file where it can be read from any place.
    pub(super) fn as_plain(&mut self) -> Option<&mut Plain> {
        match &mut self.content {
            Content::Plain(plain) => Some(plain),
            Content::Compressed(_) => None,
        }
    }

    /// Appends the next bytes, at most `most` of them; says false at the end. What comes before an
    /// error is appended too.
    pub(super) fn read(&mut self, most: u64, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let before = buffer.len();
        let read = self.read_next(most, buffer);
        if self.skipped > 0 {
            let ends = memchr_iter(b'\n', &buffer[before..]).take(skippable(self.skipped));
            let (lines, end) = ends.fold((0, 0), |(lines, _), at| (lines + 1, at + 1));
            self.skipped -= lines;
            let end = if self.skipped > 0 { buffer.len() - before } else { end };
            buffer.drain(before..before + end);
        }
        Ok(read? > 0)
    }

    fn read_next(&mut self, most: u64, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match &mut self.content {
            Content::Plain(plain) => {
                plain.read(most.min(plain.end.saturating_sub(plain.at)), buffer)
            }
            Content::Compressed(decoder) => decoder.take(most).read_to_end(buffer),
        }
    }

    /// Leaves out the next lines.
    pub(super) fn skip_lines(&mut self, lines: u64) {
        self.skipped = lines;
    }

    /// Back to the beginning.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        match &mut self.content {
            Content::Plain(plain) => plain.begin_at(0),
            Content::Compressed(decoder) => {
                let mut file = decoder.get_ref().try_clone()?;
                file.rewind()?;
                **decoder = MultiGzDecoder::new(file);
                Ok(())
            }
        }
    }

    /// Whether a read that fails is the file's own fault: what is compressed may be damaged.
    pub(super) fn may_be_damaged(&self) -> bool {
        matches!(self.content, Content::Compressed(_))
    }
}

impl Plain {
    /// Goes on reading at this place.
    pub(super) fn begin_at(&mut self, at: u64) -> io::Result<()> {
        self.at = self.file.seek(SeekFrom::Start(at))?;
        Ok(())
    }

    /// Appends the next bytes, also behind the end as it was.
    ///
    /// # Errors
    /// Also when the file was truncated meanwhile: what follows has to be read in another way.
    pub(super) fn read(&mut self, most: u64, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let before = buffer.len();
        let read = (&self.file).take(most).read_to_end(buffer)?;
        self.at += read as u64;
        let is_missing = read == 0 && self.at < self.end;
        if is_missing || (read > 0 && self.was_truncated()) {
            buffer.truncate(before);
            return Err(io::Error::other("it was truncated while it was read"));
        }
        Ok(read)
    }

    /// The bytes from `start` on, up to `end`.
    pub(super) fn block(&self, start: u64, end: u64, block: &mut Vec<u8>) -> io::Result<()> {
        block.resize(usize::try_from(end - start).unwrap_or(usize::MAX), 0);
        self.file.read_exact_at(block, start)
    }

    /// Whether other lines stand where those were that are wanted: what was just read may be torn.
    fn was_truncated(&self) -> bool {
        let mut now = vec![0; self.head.len()];
        self.file.read_exact_at(&mut now, 0).is_err() || now != self.head
    }
}

fn skippable(lines: u64) -> usize {
    usize::try_from(lines).unwrap_or(usize::MAX)
}

fn modified(about: &fs::Metadata) -> i64 {
    about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec())
}
