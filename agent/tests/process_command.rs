//! A hook must end, in time and completely, whatever it does: real programs that misbehave.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use ripcord_agent::{
    adapters::command::{CommandError, CommandSpec, run},
    ports::{LOG_LINE_BYTES, Reporter, Told},
};
use ripcord_core::{Event, FailureKind};
use tokio::sync::mpsc;

fn shell(script: &str, timeout: Duration) -> CommandSpec {
    CommandSpec {
        argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        cwd: PathBuf::from("/"),
        env: vec![("GREETING".to_owned(), "hello".to_owned())],
        timeout,
        source: "hook".to_owned(),
    }
}

/// Runs it, and collects its story: `o:` and `e:` lines, and `remark:`s.
async fn story_of(spec: CommandSpec) -> (Result<(), CommandError>, Vec<String>) {
    let (reporter, told) = Reporter::channel(16);
    let reading = tokio::spawn(collect(told));
    let result = run(spec, &reporter).await;
    drop(reporter);
    (result, reading.await.unwrap())
}

async fn collect(mut told: mpsc::Receiver<Told>) -> Vec<String> {
    let mut story = Vec::new();
    while let Some(told) = told.recv().await {
        match told {
            Told::Story(Event::Output { stderr, line, .. }) => {
                story.push(format!("{}:{line}", if stderr { "e" } else { "o" }));
            }
            Told::Story(Event::Remarked { message }) => story.push(format!("remark:{message}")),
            other => panic!("{other:?}"),
        }
    }
    story
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn output_is_told_line_by_line_with_its_stream_and_the_environment_is_only_what_was_given() {
    let (result, story) =
        story_of(shell("echo $GREETING; env | grep CARGO; echo oops >&2", LONG)).await;
    result.unwrap();
    assert!(
        story.contains(&"o:hello".to_owned()) && story.contains(&"e:oops".to_owned()),
        "{story:?}"
    );
    assert_eq!(story.len(), 2, "the agent's own environment leaked: {story:?}");
}

#[tokio::test]
async fn failures_say_which_program_and_how_it_ended() {
    let (result, _) = story_of(shell("exit 3", LONG)).await;
    assert_eq!(result.unwrap_err().to_string(), "/bin/sh exited with code 3");
    let (result, _) = story_of(shell("kill -9 $$", LONG)).await;
    assert_eq!(result.unwrap_err().to_string(), "/bin/sh was ended by signal 9");
    let missing = CommandSpec { argv: vec!["/no/such".to_owned()], ..shell("", LONG) };
    let failure = story_of(missing).await.0.unwrap_err().into_failure(FailureKind::Hook);
    assert!(failure.message.starts_with("cannot start /no/such in /: No such file"), "{failure}");
    let nothing = CommandSpec { argv: Vec::new(), ..shell("", LONG) };
    assert!(matches!(story_of(nothing).await.0, Err(CommandError::Spawn { .. })));
}

#[tokio::test]
async fn a_hook_that_hangs_is_stopped_with_everything_it_started() {
    let begun = Instant::now();
    let spec = shell("sleep 63 & echo $!; wait", Duration::from_millis(300));
    let (result, story) = story_of(spec).await;
    assert_eq!(result.unwrap_err().to_string(), "/bin/sh did not end within 0.3s and was stopped");
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(!runs(story[0].strip_prefix("o:").unwrap()), "its child survived");
}

#[tokio::test]
async fn a_hook_that_ignores_sigterm_is_killed() {
    let script = "trap '' TERM; while :; do sleep 0.1; done";
    let (result, _) = story_of(shell(script, Duration::from_millis(200))).await;
    assert!(matches!(result, Err(CommandError::Timeout { .. })));
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_does_not_hang_the_run_and_does_not_survive_it() {
    let begun = Instant::now();
    let (result, story) = story_of(shell("sleep 64 & echo $!", LONG)).await;
    result.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!runs(story[0].strip_prefix("o:").unwrap()));
}

#[tokio::test]
async fn a_program_that_closes_its_output_is_awaited_all_the_same() {
    let begun = Instant::now();
    let (result, _) = story_of(shell("exec >&- 2>&-; sleep 0.3; exit 4", LONG)).await;
    assert!(matches!(result, Err(CommandError::Exit { code: 4, .. })), "{result:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_line_without_end_is_split_and_a_flood_is_cut_once() {
    let (result, story) = story_of(shell("head -c 200000 /dev/zero | tr '\\0' x", LONG)).await;
    result.unwrap();
    assert!(story.iter().all(|line| line.len() <= LOG_LINE_BYTES + 2));
    assert_eq!(story.iter().map(|line| line.len() - 2).sum::<usize>(), 200_000);

    let (result, story) = story_of(shell("yes | head -n 100000; exit 0", LONG)).await;
    result.unwrap();
    assert_eq!(story.len(), 20_001);
    assert_eq!(story.last().unwrap(), "remark:output of hook cut: it is too long");
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_any_more_is_killed() {
    let (reporter, mut told) = Reporter::channel(16);
    let running =
        tokio::spawn(async move { run(shell("echo $$; sleep 65", LONG), &reporter).await });
    let Some(Told::Story(Event::Output { line: pid, .. })) = told.recv().await else { panic!() };
    running.abort();
    let deadline = Instant::now() + LONG;
    while runs(&pid) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether that process runs; a zombie does not.
fn runs(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
