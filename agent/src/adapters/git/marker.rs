//! Files that say what this agent was doing to a repository, for the process after a crash.
//!
//! A marker without a living owner means: the work was cut short, and what it left (locks, a
//! half-written tree) is ours to clean up. Without a marker, a lock belongs to somebody else.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use git2::{ObjectType, Oid};
use ripcord_core::{CommitSha, DeploymentNumber, Failure, FailureKind};
use serde::{Deserialize, Serialize};

use super::{
    errors::{OrFail, repository},
    save::Saved,
    site::Site,
};

/// Markers whose work this process is doing just now.
static RUNNING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What may be cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Writing refs and objects.
    Fetch,
    /// Writing the work tree.
    Reset,
}

/// Where the marker of one kind of work on one repository is.
#[derive(Debug)]
pub(super) struct Marker {
    path: PathBuf,
    work: Work,
}

/// What a marker says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Claim {
    owner: Process,
    pub(super) deployment: Option<DeploymentNumber>,
    /// The commit whose files are being written.
    pub(super) sha: Option<CommitSha>,
    /// What was saved before the first file was written.
    pub(super) saved: Option<Saved>,
}

impl Claim {
    /// Whether another process died at the work, and may have left locks. Within one process
    /// libgit2 cleans up its locks whatever happens.
    pub(super) fn is_of_a_dead_process(&self) -> bool {
        self.owner != Process::this()
    }
}

impl Marker {
    pub(super) fn of(site: &Site, work: Work) -> Self {
        let (place, kind) = match work {
            Work::Fetch => (&site.common_dir, "fetching"),
            Work::Reset => (&site.git_dir, "resetting"),
        };
        let name = Oid::hash_object(ObjectType::Blob, place.as_os_str().as_encoded_bytes());
        let name = name.map_or_else(|_| "repository".to_owned(), |id| id.to_string());
        let path = site.settings.state_dir.join("locks").join(format!("{name}.{kind}"));
        Self { path, work }
    }

    /// Whether the work is under way, or was cut short.
    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// What was cut short. Refuses when somebody is still at it.
    pub(super) fn unfinished(&self) -> Result<Option<Claim>, Failure> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(repository(format!("cannot read {}: {error}", self.path.display())));
            }
        };
        // A marker that a power cut damaged still says that something was cut short.
        let claim: Claim = serde_json::from_slice(&text).unwrap_or_default();
        if running().contains(&self.path) {
            return Err(repository(
                "an earlier step of this agent still works on the repository: wait for its end",
            ));
        }
        if claim.owner.is_another_living_one() {
            return Err(repository(format!(
                "another ripcord agent (process {}) works on the repository: stop one of them",
                claim.owner.pid
            )));
        }
        Ok(Some(claim))
    }

    /// Says that the work begins, to whoever comes after this process.
    pub(super) fn begin(
        self,
        deployment: Option<DeploymentNumber>,
        sha: CommitSha,
        saved: Option<Saved>,
    ) -> Result<Working, Failure> {
        let claim = Claim { owner: Process::this(), deployment, sha: Some(sha), saved };
        let what = || format!("write {}", self.path.display());
        let text = serde_json::to_vec(&claim).map_err(io::Error::other);
        let text = text.or_fail(FailureKind::Internal, what)?;
        replace(&self.path, &text).or_fail(FailureKind::Repository, what)?;
        running().insert(self.path.clone());
        Ok(Working { marker: self })
    }
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(&fresh, text)?;
    fs::rename(&fresh, path)
}

/// The work is under way.
#[derive(Debug)]
pub(super) struct Working {
    marker: Marker,
}

impl Working {
    /// The work is done: nothing is left to clean up.
    pub(super) fn finish(self) {
        // A marker that stays makes the next reset more careful, nothing worse.
        let _ = fs::remove_file(&self.marker.path);
    }
}

impl Drop for Working {
    /// A fetch that failed cleaned up behind itself; a reset that failed left a mixed tree.
    fn drop(&mut self) {
        if self.marker.work == Work::Fetch {
            let _ = fs::remove_file(&self.marker.path);
        }
        running().remove(&self.marker.path);
    }
}

/// A process that cannot be taken for a later one with the same number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Process {
    pid: u32,
    boot: String,
    started: String,
}

impl Process {
    fn this() -> Self {
        let pid = std::process::id();
        Self { pid, boot: boot(), started: start_of(pid).unwrap_or_default() }
    }

    fn is_another_living_one(&self) -> bool {
        let lives = self.boot == boot() && start_of(self.pid).as_ref() == Some(&self.started);
        lives && self.pid != std::process::id()
    }
}

fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// When the process began, in ticks since boot: field 22 of its `stat`, counted behind the name.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(19).map(str::to_owned)
}
