//! The file in which old habits look for the last validated commit: written atomically, and read
//! once, at the very first start.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ripcord_core::CommitSha;
use tokio::sync::watch;

/// Reads the file of an older tool. Nothing, and a line in the log, when it does not hold a commit.
#[must_use]
pub fn read(path: &Path) -> Option<CommitSha> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "the validated commit cannot be read");
            return None;
        }
    };
    let commit = text.trim().parse();
    if let Err(error) = &commit {
        tracing::warn!(file = %path.display(), %error, "no validated commit was taken over");
    }
    commit.ok()
}

/// Keeps the file at what is validated, for as long as there is somebody to say so.
pub async fn keep(path: PathBuf, mut validated: watch::Receiver<Option<CommitSha>>) {
    loop {
        let newest = *validated.borrow_and_update();
        if let Some(sha) = newest {
            let file = path.clone();
            let written = tokio::task::spawn_blocking(move || write(&file, sha)).await;
            if let Ok(Err(error)) = written {
                tracing::error!(file = %path.display(), %error, "the validated commit is not written");
            }
        }
        if validated.changed().await.is_err() {
            return;
        }
    }
}

/// A reader finds the old commit or the new one, also after a power cut.
fn write(path: &Path, sha: CommitSha) -> io::Result<()> {
    let text = format!("{sha}\n");
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}
