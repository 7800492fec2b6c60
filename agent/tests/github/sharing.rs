//! One repository is asked once, however many environments and deployments wait for it.

use std::time::Duration;

use ripcord_agent::ports::Verifier as _;
use ripcord_core::{Pace, Verdict};
use tokio::time::Instant;

use crate::{
    client::SHA,
    fake::FakeRun,
    watcher::{Site, Watching, eventually, sha, verifier},
};

/// Slow enough that a second look within a test could only be a second poll.
const SLOW: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn two_environments_with_workflows_of_their_own_share_one_look() {
    let site = Site::start().await;
    site.server.put_run(FakeRun::of(SHA, 1).ended("success"));
    let prod = verifier(&site.poller, &["ci.yml", "e2e.yml"], SLOW);
    let preprod = verifier(&site.poller, &["ci.yml"], SLOW);
    let start = |verifier| Watching::start(verifier, Pace::Prompt, Duration::ZERO);
    let (mut first, mut second) = (start(preprod.clone()), start(prod));
    let (first, second) = (first.next().await.value, second.next().await.value);
    assert_eq!((first, second), (Verdict::Success, Verdict::NoRun));
    assert_eq!(site.server.seen().len(), 1);
    drop(preprod);
}

#[tokio::test]
async fn a_look_that_costs_nothing_is_asked_with_the_tag_of_the_last_one() {
    let site = Site::start().await;
    let mut watching = site.watch();
    watching.next().await;
    eventually(|| site.server.seen().len() >= 4).await;
    let statuses: Vec<_> = site.server.seen().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses[..4], [200, 304, 304, 304]);
}

#[tokio::test]
async fn a_pushed_look_finds_what_the_next_turn_would_have_found_an_hour_later() {
    let site = Site::start().await;
    let verifier = verifier(&site.poller, &["ci.yml"], SLOW);
    site.server.put_run(FakeRun::of(SHA, 1));
    let mut watching = Watching::start(verifier.clone(), Pace::Prompt, Duration::ZERO);
    assert_eq!(watching.next().await.value, Verdict::Pending);
    let began = Instant::now();
    assert!(verifier.look_now(sha()));
    eventually(|| site.server.seen().len() >= 2).await;
    // The job that pushed the look was itself still running; now it is not.
    site.server.put_run(FakeRun::of(SHA, 1).ended("success"));
    assert_eq!(watching.next().await.value, Verdict::Success);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_look_at_what_nobody_waits_for_is_not_made() {
    let site = Site::start().await;
    assert!(!site.verifier.look_now(sha()));
    let mut watching = site.watch();
    watching.next().await;
    assert!(!site.verifier.look_now("b".repeat(40).parse().unwrap()));
    assert!(site.server.seen().iter().all(|seen| seen.query["head_sha"] == SHA));
}
