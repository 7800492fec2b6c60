//! A small disk for tests: one that is full, or read-only, where and when a test wants it.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A file system of its own in memory; unmounted with the value.
pub struct Disk(pub PathBuf);

impl Disk {
    /// Nothing, and one line that says so, for those who may not mount.
    pub fn mount(at: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mount = ["-t", "tmpfs", "-o", options, "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(at).output().unwrap();
        if !mounted.status.success() {
            eprintln!("skipped: a tmpfs cannot be mounted here (needs root)");
            return None;
        }
        Some(Self(at.to_owned()))
    }

    /// Takes all the room that is left; answers the file to remove again.
    pub fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        for size in [64 * 1024, 1024, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        ballast
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}
