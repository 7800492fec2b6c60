//! A copy of the repository without mistakes, to make some in.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Repository {
    folder: TempDir,
}

/// What a run said, and how it ended.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Repository {
    pub(crate) fn good() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/good");
        copy(&good, folder.path());
        fs::create_dir(folder.path().join(".git")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        fs::write(self.path(file), text).unwrap();
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap();
    }

    /// Writes `wrong` where the file has `right`; the line where it begins to differ.
    pub(crate) fn edit(&self, file: &str, right: &str, wrong: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(right), "{file} has no {right:?}");
        self.write(file, &text.replacen(right, wrong, 1));
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
        command.arg("check").args(arguments).current_dir(self.folder.path()).env_clear();
        command
    }

    pub(crate) fn lint(&self, arguments: &[&str]) -> Said {
        said(self.command(&[&["--config"], arguments].concat()))
    }

    /// `CODE file:line`, in the order that they are told.
    pub(crate) fn findings(&self) -> Vec<String> {
        let object = self.lint(&["--json"]).json();
        let findings = object["findings"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let short =
            |one: &Value| format!("{} {}:{}", text(&one["code"]), text(&one["file"]), one["line"]);
        findings.map(short).collect()
    }
}

impl Said {
    /// The only object on standard output.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{} {}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

pub(crate) fn said(mut command: Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
