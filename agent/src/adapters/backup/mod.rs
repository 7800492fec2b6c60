//! Saves the files of an environment before a deployment touches them, and brings them back.
//!
//! On the disk, in a folder of mode 0700 that environments may share:
//!
//! - `<id>/` is a backup, whole and verified; `<id>` is `20261123T061742Z-142`, its time and deployment.
//! - `<id>/files.tar.zst` (0600): the files, links and folders of all paths; a member's name is its full
//!   path without the leading `/`. Hard links are copies, holes are zeros; pipes, sockets and devices, ACLs
//!   and extended attributes are not saved. Of several members of one name the last one counts.
//! - `<id>/manifest.json`: `summary` (schema, environment, id, before, of, made_at, paths, totals, size and
//!   SHA-256 of the archive) and `entries` in the archive's order: path, mode, uid, gid, mtime, and what it
//!   is (folder, link and target, file with size and SHA-256). A path without an entry was not there.
//! - `<id>/SHA256SUMS`: of these two, for `sha256sum --check`.
//! - `.<id>.part/`: one that is being made or removed, locked (flock) by who does that; else a leftover.

mod archive;
mod beside;
mod errors;
mod ground;
mod keep;
mod list;
mod make;
mod manifest;
mod moves;
mod progress;
mod restore;
mod unpack;
mod verify;
mod walk;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use ripcord_core::{
    BackupId, DeploymentNumber, EnvironmentName, Failure, FailureKind, Placement,
    effect::{BackupReport, TreeReport},
};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::ports::{Backup, Backups, Reporter};
pub use progress::Progress;
pub use restore::Restoration;

/// What is saved, and where.
#[derive(Debug, Clone)]
pub struct BackupSettings {
    /// Whose files these are.
    pub environment: EnvironmentName,
    /// Files and folders, by their full paths.
    pub paths: Vec<PathBuf>,
    /// The folder for backups.
    pub dir: PathBuf,
    /// So many stay, at least one.
    pub keep: usize,
    /// The git directory of the environment's own work tree: directly inside a path it is neither
    /// saved nor touched.
    pub own_git_dir: Option<PathBuf>,
}

/// Backups in a folder of the agent's machine.
#[derive(Debug, Clone)]
pub struct FileBackups {
    settings: Arc<BackupSettings>,
    /// Whoever writes holds it to the end, also when nobody waits any more.
    turn: Arc<Mutex<()>>,
}

impl FileBackups {
    /// Backups as these settings say; what is wrong with them is said by [`Backups::preflight`].
    #[must_use]
    pub fn new(settings: BackupSettings) -> Self {
        Self { settings: Arc::new(settings), turn: Arc::default() }
    }

    /// Does `work` where it may block, after all that was begun before. When the caller goes away it
    /// ends early if it can, and nobody else begins until it has ended.
    async fn in_turn<T: Send + 'static>(
        &self,
        reporter: &Reporter,
        work: impl FnOnce(&BackupSettings, &mut Progress) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = self.turn.clone().lock_owned().await;
        let stop = CancellationToken::new();
        let mut progress = Progress::new(reporter.clone(), stop.clone());
        let _stopped_with_the_caller = stop.drop_guard();
        let settings = self.settings.clone();
        let (done, remarks) = blocking(move || {
            let done = work(&settings, &mut progress);
            drop(turn);
            Ok((done, progress.into_remarks()))
        })
        .await?;
        for remark in remarks {
            reporter.remark(remark).await;
        }
        done
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let message = format!("saving or restoring files broke off: {error}");
        Err(Failure::new(FailureKind::Internal, message))
    })
}

#[async_trait]
impl Backups for FileBackups {
    async fn preflight(&self) -> Result<(), Failure> {
        let (settings, turn) = (self.settings.clone(), self.turn.clone().lock_owned().await);
        blocking(move || {
            let done = ground::preflight(&settings);
            drop(turn);
            done
        })
        .await
    }

    async fn make(
        &self,
        before: DeploymentNumber,
        of: Option<Placement>,
        reporter: &Reporter,
    ) -> Result<BackupReport, Failure> {
        let make = move |settings: &BackupSettings, progress: &mut Progress| {
            make::make(settings, before, of, progress)
        };
        self.in_turn(reporter, make).await
    }

    async fn list(&self) -> Result<Vec<Backup>, Failure> {
        let settings = self.settings.clone();
        blocking(move || list::list(&settings)).await
    }

    async fn verify(&self, id: &BackupId, reporter: &Reporter) -> Result<(), Failure> {
        let id = id.clone();
        let verify = move |settings: &BackupSettings, progress: &mut Progress| {
            restore::verify(settings, &id, progress)
        };
        self.in_turn(reporter, verify).await
    }

    async fn restore(
        &self,
        id: &BackupId,
        deployment: DeploymentNumber,
        reporter: &Reporter,
    ) -> Result<TreeReport, Failure> {
        let id = id.clone();
        let restore = move |settings: &BackupSettings, progress: &mut Progress| {
            restore::restore(settings, &id, deployment, progress)
        };
        self.in_turn(reporter, restore).await
    }
}
