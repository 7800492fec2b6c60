//! Whether backups can be made and restored here: refused early, with what to do about it.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File},
    io,
    os::unix::{ffi::OsStringExt as _, fs::DirBuilderExt as _},
    path::{Path, PathBuf},
};

use ripcord_core::Failure;
use rustix::fs::statvfs;

use super::{
    BackupSettings, beside,
    errors::{OrFail, failure},
    list, manifest,
};

const MOUNTS: &str = "/proc/self/mountinfo";
const MEGABYTE: u64 = 1_000_000;

/// All that can be known before anything is done.
pub(super) fn preflight(settings: &BackupSettings) -> Result<(), Failure> {
    check(settings)?;
    make_dir(&settings.dir)?;
    try_to_write(settings)?;
    room_for_another(settings)?;
    let has_parent = |path: &&PathBuf| path.parent().is_some_and(Path::is_dir);
    settings.paths.iter().filter(has_parent).try_for_each(|path| beside::try_exchange(path))
}

/// Whether the settings, and what is mounted where, can be served.
pub(super) fn check(settings: &BackupSettings) -> Result<(), Failure> {
    let Some(link) = settings.paths.iter().find(|path| path.is_symlink()) else {
        return check_restore(settings);
    };
    let link = link.display();
    Err(failure(format!(
        "{link} is a symbolic link, which would be all there is to save: name what it leads to in \
         `paths`"
    )))
}

/// The same for a restore, to which links are no obstacle: one that stands where a folder was is moved
/// aside.
pub(super) fn check_restore(settings: &BackupSettings) -> Result<(), Failure> {
    let mounts = mounts();
    let dir = resolved(&settings.dir);
    let git = settings.own_git_dir.as_deref().map(resolved);
    if settings.paths.is_empty() {
        return Err(failure("no paths are to be saved: name at least one in `paths`"));
    }
    for (at, path) in settings.paths.iter().enumerate() {
        is_plain(path)?;
        let real = real(path);
        not_mounted(path, &real, &mounts)?;
        apart_from_dir(path, &real, &settings.dir, &dir)?;
        if let Some(git) = &git {
            git_is_apart(path, &real, git)?;
        }
        for other in &settings.paths[..at] {
            let (there, shown) = (self::real(other), other.display());
            if there.starts_with(&real) || real.starts_with(&there) {
                let path = path.display();
                return Err(failure(format!(
                    "{path} and {shown} are one inside the other: name only the outer one in `paths`"
                )));
            }
        }
    }
    Ok(())
}

fn is_plain(path: &Path) -> Result<(), Failure> {
    if manifest::is_plain(path) {
        return Ok(());
    }
    let (path, rule) = (path.display(), "without `.`, `..` and a slash at its end, and not `/`");
    Err(failure(format!("{path} cannot be saved: name it by its full path, {rule}")))
}

/// What is mounted cannot be exchanged, and what is mounted below would stay with the old files.
fn not_mounted(path: &Path, real: &Path, mounts: &[PathBuf]) -> Result<(), Failure> {
    let Some(mount) = mounts.iter().find(|mount| mount.starts_with(real)) else { return Ok(()) };
    let (path, mount) = (path.display(), mount.display());
    Err(failure(format!(
        "{mount} is a mount point, so {path} could not be restored: name the folders and files in it \
         that are to be saved in `paths` instead, or unmount it"
    )))
}

fn apart_from_dir(path: &Path, real: &Path, dir: &Path, real_dir: &Path) -> Result<(), Failure> {
    let (path, dir) = (path.display(), dir.display());
    if real_dir.starts_with(real) {
        let rule = "let `dir` be elsewhere";
        return Err(failure(format!("backups in {dir} would save themselves with {path}: {rule}")));
    }
    if real.starts_with(real_dir) {
        let rule = "let `dir` be a folder of its own";
        return Err(failure(format!("{path} is inside {dir}, where backups come and go: {rule}")));
    }
    Ok(())
}

fn git_is_apart(path: &Path, real: &Path, git: &Path) -> Result<(), Failure> {
    let is_directly_inside = git.parent() == Some(real);
    if is_directly_inside || !(git.starts_with(real) || real.starts_with(git)) {
        return Ok(());
    }
    let (path, git) = (path.display(), git.display());
    Err(failure(format!(
        "{path} holds, or is in, the environment's git directory {git}, which a backup must not \
         change: name the work tree itself, or what is in it, in `paths`"
    )))
}

/// The name of the environment's git directory, where it is directly inside `path`.
pub(super) fn own_git_in(settings: &BackupSettings, path: &Path) -> Option<OsString> {
    let git = resolved(settings.own_git_dir.as_deref()?);
    let is_inside = git.parent() == Some(&real(path));
    is_inside.then(|| git.file_name().map(OsStr::to_owned)).flatten()
}

/// Where a path is, with the links on the way to it resolved; it may be one itself.
fn real(path: &Path) -> PathBuf {
    let parent = path.parent().map(resolved).unwrap_or_default();
    path.file_name().map_or(parent.clone(), |name| parent.join(name))
}

/// Where a path leads, as far as there is anything.
fn resolved(path: &Path) -> PathBuf {
    let found = path.ancestors().find_map(|part| Some((part, fs::canonicalize(part).ok()?)));
    let Some((part, found)) = found else { return path.to_owned() };
    match path.strip_prefix(part) {
        Ok(rest) if rest.as_os_str().is_empty() => found,
        Ok(rest) => found.join(rest),
        Err(_) => path.to_owned(),
    }
}

/// Where something is mounted. Unknown where /proc is not: an exchange then fails by itself.
fn mounts() -> Vec<PathBuf> {
    let text = fs::read(MOUNTS).unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n');
    let point = |line: &[u8]| line.split(|byte| *byte == b' ').nth(4).map(unescaped);
    lines.filter_map(point).map(|bytes| OsString::from_vec(bytes).into()).collect()
}

/// Blanks and backslashes are octal there.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let octal = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            Some(_) | None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// Saved files may hold secrets: nobody else reads the folder.
pub(super) fn make_dir(dir: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.or_fail(|| format!("make the folder for backups, {}", dir.display()))
}

fn try_to_write(settings: &BackupSettings) -> Result<(), Failure> {
    let dir = &settings.dir;
    let tried = dir.join(format!(".{}.writable", settings.environment));
    let write = || -> io::Result<()> {
        File::create(&tried)?;
        fs::remove_file(&tried)
    };
    write().or_fail(|| format!("write to {}, where backups go", dir.display()))
}

/// The next backup will be about as large as the last one.
fn room_for_another(settings: &BackupSettings) -> Result<(), Failure> {
    let newest = list::list(settings)?.into_iter().find(|backup| backup.damage.is_none());
    let Some(newest) = newest else { return Ok(()) };
    let dir = settings.dir.display();
    let advice = "free some room on its disk, or lower `keep`";
    room_in(&settings.dir, newest.archive_bytes, || {
        format!("another backup in {dir}: the last one took as much; {advice}")
    })
}

/// Whether there is room for so many bytes; "… MB are needed for `what`".
pub(super) fn room_in(
    folder: &Path,
    bytes: u64,
    what: impl FnOnce() -> String,
) -> Result<(), Failure> {
    let Ok(disk) = statvfs(folder) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= bytes {
        return Ok(());
    }
    let [needed, free] = [bytes.div_ceil(MEGABYTE), free / MEGABYTE];
    Err(failure(format!("{needed} MB are needed, and {free} MB free, for {}", what())))
}
