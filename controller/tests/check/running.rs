//! Which jobs run, where, how, and what that makes of the group.

use serde_json::json;

use crate::project::Project;

#[tokio::test]
async fn a_green_group_exits_with_0_and_names_every_job_with_its_time() {
    let project = Project::of_jobs(&[("style", "echo fine", ""), ("tests", "echo also", "")]);
    let said = project.check(&[]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let rows: Vec<&str> = said.stdout.lines().collect();
    assert!(rows[1].starts_with("style") && rows[1].ends_with("✅ passed"), "{}", said.stdout);
    assert!(rows[3].starts_with("✅ a is green: 2 passed, in "), "{}", said.stdout);
    assert!(!said.stderr.contains("fine"), "the output of a green job is noise: {}", said.stderr);
}

#[tokio::test]
async fn one_red_job_makes_exit_7_and_only_its_output_is_shown() {
    let project =
        Project::of_jobs(&[("good", "echo noise", ""), ("bad", "echo E501 >&2; exit 3", "")]);
    let said = project.check(&[]).await;
    assert_eq!(said.code, 7);
    assert!(
        said.stderr.contains("    E501\n") && !said.stderr.contains("noise"),
        "{}",
        said.stderr
    );
    assert!(said.stdout.contains("❌ failed: exit code 3"), "{}", said.stdout);
    let all = project.check(&["-v"]).await;
    assert!(all.stderr.contains("    noise\n") && all.stderr.contains("    E501\n"));
    let nothing = project.check(&["-q"]).await;
    assert_eq!((nothing.code, nothing.stderr.as_str()), (7, ""));
}

#[tokio::test]
async fn a_job_that_may_fail_is_a_warning_and_stands_in_nobodys_way() {
    let project = Project::of_jobs(&[
        ("types", "echo untyped; exit 1", "allow_failure = true"),
        ("tests", "true", "needs = ['types']"),
    ]);
    let said = project.check(&[]).await;
    assert_eq!(said.code, 0);
    assert!(said.stdout.contains("⚠️ warning: exit code 1"), "{}", said.stdout);
    assert!(said.stdout.contains("green: 1 passed, 1 warning"), "{}", said.stdout);
    assert!(said.stderr.contains("    untyped\n"), "{}", said.stderr);
}

#[tokio::test]
async fn jobs_whose_needs_failed_never_run_and_say_whose_fault_it_is() {
    let project = Project::of_jobs(&[
        ("far", "touch ran", "needs = ['near']"),
        ("near", "touch ran", "needs = ['style']"),
        ("style", "false", ""),
        ("other", "true", ""),
    ]);
    let said = project.check(&[]).await;
    assert_eq!(said.code, 7);
    assert!(said.stdout.contains("⏭ skipped: needs style"), "{}", said.stdout);
    assert!(said.stdout.contains("⏭ skipped: needs near"), "{}", said.stdout);
    assert!(!project.path("ran").exists());
}

#[tokio::test]
async fn jobs_that_need_nothing_of_each_other_run_at_the_same_time() {
    let meet = |own: &str, other: &str| {
        format!(
            "touch {own}; n=0; until [ -e {other} ]; do n=$((n+1)); [ $n -lt 2000 ] || exit 1; sleep 0.01; done"
        )
    };
    let (left, right) = (meet("left", "right"), meet("right", "left"));
    let project = Project::of_jobs(&[("l", &left, ""), ("r", &right, "")]);
    assert_eq!(project.check(&["--jobs", "2"]).await.code, 0);
}

#[tokio::test]
async fn no_more_jobs_run_at_a_time_than_was_asked_for() {
    let alone = "mkdir lock && sleep 0.05 && rmdir lock";
    let jobs = ["a", "b", "c", "d"].map(|name| (name, alone, ""));
    let said = Project::of_jobs(&jobs).check(&["-j", "1"]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
}

#[tokio::test]
async fn setup_runs_once_before_any_job_and_in_the_groups_folder() {
    let project = Project::new(
        "[checks.a]\ndir = 'sub'\nsetup = ['echo one >> log', 'echo two >> log']\n\
         [[checks.a.jobs]]\nname = 'x'\nrun = 'grep -q two log'\n\
         [[checks.a.jobs]]\nname = 'y'\nrun = 'grep -q two sub/log'\ndir = '.'\n",
    );
    project.write("sub/keep", "");
    let said = project.check(&[]).await;
    assert_eq!(said.code, 0, "{}{}", said.stderr, said.stdout);
    assert_eq!(project.read("sub/log"), "one\ntwo\n");
}

#[tokio::test]
async fn a_setup_that_fails_is_red_and_nothing_runs_behind_it() {
    let project = Project::new(
        "[checks.a]\nsetup = ['echo no index; exit 1', 'touch ran']\n\
         [[checks.a.jobs]]\nname = 'x'\nrun = 'touch ran'\nfix = 'touch ran'\n",
    );
    let said = project.check(&["--fix", "--json"]).await;
    assert_eq!(said.code, 7);
    assert_eq!(said.outcomes(), [("x".to_owned(), "skipped".to_owned())]);
    let setup = &said.json()["setup"];
    assert_eq!(setup["reason"], "`echo no index; exit 1`: exit code 1");
    assert_eq!(setup["output"], "no index\n");
    assert!(!project.path("ran").exists());
}

#[tokio::test]
async fn a_jobs_own_setup_is_part_of_it() {
    let keys = "setup = ['echo x > made']";
    let project = Project::of_jobs(&[("x", "cat made", keys)]);
    assert_eq!(project.check(&[]).await.code, 0);
    let broken = Project::of_jobs(&[("x", "touch ran", "setup = ['false']")]);
    assert_eq!(broken.check(&[]).await.code, 7);
    assert!(!broken.path("ran").exists());
}

#[tokio::test]
async fn jobs_inherit_the_environment_know_their_group_and_have_nothing_to_read() {
    let run = "env > seen; if read line; then exit 1; fi";
    let project = Project::of_jobs(&[("x", run, "")]);
    let mut command = project.command(&[]);
    project.write("typed", "a line that is not for jobs\n");
    command.stdin(std::fs::File::open(project.path("typed")).unwrap());
    command.env("TOKEN_OF_MINE", "kept").env_remove("CI");
    assert_eq!(crate::project::said(command).await.code, 0);
    let seen = project.read("seen");
    assert!(seen.contains("RIPCORD_CHECK=a\n") && seen.contains("TOKEN_OF_MINE=kept\n"), "{seen}");
    assert!(!seen.lines().any(|line| line.starts_with("CI=")), "{seen}");
}

#[tokio::test]
async fn a_program_or_a_folder_that_is_not_there_is_named() {
    let project = Project::of_jobs(&[
        ("tool", "no-such-tool-as-this", ""),
        ("folder", "true", "dir = 'nowhere'"),
    ]);
    let said = project.check(&[]).await;
    assert_eq!(said.code, 7);
    assert!(said.stdout.contains("does setup install it?"), "{}", said.stdout);
    assert!(said.stdout.contains("cannot run in nowhere: No such file"), "{}", said.stdout);
}

#[tokio::test]
async fn artifacts_are_told_to_be_there_or_not() {
    let keys = "dir = 'sub'\nartifacts = ['out/', '../top.txt', 'never']";
    let project = Project::of_jobs(&[("x", "mkdir out; touch ../top.txt", keys)]);
    project.write("sub/keep", "");
    let said = project.check(&["--json"]).await;
    let artifacts = &said.json()["jobs"][0]["artifacts"];
    let expected = json!([
        { "path": "sub/out", "exists": true },
        { "path": "top.txt", "exists": true },
        { "path": "sub/never", "exists": false },
    ]);
    assert_eq!(*artifacts, expected);
    let shown = project.check(&[]).await.stdout;
    assert!(shown.contains("artifact sub/out is there\n"), "{shown}");
    assert!(shown.contains("artifact sub/never was not made\n"), "{shown}");
}

#[tokio::test]
async fn fixes_run_one_behind_the_other_before_any_check_and_the_check_decides() {
    let project = Project::of_jobs(&[
        ("tests", "grep -q good file", ""),
        ("format", "grep -q good file", "fix = 'echo good > file; exit 1'"),
        ("lint", "false", "fix = 'false'\nallow_failure = true"),
    ]);
    let red = project.check(&[]).await;
    assert_eq!(red.code, 7);
    assert!(red.stdout.contains("`ripcord check a --fix` repairs: format, lint"), "{}", red.stdout);
    let fixed = project.check(&["--fix"]).await;
    assert_eq!(fixed.code, 0, "{}", fixed.stderr);
    assert!(fixed.stdout.contains("fix: format"), "{}", fixed.stdout);
    assert!(!fixed.stdout.contains("repairs:"), "{}", fixed.stdout);
}

#[tokio::test]
async fn json_is_exactly_one_object_with_everything_in_it() {
    let project = Project::of_jobs(&[
        ("good", "echo quiet", ""),
        ("bad", "echo why; kill -9 $$", "needs = ['good']\nfix = 'x'"),
    ]);
    let mut object = project.check(&["--json"]).await.json();
    assert!(object["duration_ms"].as_u64().is_some());
    assert!(object["jobs"][1]["duration_ms"].as_u64().is_some());
    object["duration_ms"] = json!(0);
    object["jobs"][0]["duration_ms"] = json!(0);
    object["jobs"][1]["duration_ms"] = json!(0);
    let expected = json!({
        "schema": "ripcord/v1/check", "command": "check", "outcome": "failed", "exit_code": 7,
        "group": "a", "duration_ms": 0, "setup": null, "fixes": [],
        "jobs": [
            { "name": "good", "outcome": "passed", "reason": null, "exit_code": 0, "duration_ms": 0,
              "allow_failure": false, "needs": [], "fixable": false, "diagnostics": [],
              "artifacts": [] },
            { "name": "bad", "outcome": "failed", "reason": "ended by signal 9", "exit_code": null,
              "duration_ms": 0, "output": "why\n", "allow_failure": false, "needs": ["good"],
              "fixable": true, "diagnostics": [], "artifacts": [] },
        ],
    });
    assert_eq!(object, expected);
}

#[tokio::test]
async fn ndjson_tells_each_change_and_then_the_same_object() {
    let project = Project::of_jobs(&[("x", "true", "")]);
    let said = project.check(&["--output", "ndjson"]).await;
    let lines: Vec<serde_json::Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{}", said.stdout);
    assert_eq!((&lines[0]["event"], &lines[0]["name"]), (&json!("began"), &json!("x")));
    assert_eq!(lines[1]["step"]["outcome"], "passed");
    assert_eq!(lines[2]["schema"], "ripcord/v1/check");
}
