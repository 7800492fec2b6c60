//! A reset that costs what it changes: writes the changed files, moves HEAD, and notes both in the
//! index, of which only the changed entries are made anew. For trees that were looked at a moment
//! ago, and in which nothing else has to be written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use git2::{Commit, ObjectType, Oid, Repository, Tree};
use ripcord_core::{Failure, FailureKind};
use rustix::fs::{FileType, Stat, lstat};

use super::{
    changes::Change,
    compare::{self, is_absence},
    errors::{OrFail, path_of},
    export,
    index_file::{self, IndexFile, Noted, entry_bytes, mode_of, noted},
    index_lock::IndexLock,
    reset::write_files,
    sight,
    site::{self, Site},
};
use crate::ports::Reporter;

/// What a file has to be, and what was found when it was written.
struct Line {
    content: Option<(Oid, u32)>,
    found: Option<Noted>,
}

/// By path, in git's order: that of the bytes.
type Lines = BTreeMap<Vec<u8>, Line>;

impl Line {
    /// Its entry of the index; nothing where no file has to be.
    fn entry(&self, path: &[u8]) -> Vec<u8> {
        let Some(((id, mode), found)) = self.content.zip(self.found) else { return Vec::new() };
        entry_bytes(&found, mode, id, path)
    }

    fn is_as_wanted(&self) -> bool {
        let wanted = self.content.map(|(_, mode)| mode);
        wanted == self.found.as_ref().map(mode_of)
    }
}

/// Writes `changes`, which lead from HEAD and `index` to `commit`. When a file is not as it has to be
/// before HEAD moves, that is a failure; answers the paths at which that shows afterwards.
pub(super) fn check_out(
    site: &Site,
    commit: &Commit<'_>,
    (index, changes): (&IndexFile, &[Change]),
    lock: IndexLock,
    reporter: &Reporter,
    touched: &mut BTreeSet<PathBuf>,
) -> Result<Vec<PathBuf>, Failure> {
    let what = || format!("reset the work tree to {}", commit.id());
    let repo = site.repository()?;
    sight::set_partial_index(&repo, index, &[])?;
    let tree = site::tree_of(&repo.find_commit(commit.id()).or_fail(FailureKind::Tree, what)?)?;
    let gone = changes.iter().filter(|change| !change.to_file).map(|change| &change.path);
    remove(&site.root, gone, touched).or_fail(FailureKind::Tree, what)?;
    let come = changes.iter().filter(|change| change.to_file);
    let come: Vec<_> = come.map(|change| change.path.clone()).collect();
    if !come.is_empty() {
        write_files(&repo, &tree, Some(&come), reporter, touched)?;
    }
    let look = || look(&site.root, &tree, changes).or_fail(FailureKind::Tree, what);
    let lines = look()?;
    if let Some(path) = unlike(site, &repo, &tree, &lines)?.first() {
        let place = site.root.join(path);
        let message = format!("{} was not written as it should be", place.display());
        return Err(Failure::new(FailureKind::Tree, message));
    }
    move_head(&repo, commit.id()).or_fail(FailureKind::Tree, what)?;
    if !changes.is_empty() {
        let folders = index.folders().renewed(&repo, &tree).or_fail(FailureKind::Tree, what)?;
        replace(lock, index, &lines, &folders).or_fail(FailureKind::Tree, what)?;
    }
    let now = look()?;
    let differs =
        |path: &Vec<u8>, line: &Line| now.get(path).is_none_or(|it| it.found != line.found);
    let wrong = lines.iter().filter(|(path, line)| differs(path, line));
    Ok(wrong.map(|(path, _)| path_of(path).to_owned()).collect())
}

