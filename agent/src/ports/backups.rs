//! Where files are saved before they are touched.

use std::path::PathBuf;

use async_trait::async_trait;
use ripcord_core::{
    BackupId, DeploymentNumber, Failure, Placement, Timestamp,
    effect::{BackupReport, TreeReport},
};

use super::Reporter;

/// Where the files of an environment are saved before a deployment touches them.
///
/// Every call is repeatable: recovery makes it again after a crash at any point.
#[async_trait]
pub trait Backups: Send + Sync {
    /// Whether a backup could be made, and restored, now: asked before anything else.
    async fn preflight(&self) -> Result<(), Failure>;

    /// Saves the files, reads back what it saved, and lets the oldest backups go. `of` says what
    /// they are. A backup that is not whole and verified never shows in [`Self::list`].
    async fn make(
        &self,
        before: DeploymentNumber,
        of: Option<Placement>,
        reporter: &Reporter,
    ) -> Result<BackupReport, Failure>;

    /// What is there, newest first; what cannot be used is shown as such.
    async fn list(&self) -> Result<Vec<Backup>, Failure>;

    /// Reads the backup through, and answers why it cannot be restored here.
    async fn verify(&self, id: &BackupId, reporter: &Reporter) -> Result<(), Failure>;

    /// Verifies the backup, then makes the files those that it holds. Until it is verified nothing
    /// is touched; afterwards each file is the old or the new one, whole, at any instant. What was
    /// there is moved aside, and kept until the next restore.
    async fn restore(
        &self,
        id: &BackupId,
        deployment: DeploymentNumber,
        reporter: &Reporter,
    ) -> Result<TreeReport, Failure>;
}

/// A backup, as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its name.
    pub id: BackupId,
    /// The deployment before which it was made.
    pub before: DeploymentNumber,
    /// What its files are; `None` when nobody knew.
    pub of: Option<Placement>,
    /// When it was made.
    pub made_at: Timestamp,
    /// So many files.
    pub files: u64,
    /// So many bytes of them.
    pub bytes: u64,
    /// So many bytes on the disk.
    pub archive_bytes: u64,
    /// The folder that holds it.
    pub path: PathBuf,
    /// Why it cannot be used, as far as a look without reading it all can tell.
    pub damage: Option<String>,
}
