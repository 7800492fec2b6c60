//! The repository: what is there already, whose it is, and writing without leaving halves behind.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    mark::is_untouched,
    templates::{Choices, SETTINGS, files},
};
use crate::failure::Failure;

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is not there yet.
    New,
    /// It is there as it would be written.
    Same,
    /// It is there, and was written to be edited: nobody wants another.
    Yours,
    /// It is as an earlier `ripcord init` wrote it.
    Updated,
    /// Somebody else wrote it, or changed it since.
    Foreign,
}

/// A file that is to be written.
#[derive(Debug)]
pub(crate) struct Planned {
    /// From the repository's root.
    pub(crate) path: &'static str,
    pub(crate) old: Option<String>,
    pub(crate) new: String,
    pub(crate) fate: Fate,
}

/// The root of the git repository around `directory`.
pub(crate) fn root(directory: &Path) -> Result<PathBuf, Failure> {
    let root = directory.ancestors().find(|folder| folder.join(".git").exists());
    root.map(Path::to_owned).ok_or_else(|| {
        let text = "there is no git repository here: run this inside of the application's";
        Failure::Usage(text.to_owned())
    })
}

/// What would be written below `root`, compared with what is there.
pub(crate) fn plan(root: &Path, choices: &Choices) -> Result<Vec<Planned>, Failure> {
    let planned = files(choices).into_iter().map(|(path, new)| {
        let old = existing(root, path)?;
        let fate = match &old {
            None => Fate::New,
            Some(old) if *old == new => Fate::Same,
            Some(_) if path == SETTINGS => Fate::Yours,
            Some(old) if is_untouched(old) => Fate::Updated,
            Some(_) => Fate::Foreign,
        };
        Ok(Planned { path, old, new, fate })
    });
    planned.collect()
}

fn existing(root: &Path, path: &str) -> Result<Option<String>, Failure> {
    let unusable = |why: &str| Failure::Usage(format!("cannot use {path}: {why}"));
    let mut place = root.to_owned();
    for part in Path::new(path) {
        place.push(part);
        // Behind a link may be a file of somebody else's.
        if place.is_symlink() {
            return Err(unusable(&format!("{} is a symbolic link", place.display())));
        }
    }
    match fs::read_to_string(&place) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&error.to_string())),
    }
}

/// Writes a file as a whole, or not at all.
pub(crate) fn write(root: &Path, file: &Planned) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::Unexpected(format!("cannot write {}: {error}", file.path));
    let place = root.join(file.path);
    let beside = place.with_extension("ripcord-new");
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(&beside, &file.new).and_then(|()| fs::rename(&beside, &place)).map_err(failed)
}
