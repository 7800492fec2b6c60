//! The questions, on a real pseudo-terminal made by `script` of util-linux.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

use crate::{CI, Repository};

/// Answers one question after the other; gives the exit code and the screen.
fn asked(repository: &Repository, arguments: &str, answers: &[&str]) -> Option<(i32, String)> {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: no `script` here to make a terminal");
        return None;
    }
    let line = format!("exec {} init {arguments}", env!("CARGO_BIN_EXE_ripcord"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(repository.folder.path()).env_clear();
    script.env("PATH", std::env::var_os("PATH").unwrap()).env("TERM", "xterm");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut answers, mut seen, mut part) = (answers.iter(), Vec::new(), [0; 4096]);
    loop {
        match stdout.read(&mut part).unwrap() {
            0 => break,
            length => seen.extend_from_slice(&part[..length]),
        }
        if seen.ends_with(b"[y/N] ") {
            stdin.write_all(answers.next().expect("a question too many").as_bytes()).unwrap();
        }
    }
    assert_eq!(answers.next(), None, "a question too few");
    let screen = String::from_utf8_lossy(&seen).replace('\r', "");
    Some((child.wait().unwrap().code().unwrap(), screen))
}

#[test]
fn what_somebody_else_wrote_is_replaced_only_by_an_answer_of_its_own() {
    let repository = Repository::empty();
    repository.write(CI, "name: mine\n");
    let prod = ".github/workflows/cd-prod.yml";
    repository.write(prod, "name: theirs\n");
    let Some((code, screen)) = asked(&repository, "--github", &["y\n", "n\n", "y\n"]) else {
        return;
    };
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("-name: mine\n+# What must pass"), "{screen}");
    assert!(screen.contains("Write 6 files? [y/N] "), "{screen}");
    assert!(
        screen.contains("Replace .github/workflows/ci.yml, which ripcord did not write"),
        "{screen}"
    );
    assert!(screen.contains("kept .github/workflows/ci.yml\n✔ 7 files written"), "{screen}");
    assert_eq!(repository.read(CI), "name: mine\n");
    assert!(repository.read(prod).contains("name: CD Production"));
}

#[test]
fn no_means_nothing_at_all() {
    let repository = Repository::empty();
    let Some((code, screen)) = asked(&repository, "--github", &["\n"]) else { return };
    assert_eq!(code, 2, "{screen}");
    assert!(screen.contains("nothing was written"), "{screen}");
    assert!(!repository.path("ripcord.toml").exists() && !repository.path(".github").exists());
}
