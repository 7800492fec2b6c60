//! Writes files of a commit into another folder, as a checkout would; the live tree stays.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use git2::{Index, Repository, RepositoryInitOptions, Tree, build::CheckoutBuilder};
use ripcord_core::{CommitSha, Failure, FailureKind};

use super::{
    attributes, changes,
    errors::{OrFail, exactly, repository},
    site::{self, Site},
};

/// So many differing files are looked at twice; more are surely not an oddity of line endings.
const SECOND_LOOKS: usize = 200;

/// See [`crate::ports::SourceRepository::export`].
pub(super) fn export(site: &Site, sha: CommitSha, into: &Path) -> Result<(), Failure> {
    let repo = site.repository()?;
    let tree = site::tree_of(&site::commit(&repo, sha)?)?;
    let empty = Index::new().or_fail(FailureKind::Internal, || "make an index".to_owned())?;
    let all = changes::between(&repo, None, &tree)?;
    attributes::refuse_filters(site, &repo, &empty, &tree, &all)?;
    let occupied = fs::read_dir(into).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        let place = into.display();
        return Err(repository(format!("cannot export into {place}: it is not empty")));
    }
    write(site, &tree, into, &[])?;
    make_checkout(site, sha, into)
        .or_fail(FailureKind::Tree, || format!("make {} a check-out", into.display()))
}

/// Checks ask git questions (`git rev-parse HEAD`, `git diff`, version numbers made of tags): the
/// folder becomes a repository with its HEAD at `sha`, which borrows the objects of the live one.
fn make_checkout(site: &Site, sha: CommitSha, into: &Path) -> Result<(), git2::Error> {
    let failed = |error: io::Error| git2::Error::from_str(&error.to_string());
    let mut options = RepositoryInitOptions::new();
    let made = Repository::init_opts(into, options.external_template(false))?;
    let objects = site.common_dir.join("objects");
    let alternates = made.path().join("objects/info/alternates");
    fs::write(alternates, format!("{}\n", objects.display())).map_err(failed)?;
    let borrowing = Repository::open(into)?;
    let commit = borrowing.find_commit(git2::Oid::from_bytes(sha.as_bytes())?)?;
    borrowing.set_head_detached(commit.id())?;
    let mut index = borrowing.index()?;
    index.read_tree(&commit.tree()?)?;
    index.write()
}

/// Writes the files of `tree` at `paths`, or all.
fn write(site: &Site, tree: &Tree<'_>, into: &Path, paths: &[PathBuf]) -> Result<(), Failure> {
    let what = || format!("write the files of the commit into {}", into.display());
    fs::create_dir_all(into).or_fail(FailureKind::Tree, what)?;
    // A second handle with the work tree `into` and the commit's index: libgit2 takes attributes
    // from the one or the other, and both are to be those of the commit. The work tree comes
    // first: what is asked of attributes before is remembered.
    let aside = site.repository()?;
    aside.set_workdir(into, false).or_fail(FailureKind::Tree, what)?;
    let tree = aside.find_tree(tree.id()).or_fail(FailureKind::Tree, what)?;
    let mut index = Index::new().or_fail(FailureKind::Tree, what)?;
    index.read_tree(&tree).or_fail(FailureKind::Tree, what)?;
    aside.set_index(&mut index).or_fail(FailureKind::Tree, what)?;
    let mut checkout = CheckoutBuilder::new();
    checkout.force().update_index(false).refresh(false).disable_pathspec_match(true);
    for path in exactly(paths) {
        checkout.path(path);
    }
    aside.checkout_tree(tree.as_object(), Some(&mut checkout)).or_fail(FailureKind::Tree, what)
}

/// Those of `paths` whose files are not byte for byte what a checkout of `tree` writes.
///
/// Files that were committed against their own `text` attribute count as modified for ever, in
/// git as well; they are no reason to save or to refuse anything.
pub(super) fn unlike_checkout(
    site: &Site,
    repo: &Repository,
    tree: &Tree<'_>,
    paths: Vec<PathBuf>,
) -> Result<Vec<PathBuf>, Failure> {
    let suspects: Vec<_> = paths.iter().filter(|path| may_be_odd(repo, tree, path)).collect();
    if suspects.is_empty() || suspects.len() > SECOND_LOOKS {
        return Ok(paths);
    }
    let shown: Vec<PathBuf> = suspects.into_iter().cloned().collect();
    let place = fresh_folder(site);
    let written = write(site, tree, &place, &shown);
    let differ = |path: &PathBuf| {
        site.link_above(path).is_some() || !same(&site.root.join(path), &place.join(path))
    };
    let unlike = paths.into_iter().filter(differ).collect();
    // A folder that stays behind is only litter.
    let _ = fs::remove_dir_all(&place);
    written.map(|()| unlike)
}

/// A folder that no other environment of this process uses now, nor a dead process used.
fn fresh_folder(site: &Site) -> PathBuf {
    static USED: AtomicU64 = AtomicU64::new(0);
    let name = format!("{}-{}", std::process::id(), USED.fetch_add(1, Ordering::Relaxed));
    let place = site.settings.state_dir.join("beside").join(name);
    let _ = fs::remove_dir_all(&place);
    place
}

/// Only a difference that the index does not know of can be one of line endings.
fn may_be_odd(repo: &Repository, tree: &Tree<'_>, path: &Path) -> bool {
    let staged = repo.index().ok().and_then(|index| index.get_path(path, 0));
    let committed = tree.get_path(path).ok();
    match (staged, committed) {
        (Some(staged), Some(committed)) => {
            let crlf = || repo.find_blob(committed.id()).is_ok_and(|blob| has_crlf(blob.content()));
            staged.id == committed.id() && crlf()
        }
        _ => false,
    }
}

fn has_crlf(content: &[u8]) -> bool {
    content.windows(2).any(|pair| pair == b"\r\n")
}

fn same(one: &Path, other: &Path) -> bool {
    let look = |path: &Path| -> io::Result<(u32, Vec<u8>)> {
        let metadata = path.symlink_metadata()?;
        let executable = metadata.permissions().mode() & 0o100;
        if metadata.is_file() {
            return Ok((executable, fs::read(path)?));
        }
        Err(io::Error::other("not a regular file"))
    };
    matches!((look(one), look(other)), (Ok(one), Ok(other)) if one == other)
}
