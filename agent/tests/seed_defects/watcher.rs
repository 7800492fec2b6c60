//! What is promised of the verdict of the CI, and of whoever waits for it.

use crate::story::{Seen, Step::*, both_keep, only_ripcord_keeps, only_ripcord_keeps_with};

/// No fault: the old scripts of these tests do work, or what they break would show nothing.
#[tokio::test]
async fn on_a_good_day_the_old_way_works_too() {
    let green = [Deploy("one"), Ci("one", "success"), Deploy("two"), Ci("two", "success")];
    let promise = |seen: &Seen| seen.live == "two" && seen.validated.as_deref() == Some("two");
    both_keep(promise, &green).await;
    let red = [Deploy("one"), Ci("one", "success"), Deploy("two"), Ci("two", "failure")];
    let promise = |seen: &Seen| {
        seen.live == "one"
            && seen.validated.as_deref() == Some("one")
            && seen.told("two") == "rolled_back"
    };
    both_keep(promise, &red).await;
}

/// Fault 2: the red CI of A rolled back B.
#[tokio::test]
async fn a_red_verdict_leaves_a_newer_deployment_alone() {
    let story =
        [Deploy("one"), Ci("one", "success"), Deploy("two"), Deploy("three"), Ci("two", "failure")];
    only_ripcord_keeps(|seen| seen.live == "three", &story).await;
}

/// Fault 3: the validated commit moved back when A's CI ended after B's.
#[tokio::test]
async fn what_is_validated_never_moves_back() {
    let story = [Deploy("one"), Deploy("two"), Ci("two", "success"), Ci("one", "success")];
    only_ripcord_keeps(|seen| seen.validated.as_deref() == Some("two"), &story).await;
}

/// Fault 4: the watcher's five minutes ended in silence, with the untested commit live.
#[tokio::test]
async fn the_end_of_waiting_is_told() {
    let story = [Deploy("one"), Ci("one", "success"), Deploy("two"), TimeIsUp("two")];
    let promise = |seen: &Seen| !matches!(seen.told("two"), "" | "started" | "live");
    only_ripcord_keeps_with("deadline = \"300ms\"", promise, &story).await;
}

/// Fault 5: conclusions beyond success and failure were read as pending.
#[tokio::test]
async fn every_conclusion_that_is_red_rolls_back() {
    for conclusion in ["timed_out", "startup_failure"] {
        let story = [Deploy("one"), Ci("one", "success"), Deploy("two"), Ci("two", conclusion)];
        only_ripcord_keeps(|seen| seen.live == "one", &story).await;
    }
}

/// Fault 6: the cancelled run of a superseded commit rolled back the newer code.
#[tokio::test]
async fn a_run_that_a_newer_push_cancelled_rolls_nothing_back() {
    let story = [
        Deploy("one"),
        Ci("one", "success"),
        Deploy("two"),
        Deploy("three"),
        Ci("two", "cancelled"),
    ];
    only_ripcord_keeps(|seen| seen.live == "three", &story).await;
}

/// Fault 7: only the ten newest runs were read, and matched by the name that people see.
#[tokio::test]
async fn the_run_of_a_commit_is_found_among_many_and_under_any_name() {
    for change in [GithubIsBusy, WorkflowIsRenamed] {
        let story =
            [Deploy("one"), Ci("one", "success"), Deploy("two"), change, Ci("two", "failure")];
        only_ripcord_keeps(|seen| seen.live == "one", &story).await;
    }
}

/// Fault 8: errors of the API were read as "pending", and the watcher's time ran on.
#[tokio::test]
async fn an_outage_of_github_uses_up_nobodys_time() {
    let story = [
        Deploy("one"),
        Ci("one", "success"),
        GithubFails,
        Deploy("two"),
        TimeIsUp("two"),
        GithubWorks,
        Ci("two", "success"),
    ];
    let promise = |seen: &Seen| seen.validated.as_deref() == Some("two");
    only_ripcord_keeps_with("deadline = \"1s\"", promise, &story).await;
}

/// Fault 15: the watcher was lost at a reboot.
#[tokio::test]
async fn a_reboot_does_not_end_the_watching() {
    let story = [Deploy("one"), Ci("one", "success"), Deploy("two"), Reboot, Ci("two", "failure")];
    only_ripcord_keeps(|seen| seen.live == "one", &story).await;
}

/// Fault 23: the run of the deployment was green in GitHub although it was rolled back.
///
/// Here a run is green when the call's result would make the controller exit with 0.
#[tokio::test]
async fn the_run_of_a_deployment_that_was_rolled_back_is_red() {
    let story = [Deploy("one"), Ci("one", "success"), Deploy("two"), Ci("two", "failure")];
    let promise = |seen: &Seen| seen.is_green("one") && !seen.is_green("two");
    only_ripcord_keeps(promise, &story).await;
}

/// Fault 25: watchers fought over `index.lock`, and one told of a rollback that it had not made.
#[tokio::test]
async fn two_red_verdicts_at_once_make_one_rollback_and_it_is_whole() {
    let story = [
        Deploy("one"),
        Ci("one", "success"),
        Deploy("two"),
        Deploy("three"),
        CiAtOnce(["two", "three"], "failure"),
    ];
    let promise = |seen: &Seen| seen.told("three") == "rolled_back" && seen.live == "one";
    only_ripcord_keeps(promise, &story).await;
}
