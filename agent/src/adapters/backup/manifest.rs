//! What a backup says of itself: `manifest.json`, and `SHA256SUMS`, which proves both files.
//!
//! Nothing in it is believed before [`Manifest::check`] has seen that it names nothing outside of the
//! paths that it is about.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::OpenOptionsExt as _,
    },
    path::{Component, Path, PathBuf},
    str::FromStr,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::digest;
use ripcord_core::{BackupId, DeploymentNumber, EnvironmentName, Placement, Timestamp};
use serde::{Deserialize, Serialize};

/// What this version writes, and the only thing that it reads.
pub(super) const SCHEMA: &str = "ripcord/v1/backup";
/// The saved files.
pub(super) const ARCHIVE: &str = "files.tar.zst";
const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";

/// A backup as a whole; the part that a list reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) schema: String,
    pub(super) environment: EnvironmentName,
    pub(super) id: BackupId,
    pub(super) before: DeploymentNumber,
    pub(super) of: Option<Placement>,
    pub(super) made_at: Timestamp,
    /// What was to be saved. One without an entry of its own was not there.
    pub(super) paths: Vec<Name>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) archive_bytes: u64,
    pub(super) archive_sha256: Sha256,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) summary: Summary,
    /// In the order of the archive: a folder comes before what is in it.
    pub(super) entries: Vec<Entry>,
}

/// A file, folder or link that was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) path: Name,
    /// Permission bits, with set-uid and its like.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Last modification: seconds since 1970, and nanoseconds.
    pub(super) mtime: (i64, u32),
    pub(super) is: Kind,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Folder,
    Link {
        target: Name,
    },
    File {
        size: u64,
        sha256: Sha256,
        /// So many members of this name come before the right one: the file changed while it was read.
        #[serde(default, skip_serializing_if = "is_zero")]
        torn: u32,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Entry {
    /// How the archive calls it.
    pub(super) fn member(&self) -> &Path {
        member(&self.path.0)
    }

    /// What it holds; nothing for folders and links.
    pub(super) fn bytes(&self) -> u64 {
        match self.is {
            Kind::File { size, .. } => size,
            Kind::Folder | Kind::Link { .. } => 0,
        }
    }
}

/// An absolute path as archives write it: without the leading `/`.
pub(super) fn member(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// A path, or where a link leads: any bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(super) struct Name(pub(super) PathBuf);

/// JSON has text only.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes { base64: String },
}

impl From<Name> for Written {
    fn from(name: Name) -> Self {
        let text = name.0.into_os_string().into_string();
        let encoded = |other: OsString| BASE64_STANDARD.encode(other.into_vec());
        text.map_or_else(|other| Self::Bytes { base64: encoded(other) }, Self::Text)
    }
}

impl TryFrom<Written> for Name {
    type Error = base64::DecodeError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Text(text) => Ok(Self(text.into())),
            Written::Bytes { base64 } => {
                Ok(Self(OsString::from_vec(BASE64_STANDARD.decode(base64)?).into()))
            }
        }
    }
}

/// A checksum, in JSON as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Sha256([u8; 32]);

impl Sha256 {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(bytes);
        Self::end(context)
    }

    pub(super) fn end(context: digest::Context) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("{text:?} is not a SHA-256 checksum");
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(invalid());
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(sum: Sha256) -> Self {
        sum.to_string()
    }
}

/// What `sha256sum --check` reads, too.
fn sums(manifest: &[u8], summary: &Summary) -> String {
    format!("{}  {MANIFEST}\n{}  {ARCHIVE}\n", Sha256::of(manifest), summary.archive_sha256)
}

/// The part of a manifest that a list needs; the entries are read over.
#[derive(Deserialize)]
struct Head {
    summary: Summary,
}

impl Summary {
    /// The summary in this folder of a backup, or why it has no good one.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let (bytes, sums_there) = read_both(folder)?;
        let Head { summary } = parse(&bytes)?;
        summary.proven_by(&bytes, &sums_there)?;
        Ok(summary)
    }

    fn proven_by(&self, manifest: &[u8], sums_there: &str) -> Result<(), String> {
        if self.schema != SCHEMA {
            return Err(format!("{MANIFEST} is of another version: {:?}", self.schema));
        }
        if sums(manifest, self) != sums_there {
            return Err(format!("{MANIFEST} is not what {SUMS} says"));
        }
        Ok(())
    }
}

fn read_both(folder: &Path) -> Result<(Vec<u8>, String), String> {
    let read = |name: &str| {
        fs::read(folder.join(name)).map_err(|error| format!("cannot read {name}: {error}"))
    };
    let sums_there = String::from_utf8_lossy(&read(SUMS)?).into_owned();
    Ok((read(MANIFEST)?, sums_there))
}

fn parse<T: for<'de> Deserialize<'de>>(manifest: &[u8]) -> Result<T, String> {
    serde_json::from_slice(manifest).map_err(|error| format!("cannot read {MANIFEST}: {error}"))
}

impl Manifest {
    /// The manifest in this folder of a backup, or why it has no good one.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let (bytes, sums_there) = read_both(folder)?;
        let manifest: Self = parse(&bytes)?;
        manifest.summary.proven_by(&bytes, &sums_there)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Writes both files into `folder`, to the disk.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        write_private(&folder.join(SUMS), sums(&text, &self.summary).as_bytes())?;
        write_private(&folder.join(MANIFEST), &text)
    }

    /// Whether every entry is one of the paths, or directly in a folder that came before it.
    fn check(&self) -> Result<(), String> {
        let mut open: Vec<&Path> = Vec::new();
        for entry in &self.entries {
            let path = entry.path.0.as_path();
            if !is_plain(path) {
                return Err(format!("{MANIFEST} has the path {path:?}, which leads elsewhere"));
            }
            while open.last().is_some_and(|folder| path.parent() != Some(folder)) {
                open.pop();
            }
            if open.is_empty() && !self.summary.paths.contains(&entry.path) {
                return Err(format!("{MANIFEST} has the path {path:?}, which is not in its paths"));
            }
            if entry.is == Kind::Folder {
                open.push(path);
            }
        }
        Ok(())
    }

    /// The entry of one of the paths itself; nothing where it was not there.
    pub(super) fn root(&self, path: &Path) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path.0 == path)
    }
}

/// Whether a path is absolute, has a last name, and means the same however it is read.
pub(super) fn is_plain(path: &Path) -> bool {
    let normal = |component: &Component<'_>| matches!(component, Component::Normal(_));
    let again: PathBuf = path.components().collect();
    path.is_absolute()
        && path.file_name().is_some()
        && path.components().skip(1).all(|component| normal(&component))
        && again.as_os_str().as_bytes() == path.as_os_str().as_bytes()
}

fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}
