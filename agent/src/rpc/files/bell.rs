//! Rings when something happens in the folders of some files. It may ring in vain, and may miss what other
//! machines do on a shared disk: whoever hears it looks, and looks now and then without it.

use std::{
    collections::BTreeSet,
    fs,
    future::pending,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::net::unix::pipe;

/// More links than this lead in a circle.
const LINKS: usize = 8;

/// To tokio, what the kernel tells of files is a pipe like any other: something is there to be read, or not.
pub(super) struct Bell(pipe::Receiver);

impl Bell {
    /// None where the kernel has none to give.
    pub(super) fn new() -> Option<Self> {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        pipe::Receiver::from_owned_fd_unchecked(events).ok().map(Self)
    }

    /// Rings for these files from now on. A folder that it hangs over already is the same one.
    pub(super) fn hang_over(&self, files: &[PathBuf]) {
        let changes = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO;
        let folders: BTreeSet<PathBuf> = files.iter().flat_map(|file| folders_of(file)).collect();
        for folder in folders {
            // A folder that is not there is looked for again at the next look.
            let _ = inotify::add_watch(self.0.as_fd(), folder, changes | WatchFlags::ONLYDIR);
        }
    }

    /// Waits for the next ring.
    pub(super) async fn rings(&self) {
        if self.0.readable().await.is_err() {
            return pending().await;
        }
        let mut events = [0; 4096];
        while self.0.try_read(&mut events).is_ok_and(|read| read > 0) {}
    }
}

/// The folder of a file, and those of the links through which it is reached.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let (mut folders, mut file) = (Vec::new(), file.to_owned());
    for _ in 0..LINKS {
        let Some(folder) = file.parent().map(Path::to_owned) else { break };
        let target = fs::read_link(&file);
        file = target.map(|target| folder.join(target)).unwrap_or_default();
        folders.push(folder);
    }
    folders
}
