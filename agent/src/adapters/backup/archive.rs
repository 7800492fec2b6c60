//! Writes the archive: each file once, hashed while it is read.
//!
//! A file that changes under the reader is read again. Small ones wait in memory until they are whole;
//! of a large one each try is a member of its own, and the last one counts, as it does for `tar`.

use std::{
    fs::File,
    io::{self, Read, Seek as _, SeekFrom, Write},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use ring::digest;
use ripcord_core::Failure;
use tar::{Builder, EntryType, Header};

use super::{
    errors::OrFail,
    manifest::{self, Entry, Kind, Name, Sha256},
    progress::Progress,
    walk::{Meta, Visit},
};

/// Larger files are not held in memory.
const AT_ONCE: u64 = 8 << 20;
/// So often a file is read that changes meanwhile.
const ATTEMPTS: u32 = 3;

/// An archive that grows.
pub(super) struct Archive<'a> {
    tar: Builder<zstd::Encoder<'static, Hashed<File>>>,
    entries: Vec<Entry>,
    progress: &'a mut Progress,
}

/// An archive that is whole, and on the disk.
pub(super) struct Written {
    pub(super) entries: Vec<Entry>,
    pub(super) bytes: u64,
    pub(super) sha256: Sha256,
}

impl<'a> Archive<'a> {
    pub(super) fn begin(file: File, progress: &'a mut Progress) -> io::Result<Self> {
        let mut encoder = zstd::Encoder::new(Hashed::new(file), zstd::DEFAULT_COMPRESSION_LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self { tar: Builder::new(encoder), entries: Vec::new(), progress })
    }

    pub(super) fn end(self) -> io::Result<Written> {
        let file = self.tar.into_inner()?.finish()?;
        file.inner.sync_all()?;
        // What is verified next shall come from the disk, not from memory.
        let _ = rustix::fs::fadvise(&file.inner, 0, None, rustix::fs::Advice::DontNeed);
        let (bytes, sha256) = (file.bytes, Sha256::end(file.context));
        Ok(Written { entries: self.entries, bytes, sha256 })
    }

    fn small(&mut self, path: &Path, file: &mut File, first: Meta) -> io::Result<()> {
        let (mut meta, mut content) = (first, Vec::new());
        for attempt in 1..=ATTEMPTS {
            content.clear();
            file.seek(SeekFrom::Start(0))?;
            file.take(AT_ONCE).read_to_end(&mut content)?;
            let after = Meta::of_file(file)?;
            if after == meta && after.size == content.len() as u64 {
                break;
            }
            if after.size > AT_ONCE {
                return self.large(path, file, after);
            }
            if attempt == ATTEMPTS {
                self.remark_torn(path);
            }
            meta = after;
        }
        meta.size = content.len() as u64;
        let (sha256, _) = self.member(path, &mut content.as_slice(), &meta)?;
        let size = meta.size;
        self.entries.push(meta.entry(path, Kind::File { size, sha256, torn: 0 }));
        Ok(())
    }

    fn large(&mut self, path: &Path, file: &mut File, first: Meta) -> io::Result<()> {
        let mut meta = first;
        for torn in 0..ATTEMPTS {
            file.seek(SeekFrom::Start(0))?;
            let (sha256, was_whole) = self.member(path, file, &meta)?;
            let after = Meta::of_file(file)?;
            let is_quiet = was_whole && after == meta;
            if is_quiet || torn + 1 == ATTEMPTS {
                if !is_quiet {
                    self.remark_torn(path);
                }
                self.entries.push(meta.entry(path, Kind::File { size: meta.size, sha256, torn }));
                break;
            }
            meta = after;
        }
        Ok(())
    }

