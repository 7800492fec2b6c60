//! Reads an archive back, and believes none of it: every member has to be the one that the manifest
//! names next, and the whole has to have its checksum.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::Path,
};

use ring::digest;
use ripcord_core::Failure;
use rustix::fs::OFlags;
use tar::{Entries, EntryType};

use super::{
    archive::Hashed,
    errors::failure,
    manifest::{ARCHIVE, Entry, Kind, Manifest, Sha256},
    progress::Progress,
};

const CHUNK_BYTES: usize = 256 * 1024;

/// Who takes what comes out of an archive. Its errors are its own; those of the archive are told apart.
pub(super) trait Receive {
    fn begin(&mut self, entry: &Entry) -> Result<(), Failure>;
    fn content(&mut self, bytes: &[u8]) -> Result<(), Failure>;
    fn end(&mut self, entry: &Entry) -> Result<(), Failure>;
}

/// Takes nothing: only looks whether all is well.
pub(super) struct Nobody;

impl Receive for Nobody {
    fn begin(&mut self, _: &Entry) -> Result<(), Failure> {
        Ok(())
    }
    fn content(&mut self, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
    fn end(&mut self, _: &Entry) -> Result<(), Failure> {
        Ok(())
    }
}

type Decoder = zstd::Decoder<'static, BufReader<Hashed<File>>>;
type Members<'a> = Entries<'a, Decoder>;
type Member<'a> = tar::Entry<'a, Decoder>;

/// Reads the archive in `folder` through to its end, and gives what is in it to `receiver`.
pub(super) fn read_through(
    folder: &Path,
    manifest: &Manifest,
    receiver: &mut dyn Receive,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let damaged = |error: &dyn std::fmt::Display| damaged(folder, error);
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(nofollow).open(folder.join(ARCHIVE));
    let file = file.map_err(|error| damaged(&error))?;
    let decoder = zstd::Decoder::new(Hashed::new(file)).map_err(|error| damaged(&error))?;
    let mut archive = tar::Archive::new(decoder);
    let mut members = archive.entries().map_err(|error| damaged(&error))?;
    let mut reading = Reading { folder, receiver, progress, chunk: vec![0; CHUNK_BYTES] };
    for entry in &manifest.entries {
        reading.entry(&mut members, entry)?;
    }
    if members.next().is_some() {
        return Err(damaged(&format!("{ARCHIVE} holds more than the manifest says")));
    }
    let sha256 = checksum_at_end(archive.into_inner()).map_err(|error| damaged(&error))?;
    if sha256 != manifest.summary.archive_sha256 {
        return Err(damaged(&format!("the checksum of {ARCHIVE} is another one")));
    }
    Ok(())
}

/// A backup that must not be used.
pub(super) fn damaged(folder: &Path, why: &dyn std::fmt::Display) -> Failure {
    failure(format!("the backup in {} is damaged: {why}", folder.display()))
}

fn checksum_at_end(mut decoder: Decoder) -> io::Result<Sha256> {
    io::copy(&mut decoder, &mut io::sink())?;
    let mut file = decoder.finish();
    io::copy(&mut file, &mut io::sink())?;
    Ok(Sha256::end(file.into_inner().context))
}

struct Reading<'a> {
    folder: &'a Path,
    receiver: &'a mut dyn Receive,
    progress: &'a mut Progress,
    chunk: Vec<u8>,
}

impl Reading<'_> {
    fn entry(&mut self, members: &mut Members<'_>, entry: &Entry) -> Result<(), Failure> {
        if let Kind::File { torn, .. } = entry.is {
            for _ in 0..torn {
                self.member(members, entry)?;
            }
        }
        let mut member = self.member(members, entry)?;
        self.is_as_told(&member, entry)?;
        self.receiver.begin(entry)?;
        if let Kind::File { sha256, .. } = entry.is
            && self.content(&mut member, entry)? != sha256
        {
            return Err(self.wrong(entry, &"its content is another one"));
        }
        self.receiver.end(entry)
    }

    fn member<'m>(&self, members: &mut Members<'m>, entry: &Entry) -> Result<Member<'m>, Failure> {
        let member = members.next().ok_or_else(|| self.wrong(entry, &"it is missing"))?;
        let member = member.map_err(|error| self.wrong(entry, &error))?;
        let name = member.path_bytes();
        if *name != *entry.member().as_os_str().as_bytes() {
            let name = String::from_utf8_lossy(&name);
            return Err(self.wrong(entry, &format!("{name:?} is in its place")));
        }
        Ok(member)
    }

    /// Whether kind, size and link target are those of the manifest.
    fn is_as_told(&self, member: &Member<'_>, entry: &Entry) -> Result<(), Failure> {
        let (kind, size) = (member.header().entry_type(), member.size());
        let is_it = match &entry.is {
            Kind::Folder => kind == EntryType::Directory && size == 0,
            Kind::File { size: told, .. } => kind == EntryType::Regular && size == *told,
            Kind::Link { target } => {
                let target = target.0.as_os_str().as_bytes();
                let same = member.link_name_bytes().is_some_and(|link| *link == *target);
                kind == EntryType::Symlink && same && size == 0
            }
        };
        if is_it { Ok(()) } else { Err(self.wrong(entry, &"it is something else")) }
    }

    fn content(&mut self, member: &mut Member<'_>, entry: &Entry) -> Result<Sha256, Failure> {
        let mut context = digest::Context::new(&digest::SHA256);
        loop {
            let read = member.read(&mut self.chunk);
            let got = read.map_err(|error| self.wrong(entry, &error))?;
            if got == 0 {
                return Ok(Sha256::end(context));
            }
            let bytes = &self.chunk[..got];
            context.update(bytes);
            self.receiver.content(bytes)?;
            self.progress.add(got as u64).map_err(|error| failure(error.to_string()))?;
        }
    }

    fn wrong(&self, entry: &Entry, why: &dyn std::fmt::Display) -> Failure {
        damaged(self.folder, &format!("{}: {why}", entry.path.0.display()))
    }
}
