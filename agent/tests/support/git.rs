//! Repositories for tests, made and read with git's own program: an origin, a place to work, and
//! the clone that is deployed.

// Each test binary uses its own part of this.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub struct Clone {
    pub origin: PathBuf,
    pub work: PathBuf,
    pub live: PathBuf,
}

/// The tests of the application: red when a commit says so.
const CHECK: &str = "#!/bin/sh\necho checking\n! grep -q untested page.txt\n";

impl Clone {
    /// `origin.git`, `work` and `live` in this folder, with one commit.
    pub fn new(folder: &Path) -> Self {
        let clone = Self {
            origin: folder.join("origin.git"),
            work: folder.join("work"),
            live: folder.join("live"),
        };
        git(folder, &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"]);
        git(folder, &["init", "--quiet", "--initial-branch=main", "work"]);
        git(&clone.work, &["remote", "add", "origin", clone.origin.to_str().unwrap()]);
        fs::write(clone.work.join("check.sh"), CHECK).unwrap();
        clone.commit("first");
        clone.push();
        git(folder, &["clone", "--quiet", clone.origin.to_str().unwrap(), "live"]);
        clone
    }

    /// A commit whose page says `page`; not pushed yet.
    pub fn commit(&self, page: &str) -> String {
        fs::write(self.work.join("page.txt"), page).unwrap();
        self.commit_all(page)
    }

    /// A commit of everything that lies in `work`.
    pub fn commit_all(&self, subject: &str) -> String {
        git(&self.work, &["add", "--all"]);
        let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.invalid"];
        let mut arguments = who.to_vec();
        arguments.extend(["commit", "--quiet", "--allow-empty", "-m", subject]);
        git(&self.work, &arguments);
        git(&self.work, &["rev-parse", "HEAD"])
    }

    pub fn push(&self) {
        git(&self.work, &["push", "--quiet", "--force", "origin", "main"]);
    }

    /// A commit that is on the origin's main.
    pub fn pushed(&self, page: &str) -> String {
        let sha = self.commit(page);
        self.push();
        sha
    }

    /// Asserts with git itself that the live clone is exactly at `sha`.
    #[track_caller]
    pub fn assert_live_is(&self, sha: &str) {
        assert_eq!(git(&self.live, &["rev-parse", "HEAD"]), sha);
        // `update-index` makes git compare contents, not only the times that it remembers.
        let _ = Command::new("git")
            .args(["-C", self.live.to_str().unwrap(), "update-index", "-q", "--really-refresh"])
            .output();
        assert_eq!(git(&self.live, &["status", "--porcelain", "--untracked-files=no"]), "");
        assert_eq!(git(&self.live, &["diff", "--stat", sha]), "");
    }
}

/// What git says, trimmed; panics with what it says when it fails.
#[track_caller]
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?} failed: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