    /// Writes a member of exactly the size in `meta`. Answers its checksum, and whether the file had
    /// so many bytes.
    fn member(
        &mut self,
        path: &Path,
        from: &mut dyn Read,
        meta: &Meta,
    ) -> io::Result<(Sha256, bool)> {
        let context = digest::Context::new(&digest::SHA256);
        let (left, progress) = (meta.size, &mut *self.progress);
        let mut exactly = Exactly { from, left, missing: 0, context, progress };
        let mut header = header(EntryType::Regular, meta.size, meta);
        self.tar.append_data(&mut header, manifest::member(path), &mut exactly)?;
        Ok((Sha256::end(exactly.context), exactly.missing == 0))
    }

    fn remark_torn(&mut self, path: &Path) {
        self.progress.remark(format!(
            "{} changed each time it was read: the backup may hold parts of two versions of it",
            path.display()
        ));
    }

    fn append_link(&mut self, path: &Path, target: &Path, meta: &Meta) -> io::Result<()> {
        let mut header = header(EntryType::Symlink, 0, meta);
        let target = target.as_os_str().as_bytes();
        // As it is: tar's own way would tidy up what a link says.
        if header.set_link_name_literal(target).is_err() {
            self.tar.append(&long_link(target.len() as u64 + 1), target.chain(&[0][..]))?;
        }
        self.tar.append_data(&mut header, manifest::member(path), io::empty())
    }
}

impl Visit for Archive<'_> {
    fn folder(&mut self, path: &Path, meta: Meta) -> Result<(), Failure> {
        let mut header = header(EntryType::Directory, 0, &meta);
        let appended = self.tar.append_data(&mut header, manifest::member(path), io::empty());
        self.entries.push(meta.entry(path, Kind::Folder));
        appended.and_then(|()| self.progress.add(0)).or_fail(|| saving(path))
    }

    fn file(&mut self, path: &Path, mut file: File, meta: Meta) -> Result<(), Failure> {
        let saved = if meta.size <= AT_ONCE {
            self.small(path, &mut file, meta)
        } else {
            self.large(path, &mut file, meta)
        };
        saved.or_fail(|| saving(path))
    }

    fn link(&mut self, path: &Path, target: &Path, meta: Meta) -> Result<(), Failure> {
        self.append_link(path, target, &meta).or_fail(|| saving(path))?;
        self.entries.push(meta.entry(path, Kind::Link { target: Name(target.to_owned()) }));
        Ok(())
    }

    fn other(&mut self, path: &Path) {
        let path = path.display();
        self.progress.remark(format!("{path} is a pipe, a socket or a device: it is not saved"));
    }
}

fn saving(path: &Path) -> String {
    format!("save {}", path.display())
}

/// For those who unpack it by hand; a restore takes all of this from the manifest.
fn header(kind: EntryType, size: u64, meta: &Meta) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(meta.mode);
    header.set_uid(meta.owner.0.into());
    header.set_gid(meta.owner.1.into());
    header.set_mtime(u64::try_from(meta.mtime.0).unwrap_or_default());
    header
}

/// GNU's way to say a link target of more than 100 bytes.
fn long_link(size: u64) -> Header {
    let mut header = Header::new_gnu();
    let name = b"././@LongLink";
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(EntryType::GNULongLink);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header
}

/// Gives as many bytes as were promised: a file that became shorter goes on with zeros.
struct Exactly<'a> {
    from: &'a mut dyn Read,
    left: u64,
    missing: u64,
    context: digest::Context,
    progress: &'a mut Progress,
}

impl Read for Exactly<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let into = &mut into[..most];
        let mut got = self.from.read(into)?;
        if got == 0 {
            into.fill(0);
            got = most;
            self.missing += most as u64;
        }
        self.left -= got as u64;
        self.context.update(&into[..got]);
        self.progress.add(got as u64)?;
        Ok(got)
    }
}

/// Counts and hashes what goes through.
pub(super) struct Hashed<T> {
    pub(super) inner: T,
    pub(super) context: digest::Context,
    pub(super) bytes: u64,
}

impl<T> Hashed<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, context: digest::Context::new(&digest::SHA256), bytes: 0 }
    }

    fn saw(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.saw(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.saw(&into[..got]);
        Ok(got)
    }
}