/// Removes files, and the folders that are empty then.
fn remove<'p>(
    root: &Path,
    paths: impl Iterator<Item = &'p PathBuf>,
    touched: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    for path in paths {
        match fs::remove_file(root.join(path)) {
            Err(error) if !is_absence(&error) => return Err(error),
            Ok(()) | Err(_) => touched.insert(path.clone()),
        };
        let folders = path.ancestors().skip(1).filter(|folder| *folder != Path::new(""));
        for folder in folders {
            if fs::remove_dir(root.join(folder)).is_err() {
                break;
            }
        }
    }
    Ok(())
}

/// What `tree` wants at the paths of `changes`, and what is there.
fn look(root: &Path, tree: &Tree<'_>, changes: &[Change]) -> io::Result<Lines> {
    let line = |Change { path, .. }: &Change| {
        let entry = tree.get_path(path).ok();
        let entry = entry.filter(|entry| entry.kind() == Some(ObjectType::Blob));
        let content = entry.map(|entry| (entry.id(), entry.filemode().cast_unsigned()));
        let found = match lstat(root.join(path)).map_err(io::Error::from) {
            Ok(found) if is_folder(&found) => None,
            Ok(found) => Some(noted(&found)),
            Err(error) if is_absence(&error) => None,
            Err(error) => return Err(error),
        };
        Ok((path.as_os_str().as_bytes().to_vec(), Line { content, found }))
    };
    changes.iter().map(line).collect()
}

/// The paths at which is not what `lines` want. All files are read: whoever wrote to one before it
/// was looked at is not to be noted as the commit.
fn unlike(
    site: &Site,
    repo: &Repository,
    tree: &Tree<'_>,
    lines: &Lines,
) -> Result<Vec<PathBuf>, Failure> {
    let unlike = lines.iter().filter(|(_, line)| !line.is_as_wanted());
    let unlike: Vec<_> = unlike.map(|(path, _)| path_of(path).to_owned()).collect();
    let files: Vec<_> = lines.iter().filter_map(|(path, it)| Some((path, it.content?))).collect();
    if files.is_empty() || !unlike.is_empty() {
        return Ok(unlike);
    }
    let what = || "make an index of the changed files".to_owned();
    let mut wanted = repo.index().or_fail(FailureKind::Internal, what)?;
    for (path, content) in &files {
        let entry = sight::unread(path, *content);
        wanted.add(&entry).or_fail(FailureKind::Internal, what)?;
    }
    let paths: Vec<_> = files.iter().map(|(path, _)| path_of(path).to_owned()).collect();
    let differing = compare::unstaged(repo, &paths)?.differing;
    export::unlike_checkout(site, repo, tree, differing)
}

fn is_folder(found: &Stat) -> bool {
    FileType::from_raw_mode(found.st_mode).is_dir()
}

/// Replaces the index by one that has `lines` instead of what `index` has at their paths.
fn replace(lock: IndexLock, index: &IndexFile, lines: &Lines, folders: &[u8]) -> io::Result<()> {
    let entries: Vec<_> = lines.iter().map(|(path, line)| line.entry(path)).collect();
    let gone = lines.keys().filter(|path| index.find(path).is_some()).count();
    let come = entries.iter().filter(|entry| !entry.is_empty()).count();
    let header = index_file::header(index.len() - gone + come);
    let extension = index_file::extension_header(*b"TREE", folders.len());
    let mut pieces: Vec<&[u8]> = vec![&header];
    let mut from = 0;
    for (path, entry) in lines.keys().zip(&entries) {
        let (to, next) = match index.find(path) {
            Some(number) => (number, number + 1),
            None => (index.before(path), index.before(path)),
        };
        pieces.extend([index.raw_between(from, to), entry]);
        from = next;
    }
    pieces.extend([index.raw_between(from, index.len()), &extension, folders]);
    lock.replace(&pieces)
}

/// As a reset does, with HEAD on a branch or on none.
fn move_head(repo: &Repository, to: Oid) -> Result<(), git2::Error> {
    repo.head()?.set_target(to, &format!("reset: moving to {to}")).map(drop)
}
