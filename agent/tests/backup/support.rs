//! A place with files to save, and a look at a tree that forgets nothing of it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    io::Write as _,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::{MetadataExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use ripcord_agent::{
    adapters::backup::{BackupSettings, FileBackups, Progress, Restoration},
    ports::{Activity, Backup, Backups as _, Reporter, Told},
};
use ripcord_core::{
    BackupId, DeploymentNumber, Event, Failure, FailureKind, Placement,
    effect::{BackupReport, TreeReport},
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// An environment with one path, `live`, and a folder for backups.
pub struct Place {
    pub folder: TempDir,
    pub settings: BackupSettings,
}

impl Place {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let settings = BackupSettings {
            environment: "prod".parse().unwrap(),
            paths: vec![root.join("live")],
            dir: root.join("backups"),
            keep: 10,
            own_git_dir: None,
        };
        fs::create_dir(root.join("live")).unwrap();
        Self { folder, settings }
    }

    pub fn root(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap()
    }

    /// The first path.
    pub fn live(&self) -> PathBuf {
        self.settings.paths[0].clone()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.live().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.live().join(name)).unwrap()
    }

    pub fn backups(&self) -> FileBackups {
        FileBackups::new(self.settings.clone())
    }

    pub async fn make(&self, before: u64) -> BackupReport {
        self.try_to_make(before).await.result.unwrap()
    }

    pub async fn try_to_make(&self, before: u64) -> Answer<BackupReport> {
        let (reporter, heard) = Reporter::channel(1024);
        let result = self.backups().make(DeploymentNumber(before), some_commit(), &reporter).await;
        drop(reporter);
        Answer::new(result, heard)
    }

    pub async fn restore(&self, id: &BackupId, deployment: u64) -> TreeReport {
        self.try_to_restore(id, deployment).await.result.unwrap()
    }

    pub async fn try_to_restore(&self, id: &BackupId, deployment: u64) -> Answer<TreeReport> {
        let (reporter, heard) = Reporter::channel(1024);
        let result = self.backups().restore(id, DeploymentNumber(deployment), &reporter).await;
        drop(reporter);
        Answer::new(result, heard)
    }

    pub async fn list(&self) -> Vec<Backup> {
        self.backups().list().await.unwrap()
    }

    /// A restore that waits before its first step.
    pub fn begin(&self, id: &BackupId, deployment: u64) -> Restoration {
        let (reporter, _) = Reporter::channel(1);
        let mut progress = Progress::new(reporter, CancellationToken::new());
        Restoration::begin(&self.settings, id, DeploymentNumber(deployment), &mut progress).unwrap()
    }

    pub fn folder_of(&self, id: &BackupId) -> PathBuf {
        self.settings.dir.join(id.as_str())
    }

    /// What is in the folder around the paths, as names.
    pub fn beside(&self) -> Vec<String> {
        names(&self.root())
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub fn some_commit() -> Option<Placement> {
    let sha = "acfdb42acfdb42acfdb42acfdb42acfdb42acfdb".parse().unwrap();
    Some(Placement { deployment: Some(DeploymentNumber(141)), sha })
}

/// What a call answered, and what it said.
pub struct Answer<T> {
    pub result: Result<T, Failure>,
    pub remarks: Vec<String>,
    pub activities: Vec<Activity>,
}

impl<T: std::fmt::Debug> Answer<T> {
    fn new(result: Result<T, Failure>, mut heard: mpsc::Receiver<Told>) -> Self {
        let (mut remarks, mut activities) = (Vec::new(), Vec::new());
        while let Ok(told) = heard.try_recv() {
            match told {
                Told::Story(Event::Remarked { message }) => remarks.push(message),
                Told::Story(event) => panic!("nobody expects {event:?}"),
                Told::Activity(activity) => activities.push(activity),
            }
        }
        Self { result, remarks, activities }
    }

    /// The text of the failure, which has to be one of backups: of a restore, one that has touched
    /// nothing.
    pub fn failure(self) -> String {
        let failure = self.result.unwrap_err();
        let of_backups = [FailureKind::Backup, FailureKind::Unrestorable];
        assert!(of_backups.contains(&failure.kind), "{failure:?}");
        failure.message
    }
}

/// A tree: every name in it, with all that a backup keeps.
pub type Tree = BTreeMap<PathBuf, Thing>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    pub is: Is,
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime: (i64, i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Is {
    Folder,
    File(Vec<u8>),
    Link(PathBuf),
    Other,
}

pub fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    look(root, root, &mut tree);
    tree
}

fn look(root: &Path, path: &Path, tree: &mut Tree) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    let kind = metadata.file_type();
    let is = if kind.is_dir() {
        Is::Folder
    } else if kind.is_file() {
        Is::File(fs::read(path).unwrap())
    } else if kind.is_symlink() {
        Is::Link(fs::read_link(path).unwrap())
    } else {
        Is::Other
    };
    let thing = Thing {
        is,
        mode: metadata.mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
        mtime: (metadata.mtime(), metadata.mtime_nsec()),
    };
    tree.insert(path.strip_prefix(root).unwrap().to_owned(), thing);
    if kind.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            look(root, &entry.unwrap().path(), tree);
        }
    }
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

/// A name that is no text.
pub fn raw(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

/// So many bytes that no packing makes smaller.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..bytes.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(bytes).collect()
}

/// Turns one bit of a file over.
pub fn damage(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    File::options().write(true).open(file).unwrap().write_all(&bytes).unwrap();
}

/// Which of the names are those of a restore's folders.
pub fn hidden(names: &[String]) -> Vec<&String> {
    names.iter().filter(|name| name.as_bytes().starts_with(b".")).collect()
}

#[allow(dead_code, reason = "shows a name in a failure")]
pub fn shown(path: &Path) -> String {
    String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()
}
