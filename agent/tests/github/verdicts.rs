//! Every row of the verdict table, and what goes with a verdict.

use ripcord_core::{Verdict, VerdictReport};

use crate::{
    client::SHA,
    fake::{FakeGithub, FakeJob, FakeRun, Fault},
    watcher::Site,
};

/// What is said of one run of `ci.yml`.
async fn verdict_of(run: FakeRun) -> VerdictReport {
    let site = Site::start().await;
    site.server.put_run(run);
    site.first_report().await
}

#[tokio::test]
async fn every_word_of_github_is_the_verdict_of_the_table() {
    let table = [
        (Verdict::Success, &["success", "neutral"][..]),
        (Verdict::Failure, &["failure", "timed_out", "startup_failure"]),
        (Verdict::Cancelled, &["cancelled"]),
        (Verdict::NoRun, &["skipped"]),
        (Verdict::Pending, &["action_required", "stale", "a_word_of_the_future"]),
    ];
    let site = Site::start().await;
    for (verdict, conclusions) in table {
        for conclusion in conclusions {
            site.server.put_run(FakeRun::of(SHA, 7).ended(conclusion));
            assert_eq!(site.first_report().await.value, verdict, "{conclusion}");
        }
    }
    for status in ["queued", "in_progress", "waiting", "pending", "requested", "a_new_word"] {
        site.server.put_run(FakeRun::of(SHA, 7).status(status));
        assert_eq!(site.first_report().await.value, Verdict::Pending, "{status}");
    }
}

#[tokio::test]
async fn a_commit_without_a_run_is_told_with_the_workflow_that_has_none() {
    let report = Site::start().await.first_report().await;
    assert_eq!(report.value, Verdict::NoRun);
    assert_eq!(report.detail.as_deref(), Some("ci.yml has no run for this commit"));
}

#[tokio::test]
async fn a_red_run_comes_with_its_address_and_each_step_that_failed() {
    let site = Site::start().await;
    let run = FakeRun::of(SHA, 30_433_642).ended("failure").attempt(2);
    let url = run.url();
    site.server.put_run(run);
    let steps = [("Set up job", "success"), ("pytest", "failure"), ("Upload", "skipped")];
    let jobs = vec![
        FakeJob::of("lint", "success", &[("ruff", "success")]),
        FakeJob::of("tests (3.12)", "failure", &steps),
        FakeJob::of("image", "timed_out", &[]),
        FakeJob::of("deploy", "skipped", &[]),
    ];
    site.server.put_jobs(30_433_642, 2, jobs);
    let report = site.first_report().await;
    assert_eq!((report.value, report.url), (Verdict::Failure, Some(url)));
    assert_eq!(report.jobs, ["tests (3.12) › pytest", "image"]);
}

#[tokio::test]
async fn a_red_verdict_does_not_wait_for_names_that_cannot_be_read_and_does_not_come_twice() {
    let site = Site::start().await;
    site.server.put_run(FakeRun::of(SHA, 7).ended("failure"));
    site.server.put_jobs(7, 1, vec![FakeJob::of("tests", "failure", &[])]);
    site.server.fault_at("/jobs", Fault::Status(502), 3);
    let mut watching = site.watch();
    let report = watching.next().await;
    assert_eq!((report.value, report.jobs.len()), (Verdict::Failure, 0));
    assert_eq!(site.server.seen_at("/jobs").len(), 3);
    site.server.put_run(FakeRun::of(SHA, 7).ended("success").attempt(2));
    assert_eq!(watching.next().await.value, Verdict::Success, "the failure was told once");
}

#[tokio::test]
async fn the_run_that_counts_is_found_on_the_second_page() {
    let site = Site::start().await;
    site.server.put_run(FakeRun::of(SHA, 1).ended("success"));
    for id in 2..=120 {
        site.server.put_run(FakeRun::of(SHA, id).workflow("labeler.yml").ended("success"));
    }
    assert_eq!(site.first_report().await.value, Verdict::Success);
    let pages: Vec<_> = site.server.seen().iter().map(|seen| seen.query["page"].clone()).collect();
    assert_eq!(pages[..2], ["1", "2"]);
}

#[tokio::test]
async fn runs_of_other_commits_events_and_branches_say_nothing_even_when_they_are_sent() {
    let site = Site::start().await;
    site.server.fault(Fault::Unfiltered, 1000);
    let other = "b".repeat(40);
    let red = |id| FakeRun::of(SHA, id).ended("failure");
    site.server.put_run(FakeRun::of(other, 11).ended("failure"));
    site.server.put_run(FakeRun { event: "schedule".to_owned(), ..red(12) });
    site.server.put_run(FakeRun { branch: Some("feature".to_owned()), ..red(13) });
    site.server.put_run(FakeRun { branch: None, ..red(14) });
    site.server.put_run(red(15).workflow("other-ci.yml"));
    let mut watching = site.watch();
    assert_eq!(watching.next().await.value, Verdict::NoRun);
    site.server.put_run(FakeRun::of(SHA, 10).ended("success"));
    assert_eq!(watching.next().await.value, Verdict::Success);
}

#[tokio::test]
async fn the_newest_attempt_wins_red_then_green_and_green_then_red() {
    let site = Site::start().await;
    let mut watching = site.watch();
    for (attempt, word, verdict) in [
        (1, "failure", Verdict::Failure),
        (2, "success", Verdict::Success),
        (3, "failure", Verdict::Failure),
    ] {
        site.server.put_run(FakeRun::of(SHA, 7).attempt(attempt).ended(word));
        site.server.put_jobs(7, attempt, Vec::new());
        watching.until(verdict).await;
    }
}

#[tokio::test]
async fn all_required_workflows_have_to_succeed_and_the_worst_decides() {
    let site = Site::of(FakeGithub::start().await, &["ci.yml", "security.yml"]).await;
    let mut watching = site.watch();
    site.server.put_run(FakeRun::of(SHA, 1).ended("success"));
    assert_eq!(watching.until(Verdict::NoRun).await.value, Verdict::NoRun);
    let second = || FakeRun::of(SHA, 2).workflow("security.yml@refs/heads/main");
    site.server.put_run(second());
    watching.until(Verdict::Pending).await;
    site.server.put_run(second().ended("success"));
    watching.until(Verdict::Success).await;
    site.server.put_run(second().ended("failure"));
    assert_eq!(watching.until(Verdict::Failure).await.url, Some(second().url()));
}

#[tokio::test]
async fn what_is_asked_for_is_this_commit_this_event_and_this_branch() {
    let report = verdict_of(FakeRun::of(SHA, 7).ended("success")).await;
    assert_eq!(report.value, Verdict::Success);
    let site = Site::start().await;
    site.first_report().await;
    let asked = site.server.seen().remove(0).query;
    let asked: Vec<_> = asked.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let expected = format!(
        "branch=main&event=push&exclude_pull_requests=true&head_sha={SHA}&page=1&per_page=100"
    );
    assert_eq!(asked.join("&"), expected);
}
