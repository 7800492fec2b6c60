//! A set of files that is written whole or not at all; nothing is replaced unless asked.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    /// Everybody: certificates.
    Public,
    /// The owner: keys.
    Private,
}

impl Secrecy {
    fn mode(self) -> u32 {
        match self {
            Self::Public => 0o644,
            Self::Private => 0o600,
        }
    }
}

/// Files to write into one folder.
pub(crate) struct Files {
    folder: PathBuf,
    files: Vec<(String, String, Secrecy)>,
}

impl Files {
    pub(crate) fn into(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: Vec::new() }
    }

    /// Adds `name.pem` and `name.key`.
    pub(crate) fn pair(&mut self, name: &str, pair: super::Leaf) {
        self.files.push((format!("{name}.pem"), pair.certificate, Secrecy::Public));
        self.files.push((format!("{name}.key"), pair.key, Secrecy::Private));
    }

    /// The names of the files.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.files.iter().map(|(name, ..)| name.as_str()).collect()
    }

    /// Writes them. Without `force`, files that are there already are an error, and stay.
    pub(crate) fn write(&self, force: bool) -> Result<(), Failure> {
        let unwritten = |path: &Path, error: &io::Error| {
            Failure::Usage(format!("cannot write {}: {error}", path.display()))
        };
        fs::create_dir_all(&self.folder).map_err(|error| unwritten(&self.folder, &error))?;
        if !force {
            self.refuse_existing()?;
        }
        for (name, text, secrecy) in &self.files {
            let path = self.folder.join(name);
            write_new(&path, text, *secrecy, force).map_err(|error| unwritten(&path, &error))?;
        }
        Ok(())
    }

    fn refuse_existing(&self) -> Result<(), Failure> {
        let existing: Vec<&str> =
            self.names().into_iter().filter(|name| self.folder.join(name).exists()).collect();
        if existing.is_empty() {
            return Ok(());
        }
        let folder = self.folder.display();
        let existing = existing.join(", ");
        Err(Failure::Usage(format!("{folder} holds {existing} already; --force replaces them")))
    }
}

/// A key is never readable by others, not even for a moment; a link is never followed.
fn write_new(path: &Path, text: &str, secrecy: Secrecy, force: bool) -> io::Result<()> {
    if force {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    let mut options = OpenOptions::new();
    let mut file: File = options.write(true).create_new(true).mode(secrecy.mode()).open(path)?;
    file.write_all(text.as_bytes())
}
