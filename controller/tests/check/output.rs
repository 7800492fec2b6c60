//! What people see of what jobs print: in a pipe, on a terminal, and when it is too much.

use std::{process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::project::{DEADLINE, Project};

const HOSTILE: &str = r"printf '\033]0;owned\007\033[31mred\033[0m a\rb\n'; exit 1";

#[tokio::test]
async fn in_a_pipe_there_is_a_line_for_each_change_and_nothing_moves() {
    let project = Project::of_jobs(&[("style", "exit 1", ""), ("tests", "true", "")]);
    let said = project.check(&["-j", "1"]).await;
    let lines: Vec<&str> = said.stderr.lines().collect();
    let begins = |line: &str, end: &str| {
        line.len() > 10 && line.as_bytes()[2] == b':' && line[8..].starts_with(end)
    };
    assert!(begins(lines[0], "  style begins"), "{}", said.stderr);
    assert!(begins(lines[1], "  ❌ style failed in "), "{}", said.stderr);
    assert!(begins(lines[2], "  tests begins"), "{}", said.stderr);
    assert!(begins(lines[3], "  ✅ tests passed in "), "{}", said.stderr);
    assert_eq!(lines.len(), 4, "{}", said.stderr);
    assert!(!said.stderr.contains(['\r', '\u{1b}']) && !said.stdout.contains(['\r', '\u{1b}']));
}

#[tokio::test]
async fn in_a_pipe_a_long_job_gives_a_sign_of_life_every_fifteen_seconds() {
    let project = Project::of_jobs(&[("slow", "sleep 16.5", "")]);
    let said = project.check(&[]).await;
    let alive = said.stderr.lines().filter(|line| line.contains("  … still running: slow (1"));
    assert_eq!(alive.count(), 1, "{}", said.stderr);
}

#[tokio::test]
async fn control_sequences_of_jobs_reach_nobody() {
    let project = Project::of_jobs(&[("\u{1b}[5mname", HOSTILE, "")]);
    let said = project.check(&[]).await;
    assert!(said.stderr.contains("    red a\\rb\n"), "{}", said.stderr);
    assert!(said.stdout.contains("name") && !said.stdout.contains('\u{1b}'), "{}", said.stdout);
    assert!(!said.stderr.contains('\u{1b}') && !said.stderr.contains("owned"), "{}", said.stderr);
}

#[tokio::test]
async fn both_streams_keep_the_order_in_which_they_were_written() {
    let run = "for n in 1 2 3 4 5 6 7 8 9; do echo o$n; echo e$n >&2; done; exit 1";
    let said = Project::of_jobs(&[("x", run, "")]).check(&["--json"]).await;
    let order: String = (1..=9).map(|n| format!("o{n}\ne{n}\n")).collect();
    assert_eq!(said.json()["jobs"][0]["output"], order);
}

#[tokio::test]
async fn a_flood_is_cut_in_the_middle_and_says_so() {
    let run =
        "echo first; yes 'the same line again and again' | head -c 30000000; echo last; exit 1";
    let said = Project::of_jobs(&[("x", run, "")]).check(&["--json"]).await;
    let object = said.json();
    let output = object["jobs"][0]["output"].as_str().unwrap();
    assert!(output.len() < 300_000, "{}", output.len());
    assert!(output.starts_with("first\n") && output.ends_with("last\n"));
    assert!(output.contains(" bytes of output left out …\n"));
}

/// Runs it on a real pseudo-terminal, made by `script` of util-linux.
async fn on_terminal(project: &Project, arguments: &str) -> Option<(i32, String)> {
    if Command::new("script").arg("--version").output().await.is_err() {
        eprintln!("skipped: no `script` here to make a terminal");
        return None;
    }
    let line = format!("stty cols 80; {} check {arguments}", env!("CARGO_BIN_EXE_ripcord"));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("GITHUB_ACTIONS");
    command.current_dir(project.folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(DEADLINE, command.output()).await.expect("ends in time").unwrap();
    Some((output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[tokio::test]
async fn on_a_terminal_running_jobs_have_a_line_with_their_time() {
    let slow = "sleep 2.5";
    let project =
        Project::of_jobs(&[("tests", slow, ""), ("bad", HOSTILE, ""), ("types", slow, "")]);
    let Some((code, screen)) = on_terminal(&project, "-j 3").await else { return };
    assert_eq!(code, 7, "{screen}");
    assert!(screen.contains("0s tests") && screen.contains("1s tests"), "{screen:?}");
    assert!(screen.contains("1s types"), "{screen:?}");
    assert!(screen.contains("  ✅ tests passed in 2."), "{screen:?}");
    assert!(screen.contains("red a\\rb") && !screen.contains("owned"), "{screen:?}");
    assert!(screen.contains("❌ a is RED: 2 passed, 1 failed, in "), "{screen:?}");
}

#[tokio::test]
async fn colours_are_none_of_ours_so_that_no_color_has_nothing_to_take_away() {
    let project = Project::of_jobs(&[("bad", "exit 1", "")]);
    let Some((_, screen)) = on_terminal(&project, "").await else { return };
    let is_colour = |sequence: &str| {
        let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';');
        end.is_some_and(|end| sequence[end..].starts_with('m'))
    };
    assert!(!screen.split("\u{1b}[").skip(1).any(is_colour), "{screen:?}");
}

#[tokio::test]
async fn a_reader_that_goes_away_does_not_turn_red_into_green() {
    let project = Project::of_jobs(&[("bad", "exit 1", "")]);
    let mut command = project.command(&[]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = command.stdout(writer).stderr(Stdio::null()).status();
    assert_eq!(timeout(Duration::from_secs(60), ended).await.unwrap().unwrap().code(), Some(7));
}
