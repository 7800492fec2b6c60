//! The repositories of the demo: an `origin`, the clone that is deployed, and the commits to play.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::app;

/// What is played, and where.
pub(crate) struct Story {
    /// The clone that is deployed.
    pub(crate) live: PathBuf,
    pub(crate) good: Commit,
    pub(crate) bad: Commit,
    /// The command that runs the application.
    pub(crate) run: Vec<String>,
    /// The command that tests a commit.
    pub(crate) check: Vec<String>,
    is_built_in: bool,
}

/// A commit of the story.
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) subject: String,
}

impl Commit {
    pub(crate) fn short(&self) -> &str {
        &self.sha[..7]
    }
}

/// The file whose presence makes the check fail, in the commit that the demo adds to a repository.
const FAILS: &str = ".ripcord-demo-fails";

const CHECK: &str = "#!/bin/sh
# The tests of this application: the greeting greets, and is finished.
grep -q '^Hello' greeting.txt || { echo 'FAILED: the greeting does not greet'; exit 1; }
if grep -q 'TODO' greeting.txt; then echo 'FAILED: the greeting is not finished'; exit 1; fi
echo 'ok: 2 tests passed'
";

impl Story {
    /// A small application with its tests: one good commit, one that is not.
    pub(crate) fn built_in(folder: &Path) -> Result<Self> {
        let work = folder.join("work");
        git(folder, &["init", "--quiet", "--initial-branch=main", "work"])?;
        fs::write(work.join("check.sh"), CHECK)?;
        commit(&work, "Hello from before ripcord\n", "Greet")?;
        let live = publish(folder, &work)?;
        let good = commit(&work, "Hello from ripcord, version 2\n", "Greet better")?;
        let bad = commit(&work, "Hello from version 3 TODO finish\n", "Greet (unfinished)")?;
        git(&work, &["push", "--quiet", "origin", "main"])?;
        let this = env::current_exe()?.display().to_string();
        let run = vec![this, "serve".to_owned()];
        let check = ["sh", "check.sh"].map(str::to_owned).to_vec();
        Ok(Self { live, good, bad, run, check, is_built_in: true })
    }

    /// The last commits of somebody's own repository, and one on top whose check fails.
    pub(crate) fn of_your_own(folder: &Path, repo: &Path, run: &str, check: &str) -> Result<Self> {
        let source =
            repo.canonicalize().with_context(|| format!("cannot open {}", repo.display()))?;
        let work = folder.join("work");
        let source = source.display().to_string();
        git(folder, &["clone", "--quiet", "--no-local", &source, "work"])?;
        git(&work, &["checkout", "--quiet", "-B", "main"])?;
        git(&work, &["remote", "remove", "origin"])?;
        let good = newest(&work)?;
        let before = git(&work, &["rev-parse", "--verify", "--quiet", "HEAD~1"]);
        let live = publish(folder, &work)?;
        if let Ok(before) = before {
            git(&live, &["reset", "--quiet", "--hard", before.trim()])?;
        }
        fs::write(work.join(FAILS), "the demo's broken commit\n")?;
        git(&work, &["add", "--force", FAILS])?;
        record(&work, "A commit whose tests fail (added by the demo)")?;
        git(&work, &["push", "--quiet", "origin", "main"])?;
        let bad = newest(&work)?;
        let check =
            format!("test ! -e {FAILS} || {{ echo 'FAILED: {FAILS} is here'; exit 1; }}\n{check}");
        let shell = |script: String| vec!["sh".to_owned(), "-c".to_owned(), script];
        let (run, check) = (shell(format!("exec {run}")), shell(check));
        Ok(Self { live, good, bad, run, check, is_built_in: false })
    }

    /// Checks that the application serves what `commit` says.
    pub(crate) fn expect_served(&self, commit: &Commit, answer: &str) -> Result<()> {
        if self.is_built_in {
            let page = git(&self.live, &["show", &format!("{}:{}", commit.sha, app::PAGE)])?;
            ensure!(answer == page.trim(), "the application answers {answer:?}, not {page:?}");
        }
        self.expect_tree(commit)
    }

    /// Checks with git itself that the clone is exactly at `commit`.
    pub(crate) fn expect_tree(&self, commit: &Commit) -> Result<()> {
        let head = git(&self.live, &["rev-parse", "HEAD"])?;
        ensure!(head.trim() == commit.sha, "HEAD is {head}, not {}", commit.sha);
        let changes = git(&self.live, &["status", "--porcelain", "--untracked-files=no"])?;
        ensure!(changes.is_empty(), "the tree differs from the commit:\n{changes}");
        Ok(())
    }
}

/// Makes `origin` from `work`, and the clone that is deployed from `origin`.
fn publish(folder: &Path, work: &Path) -> Result<PathBuf> {
    git(folder, &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"])?;
    let origin = folder.join("origin.git").display().to_string();
    git(work, &["remote", "add", "origin", &origin])?;
    git(work, &["push", "--quiet", "--set-upstream", "origin", "main"])?;
    git(folder, &["clone", "--quiet", &origin, "live"])?;
    Ok(folder.join("live"))
}

fn commit(work: &Path, page: &str, subject: &str) -> Result<Commit> {
    fs::write(work.join(app::PAGE), page)?;
    git(work, &["add", "--all"])?;
    record(work, subject)?;
    newest(work)
}

fn record(work: &Path, subject: &str) -> Result<()> {
    let name = "user.name=ripcord demo";
    let email = "user.email=demo@example.invalid";
    let who = ["-c", name, "-c", email, "-c", "commit.gpgSign=false"];
    let commit = ["commit", "--quiet", "--no-verify", "-m", subject];
    git(work, &[&who[..], &commit[..]].concat()).map(|_| ())
}

fn newest(work: &Path) -> Result<Commit> {
    let sha = git(work, &["rev-parse", "HEAD"])?.trim().to_owned();
    let subject = git(work, &["log", "-1", "--format=%s"])?.trim().to_owned();
    Ok(Commit { sha, subject })
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    // Inside a git hook these would name another repository.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    let output = command.arg("-C").arg(folder).args(arguments).output();
    let output = output.context("git could not be started: is it installed?")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {} failed: {said}", arguments.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
