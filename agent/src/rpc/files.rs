//! Notices that files changed: when the kernel says so, and by looking now and then, which works on every file
//! system and with every way to replace a file.

mod bell;

use std::{os::unix::fs::MetadataExt, path::PathBuf};

use tokio::time::{sleep, timeout};

use self::bell::Bell;
use super::limits::{FILE_POLL, FILE_POLL_UNHEARD, FILE_SETTLE};

/// What can be told of a file without reading it; `None` when it is not there.
type Fingerprint = Option<(u64, u64, i64, i64)>;

/// Calls `changed` now, and whenever one of `files` is not what it was at the last look. Never ends.
///
/// Now, because a file may have changed between the agent's start and the first look. The fingerprint is taken before `changed` reads: a file that is written meanwhile is seen again.
pub(super) async fn on_change(files: Vec<PathBuf>, changed: impl Fn() + Clone + Send + 'static) {
    let bell = Bell::new();
    let mut known = None;
    loop {
        // Before the look: what changes after it rings.
        if let Some(bell) = &bell {
            bell.hang_over(&files);
        }
        let now = Some(fingerprints(&files));
        if now != known {
            known = now;
            // A panic while reading must not end the watch.
            let _ = tokio::task::spawn_blocking(changed.clone()).await;
        }
        match &bell {
            Some(bell) => {
                if timeout(FILE_POLL, bell.rings()).await.is_ok() {
                    sleep(FILE_SETTLE).await;
                }
            }
            None => sleep(FILE_POLL_UNHEARD).await,
        }
    }
}

fn fingerprints(files: &[PathBuf]) -> Vec<Fingerprint> {
    let look = |file: &PathBuf| {
        let file = std::fs::metadata(file).ok()?;
        Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
    };
    files.iter().map(look).collect()
}
