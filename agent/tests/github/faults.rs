//! GitHub's bad days: unknown, never a verdict, told once, and over when they are over.

use std::time::Duration;

use ripcord_agent::ports::Verifier as _;
use ripcord_core::Verdict;
use tokio::time::Instant;

use crate::{
    client::SHA,
    fake::{FakeRun, Fault, TOKEN},
    watcher::{Site, eventually, sha},
};

/// A commit that is red for all who can read, and a server that hides it behind `fault`.
async fn detail_of(fault: Fault) -> String {
    let site = Site::start().await;
    site.server.fault(fault.clone(), 1000);
    site.server.put_run(FakeRun::of(SHA, 7).ended("failure"));
    let mut watching = site.watch();
    let report = watching.next().await;
    assert_eq!(report.value, Verdict::Unknown, "{fault:?}");
    let detail = report.detail.unwrap();
    assert!(!detail.contains("canary"), "{detail}");
    let is_limit = matches!(fault, Fault::Limit(..));
    site.server.be_well();
    assert!(site.verifier.look_now(sha()));
    if !is_limit {
        assert_eq!(watching.next().await.value, Verdict::Failure, "{fault:?}");
    }
    detail
        .replace(site.server.api().as_str(), "API")
        .replace(site.desk.folder.path().to_str().unwrap(), "FOLDER")
}

#[tokio::test]
async fn every_bad_day_is_unknown_with_what_to_do_about_it_and_ends() {
    let faults = [
        Fault::Status(500),
        Fault::HtmlStatus(502),
        Fault::Status(403),
        Fault::Status(404),
        Fault::Status(401),
        Fault::Limit(403, vec![("retry-after", "30".to_owned())]),
        Fault::Limit(429, vec![]),
        Fault::Html,
        Fault::Garbage,
        Fault::WrongShape,
        Fault::Truncated,
        Fault::EmptyPage,
        Fault::Closed,
    ];
    let asked = faults.into_iter().map(|fault| async move {
        let name = format!("{fault:?}");
        format!("{name}: {}", detail_of(fault.clone()).await)
    });
    let told = futures_util::future::join_all(asked).await;
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn a_rate_limit_stops_every_request_even_those_that_are_pushed_until_it_is_over() {
    let site = Site::start().await;
    site.server.put_run(FakeRun::of(SHA, 7).ended("success"));
    site.server.fault(Fault::Limit(429, vec![("retry-after", "1".to_owned())]), 1);
    let began = Instant::now();
    let mut watching = site.watch();
    assert_eq!(watching.next().await.value, Verdict::Unknown);
    assert!(site.verifier.look_now(sha()));
    assert_eq!(watching.next().await.value, Verdict::Success);
    assert!(began.elapsed() >= Duration::from_secs(1), "asked during the limit");
    assert_eq!(
        site.server.seen()[..2].iter().map(|seen| seen.status).collect::<Vec<_>>(),
        [429, 200]
    );
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_told_once_and_a_valid_one_is_noticed() {
    let site = Site::start().await;
    site.server.put_run(FakeRun::of(SHA, 7).ended("success"));
    site.server.accept_tokens(&["rotated"]);
    let mut watching = site.watch();
    let detail = watching.next().await.detail.unwrap();
    let file = site.desk.folder.path().join("github-token");
    assert!(detail.ends_with(&format!("put a valid one into {}", file.display())), "{detail}");
    assert!(site.verifier.look_now(sha()));
    eventually(|| site.server.seen().len() >= 2).await;
    std::fs::write(&file, "rotated\n").unwrap();
    site.verifier.look_now(sha());
    assert_eq!(watching.next().await.value, Verdict::Success, "401 was told more than once");
    assert!(site.server.seen().iter().all(|seen| seen.token.as_deref() != Some("")));
    assert_eq!(site.server.seen()[0].token.as_deref(), Some(TOKEN));
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_when_nobody_listens_any_more() {
    let site = Site::start().await;
    site.server.fault(Fault::Hang, 1000);
    let watching = site.watch();
    eventually(|| !site.server.seen().is_empty()).await;
    drop(watching);
    eventually(|| !site.verifier.look_now(sha())).await;
}
