//! A folder with a `ripcord.toml`, and the binary run in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// Longer than any of these tests needs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) struct Project {
    pub(crate) folder: TempDir,
}

impl Project {
    /// A repository with this `ripcord.toml`.
    pub(crate) fn new(toml: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(project.path(".git")).unwrap();
        project.write("ripcord.toml", toml);
        project
    }

    /// A group `a` of such jobs: name, line, other keys.
    pub(crate) fn of_jobs(jobs: &[(&str, &str, &str)]) -> Self {
        let job = |(name, run, keys): &(&str, &str, &str)| {
            let name = serde_json::to_string(name).unwrap();
            format!("[[checks.a.jobs]]\nname = {name}\nrun = '''{run}'''\n{keys}\n")
        };
        Self::new(&jobs.iter().map(job).collect::<String>())
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    /// `ripcord check`, knowing nothing of the machine that the tests run on, and without a home.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
        command.arg("check").args(arguments).current_dir(self.folder.path()).kill_on_drop(true);
        command.env_clear().env("TZ", "UTC").stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    pub(crate) async fn check(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments)).await
    }

    /// Starts it, and waits until a job has made `file`.
    pub(crate) async fn until_made(&self, file: &str, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let path = self.path(file);
        until(|| path.exists()).await;
        child
    }
}

/// Waits until something is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came true");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether the process of a pid file still runs; one that only waits to be reaped does not.
pub(crate) fn runs(pid_file: &Path) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// What a run said, and how it ended.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// The only object on standard output.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "one object, not: {}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The jobs of the object with their outcomes.
    pub(crate) fn outcomes(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let jobs = self.json()["jobs"].as_array().unwrap().clone();
        jobs.iter().map(|job| (text(&job["name"]), text(&job["outcome"]))).collect()
    }
}

pub(crate) async fn said(mut command: Command) -> Said {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    ended(child).await
}

pub(crate) async fn ended(child: Child) -> Said {
    let output = timeout(DEADLINE, child.wait_with_output()).await.expect("ends in time").unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
