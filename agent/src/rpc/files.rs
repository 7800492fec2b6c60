//! Notices that files changed, by looking: works on every file system and with every way to replace a file.

use std::{os::unix::fs::MetadataExt, path::PathBuf};

use super::limits::FILE_POLL;

/// What can be told of a file without reading it; `None` when it is not there.
type Fingerprint = Option<(u64, u64, i64, i64)>;

/// Calls `changed` now, and whenever one of `files` is not what it was at the last look. Never ends.
///
/// Now, because a file may have changed between the agent's start and the first look. The fingerprint is taken before `changed` reads: a file that is written meanwhile is seen again.
pub(super) async fn on_change(files: Vec<PathBuf>, changed: impl Fn() + Clone + Send + 'static) {
    let mut known = None;
    let mut ticks = tokio::time::interval(FILE_POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Some(fingerprints(&files));
        if now == known {
            continue;
        }
        known = now;
        // A panic while reading must not end the watch.
        let _ = tokio::task::spawn_blocking(changed.clone()).await;
    }
}

fn fingerprints(files: &[PathBuf]) -> Vec<Fingerprint> {
    let look = |file: &PathBuf| {
        let file = std::fs::metadata(file).ok()?;
        Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
    };
    files.iter().map(look).collect()
}
