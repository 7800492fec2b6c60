//! Keeps what people changed before a reset writes over it: copies of the files, and patches.
//!
//! A save is complete or absent: it is built under another name and renamed into place. It never
//! replaces an earlier one.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use git2::{Diff, DiffFormat, DiffOptions, Repository};
use ripcord_core::{DeploymentNumber, Failure, FailureKind};
use serde::{Deserialize, Serialize};

use super::{
    compare::is_absence,
    errors::{OrFail, exactly},
    plan::Plan,
    site::{self, Site},
};

/// So many paths are named in the report; the save has them all.
const NAMED_PATHS: usize = 20;

/// Where modifications were saved.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) to: String,
    /// The first paths.
    pub(super) paths: Vec<String>,
}

/// Saves what `plan` found. Nothing to save: no folder.
pub(super) fn save(
    site: &Site,
    repo: &Repository,
    deployment: DeploymentNumber,
    plan: &Plan,
) -> Result<Option<Saved>, Failure> {
    let paths: Vec<&PathBuf> = plan.modified.iter().chain(&plan.in_the_way.files).collect();
    if paths.is_empty() {
        return Ok(None);
    }
    let folder = site.settings.state_dir.join("saved").join(site.settings.environment.as_str());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let name = format!("{}-{now}", deployment.0);
    let (fresh, place) = (folder.join(format!(".{name}.new")), folder.join(name));
    let what = || format!("save local modifications to {} (nothing was touched)", place.display());
    clear_unfinished(&folder).or_fail(FailureKind::Repository, what)?;
    copy_all(site, &fresh, &paths).or_fail(FailureKind::Repository, what)?;
    write_patches(repo, &fresh, &plan.modified)?;
    seal(&fresh, &place).or_fail(FailureKind::Repository, what)?;
    let named = paths.iter().take(NAMED_PATHS).map(|path| path.display().to_string());
    Ok(Some(Saved { to: place.display().to_string(), paths: named.collect() }))
}

/// Modified files may hold secrets: nobody else reads the folder.
fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What a killed agent left of a save is no save: the reset that it was made for begins again.
fn clear_unfinished(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if is_absence(&error) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') && name.to_string_lossy().ends_with(".new") {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// What is below another of `paths` lies elsewhere: a folder became a link, which is what is saved.
fn copy_all(site: &Site, fresh: &Path, paths: &[&PathBuf]) -> io::Result<()> {
    private_folder(fresh)?;
    let all: BTreeSet<&Path> = paths.iter().map(|path| path.as_path()).collect();
    let is_elsewhere = |path: &Path| path.ancestors().skip(1).any(|above| all.contains(above));
    let mut here = paths.iter().filter(|path| !is_elsewhere(path));
    here.try_for_each(|path| copy(&site.root.join(path), &fresh.join("files").join(path)))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let kind = match from.symlink_metadata() {
        Ok(metadata) => metadata.file_type(),
        // Deleted by people: the patch says so.
        Err(error) if is_absence(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    if kind.is_dir() {
        return Ok(());
    }
    private_folder(to.parent().unwrap_or(to))?;
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_file() {
        fs::copy(from, to)?;
        return File::open(to)?.sync_all();
    }
    Err(io::Error::other(format!("{} is neither file nor link", from.display())))
}

/// `local.patch` is HEAD to work tree; `staged.patch` HEAD to index, whose content may be nowhere
/// else.
fn write_patches(repo: &Repository, fresh: &Path, paths: &[PathBuf]) -> Result<(), Failure> {
    if paths.is_empty() {
        return Ok(());
    }
    let what = || "write a patch of the local modifications (nothing was touched)".to_owned();
    let mut options = DiffOptions::new();
    options.show_binary(true).disable_pathspec_match(true).ignore_submodules(true);
    for path in exactly(paths) {
        options.pathspec(path);
    }
    let head = site::head_tree(repo)?;
    let local = repo.diff_tree_to_workdir_with_index(head.as_ref(), Some(&mut options));
    let local = local.or_fail(FailureKind::Repository, what)?;
    write_patch(&local, &fresh.join("local.patch")).or_fail(FailureKind::Repository, what)?;
    let staged = repo.diff_tree_to_index(head.as_ref(), None, Some(&mut options));
    let staged = staged.or_fail(FailureKind::Repository, what)?;
    if staged.deltas().len() > 0 {
        write_patch(&staged, &fresh.join("staged.patch")).or_fail(FailureKind::Repository, what)?;
    }
    Ok(())
}

fn write_patch(diff: &Diff<'_>, path: &Path) -> io::Result<()> {
    let mut patch = Vec::new();
    let printed = diff.print(DiffFormat::Patch, |_, _, line| {
        if let origin @ ('+' | '-' | ' ') = line.origin() {
            patch.extend_from_slice(origin.encode_utf8(&mut [0; 4]).as_bytes());
        }
        patch.extend_from_slice(line.content());
        true
    });
    printed.map_err(|error| io::Error::other(error.message().to_owned()))?;
    let mut file = File::create(path)?;
    file.write_all(&patch)?;
    file.sync_all()
}

fn seal(fresh: &Path, place: &Path) -> io::Result<()> {
    fs::rename(fresh, place)?;
    File::open(place.parent().unwrap_or(place))?.sync_all()
}
