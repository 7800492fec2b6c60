//! What `ripcord init` writes, and what it leaves alone.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod lint;
mod terminal;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

const CI: &str = ".github/workflows/ci.yml";

/// Somebody's repository.
pub struct Repository {
    pub folder: TempDir,
}

impl Repository {
    pub fn empty() -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn git(&self, arguments: &[&str]) {
        let git = Command::new("git").arg("-C").arg(self.folder.path()).args(arguments).status();
        assert!(git.unwrap().success(), "git {arguments:?}");
    }

    pub fn init(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
        command.arg("init").args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.path("home"));
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn is_untouched(&self) -> bool {
        fs::read_dir(self.folder.path()).unwrap().count() == 1
    }
}

#[test]
fn a_look_shows_every_line_and_writes_nothing() {
    let repository = Repository::empty();
    let (code, shown, _) = repository.init(&["--github", "--python", "--dry-run"]);
    assert_eq!(code, 0);
    for line in ["+++ b/ripcord.toml", "+name: CD Production", "+    - cron: \"0 * * * *\""] {
        assert!(shown.lines().any(|shown| shown == line), "{line}");
    }
    assert!(shown.ends_with("nothing was written\n") && repository.is_untouched());
}

#[test]
fn where_nobody_can_be_asked_nothing_is_written_without_yes() {
    let repository = Repository::empty();
    let (code, _, said) = repository.init(&["--github"]);
    assert_eq!(code, 2);
    assert!(said.contains("nobody can be asked here: add --yes"), "{said}");
    assert!(repository.is_untouched());
}

#[test]
fn without_github_only_the_settings_are_written_and_the_next_time_nothing() {
    let repository = Repository::empty();
    let agent = "https://vm.example:7443";
    assert_eq!(repository.init(&["--yes", "--agent", agent]).0, 0);
    assert!(
        repository.read("ripcord.toml").contains(&format!("\nagent               = \"{agent}\""))
    );
    assert!(!repository.path(".github").exists());
    let (code, told, _) = repository.init(&["--yes"]);
    assert_eq!((code, told.as_str()), (0, "nothing to write\n"));
}

#[test]
fn an_edited_file_is_kept_and_reported_while_untouched_ones_move_on() {
    let repository = Repository::empty();
    assert_eq!(repository.init(&["--github", "--yes"]).0, 0);
    let edited = repository.read(CI).replace("timeout-minutes: 30", "timeout-minutes: 45");
    repository.write(CI, &edited);
    repository.write("ripcord.toml", "default_environment = \"mine\"\n");
    let (code, told, said) = repository.init(&["--github", "--runner", "hosted", "--yes"]);
    assert_eq!(code, 2);
    assert!(told.starts_with("kept .github/workflows/ci.yml\n✔ 3 files written"), "{told}");
    assert!(
        said.contains("-    timeout-minutes: 45\n") && said.contains("+    timeout-minutes: 30\n")
    );
    assert_eq!(repository.read(CI), edited);
    assert_eq!(repository.read("ripcord.toml"), "default_environment = \"mine\"\n");
    assert!(repository.read(".github/workflows/cd-prod.yml").contains("runs-on: ubuntu-24.04"));
}

#[test]
fn a_link_out_of_the_repository_is_not_followed() {
    let (repository, elsewhere) = (Repository::empty(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), repository.path(".github")).unwrap();
    let (code, _, said) = repository.init(&["--github", "--yes"]);
    assert_eq!(code, 2);
    assert!(said.contains("is a symbolic link"), "{said}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn the_remotes_default_branch_is_the_one_that_is_deployed() {
    let repository = Repository::empty();
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.invalid"];
    repository.git(&[&who[..], &["commit", "--quiet", "--allow-empty", "-m", "first"]].concat());
    repository.git(&["update-ref", "refs/remotes/origin/trunk,1", "HEAD"]);
    repository.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk,1"]);
    assert_eq!(repository.init(&["--github", "--yes"]).0, 0);
    assert!(
        repository.read(CI).contains("    branches: [\"trunk,1\"]\n"),
        "{}",
        repository.read(CI)
    );
}

#[test]
fn a_mission_like_project_gets_the_missions_checks_where_its_code_lies() {
    let repository = Repository::empty();
    for folder in ["10_preprod", "20_prod", "50_test"] {
        fs::create_dir(repository.path(folder)).unwrap();
    }
    assert_eq!(repository.init(&["--github", "--python", "--yes"]).0, 0);
    let settings: toml::Table = repository.read("ripcord.toml").parse().unwrap();
    let jobs = settings["checks"]["preprod"]["jobs"].as_array().unwrap();
    let runs: Vec<&str> = jobs.iter().map(|job| job["run"].as_str().unwrap()).collect();
    let words = runs.iter().map(|run| run.split(' ').next().unwrap());
    assert_eq!(
        words.collect::<Vec<_>>(),
        ["flake8", "black", "pydocstyle", "mypy", "pytest", "pytest"]
    );
    assert!(runs[0].contains("--max-line-length=88") && runs[4].contains("--cov-fail-under=90"));
    assert_eq!(settings["checks"]["prod"]["dir"].as_str(), Some("20_prod"));
    let ci = repository.read(CI);
    assert!(ci.contains("python-version: 3.13.3") && ci.contains("retention-days: 30"));
    assert!(ci.contains("path: 10_preprod/htmlcov/"));
}

#[test]
fn programs_get_one_object_whatever_happens() {
    let repository = Repository::empty();
    let (_, told, _) = repository.init(&["--github", "--yes", "--json"]);
    let object: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(object["files"].as_array().unwrap().len(), 8);
    assert_eq!(object["files"][0]["written"], true);
    repository.write(CI, "mine");
    let (code, told, _) = repository.init(&["--github", "--yes", "--json"]);
    let object: Value = serde_json::from_str(&told).unwrap();
    let ci = object["files"].as_array().unwrap().iter().find(|file| file["path"] == CI).unwrap();
    assert_eq!((code, &ci["state"], &ci["written"]), (2, &"differs".into(), &false.into()));
}
