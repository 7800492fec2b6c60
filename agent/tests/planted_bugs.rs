//! Tests of the tests: small bugs are planted one after the other in a copy of the workspace, and the
//! suite must notice each. `RIPCORD_PLANTED=probe` plants only those with that word in their name.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Instant,
};

use serde::Deserialize;

#[derive(Deserialize)]
struct Bugs {
    bug: Vec<Bug>,
}

#[derive(Deserialize)]
struct Bug {
    name: String,
    file: String,
    old: String,
    new: String,
    test: String,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn bugs() -> Vec<Bug> {
    let listed = fs::read_to_string(workspace().join("agent/tests/planted_bugs.toml")).unwrap();
    toml::from_str::<Bugs>(&listed).unwrap().bug
}

#[test]
fn every_bug_can_still_be_planted() {
    let mut rotten = Vec::new();
    for bug in bugs() {
        let text = fs::read_to_string(workspace().join(&bug.file)).unwrap_or_default();
        let times = text.matches(&bug.old).count();
        if times != 1 {
            rotten.push(format!("{}: {} has the old text {times} times", bug.name, bug.file));
        }
        assert_ne!(bug.old, bug.new, "{} changes nothing", bug.name);
    }
    assert!(rotten.is_empty(), "planted_bugs.toml does not fit the code:\n{}", rotten.join("\n"));
}

/// A copy of the workspace's tracked files, with a target folder of its own: only what a bug
/// changes is built again.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make() -> Self {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted");
        let copy = Self { root: place.join("workspace"), target: place.join("target") };
        let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(workspace()).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        for file in listed.split_terminator('\0') {
            copy.take(file);
        }
        copy
    }

    /// A file that has not changed keeps its time, so that nothing is built for it.
    fn take(&self, file: &str) {
        let (from, to) = (workspace().join(file), self.root.join(file));
        let Ok(content) = fs::read(&from) else { return };
        if fs::read(&to).ok().as_ref() != Some(&content) {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(&to, content).unwrap();
        }
    }

    fn cargo_test(&self, arguments: &str, more: &[&str]) -> Output {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.arg("test").args(arguments.split(' ')).args(more).current_dir(&self.root);
        cargo.env("CARGO_TARGET_DIR", &self.target).env("RUST_BACKTRACE", "0");
        cargo.output().unwrap()
    }

    /// Plants a bug, and takes it away again; answers the tests that failed, or why there is no
    /// answer.
    fn plant(&self, bug: &Bug) -> Result<Vec<String>, String> {
        let file = self.root.join(&bug.file);
        let healthy = fs::read_to_string(&file).unwrap();
        fs::write(&file, healthy.replacen(&bug.old, &bug.new, 1)).unwrap();
        let built = self.cargo_test(&bug.test, &["--no-run", "--quiet"]);
        let tested =
            built.status.success().then(|| self.cargo_test(&bug.test, &["--no-fail-fast"]));
        fs::write(&file, healthy).unwrap();
        match tested {
            None => Err(format!("it does not build:\n{}", text(&built.stderr))),
            Some(tested) if tested.status.success() => Err("it survived".to_owned()),
            Some(tested) => Ok(failed(&text(&tested.stdout))),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The tests that cargo says have failed.
fn failed(output: &str) -> Vec<String> {
    let ended = output.lines().filter_map(|line| line.strip_suffix(" ... FAILED"));
    ended.filter_map(|line| line.strip_prefix("test ")).map(str::to_owned).collect()
}

#[test]
#[ignore = "builds the workspace many times: cargo test --test planted_bugs -- --ignored --nocapture"]
fn the_suite_catches_every_planted_bug() {
    let only = env::var("RIPCORD_PLANTED").unwrap_or_default();
    let copy = Copy::make();
    let mut survivors = Vec::new();
    for bug in bugs().iter().filter(|bug| bug.name.contains(&only)) {
        let began = Instant::now();
        let caught = copy.plant(bug).and_then(|by| match by.split_first() {
            Some((first, more)) => Ok(format!("{first} (+{})", more.len())),
            None => Err("the tests ended without a failed one".to_owned()),
        });
        let (name, seconds) = (&bug.name, began.elapsed().as_secs());
        match caught {
            Ok(by) => println!("{seconds:>4} s  {name:<58} {by}"),
            Err(why) => {
                println!("{seconds:>4} s  {name:<58} NOT CAUGHT: {why}");
                survivors.push(name.clone());
            }
        }
    }
    assert!(survivors.is_empty(), "not caught: {survivors:#?}");
}
