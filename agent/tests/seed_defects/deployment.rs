//! What is promised of deployments and of ways back.

use crate::story::{Part, Seen, Step::*, only_ripcord_keeps};

/// Fault 1: the health check always exited with 0.
#[tokio::test]
async fn a_commit_that_is_not_healthy_does_not_stay_and_is_no_success() {
    let story = [Deploy("one"), Ci("one", "success"), Deploy("broken")];
    let promise = |seen: &Seen| seen.live == "one" && !seen.is_green("broken");
    only_ripcord_keeps(promise, &story).await;
}

/// Fault 9: the first deployment marked what ran before, which nobody had tested, as validated.
#[tokio::test]
async fn what_ran_before_the_first_deployment_does_not_count_as_validated() {
    only_ripcord_keeps(|seen| seen.validated.is_none(), &[Deploy("one")]).await;
}

/// Fault 10: an empty state file made the rollback a reset to HEAD, reported as a rollback.
#[tokio::test]
async fn a_rollback_without_a_validated_commit_goes_back_all_the_same() {
    let story = [StateFileSays(""), Deploy("one"), Ci("one", "failure")];
    let promise = |seen: &Seen| seen.told("one") == "rolled_back" && seen.live == "first";
    only_ripcord_keeps(promise, &story).await;
}

/// Fault 11: a rollback was reported as done although its reset, restart or probe had failed.
#[tokio::test]
async fn a_rollback_that_failed_is_never_reported_as_done() {
    for part in [Part::Reset, Part::Restart, Part::Probe] {
        let story = [
            Deploy("one"),
            Ci("one", "success"),
            Deploy("two"),
            Breaks(part),
            Ci("two", "failure"),
        ];
        only_ripcord_keeps(|seen| seen.told("two") == "stranded", &story).await;
    }
}

/// Fault 16: the state file was emptied before it was written, so a crash between left it empty.
#[tokio::test]
async fn the_state_file_is_replaced_as_a_whole() {
    let story =
        [Deploy("one"), Ci("one", "success"), StateFileIsHeld, Deploy("two"), Ci("two", "success")];
    let promise = |seen: &Seen| {
        seen.validated.as_deref() == Some("two") && seen.held.as_deref() == Some("one")
    };
    only_ripcord_keeps(promise, &story).await;
}

/// Fault 19: a notification that failed aborted the deployment.
///
/// As far as there is somebody to tell yet: GitHub, and who reads the file of the validated commit.
#[tokio::test]
async fn a_deployment_goes_on_when_nobody_can_be_told() {
    let story = [Deploy("one"), Ci("one", "success"), TellingFails, Deploy("two")];
    only_ripcord_keeps(|seen| seen.live == "two", &story).await;
}
