//! A day without GitHub, in no time: the source is a script, the clock is paused.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use ripcord_agent::{
    ports::{CannotAsk, Reporter, RunSource, Verifier as _},
    verify::github::{GithubVerifier, Poller},
};
use ripcord_core::{
    Pace, Verdict,
    ci::{Conclusion, Run, Status, Wanted},
};
use tokio::time::{Instant, sleep};

use crate::{
    client::SHA,
    watcher::{Watching, question, sha, verifier},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A source that is down, limited or well, and notes when it was asked.
#[derive(Default)]
struct Script {
    is_down: AtomicBool,
    panics: AtomicBool,
    limited_for: Mutex<Option<Duration>>,
    asked: Mutex<Vec<Instant>>,
}

impl Script {
    fn asked(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl RunSource for Script {
    async fn runs(&self, wanted: &Wanted) -> Result<Vec<Run>, CannotAsk> {
        self.asked.lock().unwrap().push(Instant::now());
        assert!(!self.panics.swap(false, Ordering::SeqCst), "a bug");
        if let Some(wait) = self.limited_for.lock().unwrap().take() {
            let detail = "the rate limit is used up".to_owned();
            return Err(CannotAsk { detail, retry_at: Some(Instant::now() + wait) });
        }
        if self.is_down.load(Ordering::SeqCst) {
            return Err(CannotAsk { detail: "down".to_owned(), retry_at: None });
        }
        Ok(vec![Run {
            id: 1,
            workflow: ".github/workflows/ci.yml".to_owned(),
            event: wanted.event.clone(),
            branch: Some(wanted.branch.clone()),
            sha: SHA.to_owned(),
            number: 1,
            attempt: 1,
            status: Status::Completed,
            conclusion: Some(Conclusion::Success),
            url: String::new(),
        }])
    }

    async fn failed_jobs(&self, _: &Run) -> Result<Vec<String>, CannotAsk> {
        Ok(Vec::new())
    }
}

fn watch(script: &Arc<Script>, pace: Pace) -> (Watching, Arc<GithubVerifier>) {
    let verifier = verifier(&Poller::start(script.clone()), &["ci.yml"], Duration::from_secs(10));
    (Watching::start(verifier.clone(), pace, Duration::ZERO), verifier)
}

#[tokio::test(start_paused = true)]
async fn a_day_without_github_is_told_once_asked_gently_and_ends_within_minutes() {
    let script = Arc::new(Script::default());
    script.is_down.store(true, Ordering::SeqCst);
    let (mut watching, _verifier) = watch(&script, Pace::Prompt);
    assert_eq!(watching.next().await.value, Verdict::Unknown);
    sleep(DAY).await;
    assert!(watching.reports.try_recv().is_err(), "told more than once");
    let asked = script.asked();
    assert!((250..400).contains(&asked.len()), "asked {} times in a day", asked.len());
    let pauses: Vec<_> = asked.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses[0] >= Duration::from_secs(10) && pauses[0] <= Duration::from_secs(13));
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(301)), "{pauses:?}");
    script.is_down.store(false, Ordering::SeqCst);
    let well_since = Instant::now();
    assert_eq!(watching.reports.recv().await.unwrap().value, Verdict::Success);
    assert!(well_since.elapsed() <= Duration::from_secs(301));
}

#[tokio::test(start_paused = true)]
async fn who_begins_to_wait_while_nothing_can_be_asked_is_told_so_at_once() {
    let script = Arc::new(Script::default());
    *script.limited_for.lock().unwrap() = Some(Duration::from_secs(1800));
    let (mut first, verifier) = watch(&script, Pace::Prompt);
    assert_eq!(first.next().await.value, Verdict::Unknown);
    let (sender, mut reports) = tokio::sync::mpsc::channel(8);
    let (reporter, _story) = Reporter::channel(8);
    let began = Instant::now();
    let second = verifier.watch(question(Pace::Prompt, Duration::ZERO), &reporter, sender);
    tokio::select! {
        () = second => panic!("the watch ended"),
        report = reports.recv() => assert_eq!(report.unwrap().value, Verdict::Unknown),
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_kept_to_the_second_whatever_is_pushed_meanwhile() {
    let script = Arc::new(Script::default());
    *script.limited_for.lock().unwrap() = Some(Duration::from_secs(1800));
    let (mut watching, verifier) = watch(&script, Pace::Prompt);
    watching.next().await;
    for _ in 0..100 {
        assert!(verifier.look_now(sha()));
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(script.asked().len(), 1);
    sleep(Duration::from_secs(801)).await;
    let asked = script.asked();
    assert!(asked.len() > 1 && asked[1] - asked[0] >= Duration::from_secs(1800));
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_pushed_looks_is_one_request_a_second() {
    let script = Arc::new(Script::default());
    let (mut watching, verifier) = watch(&script, Pace::Late);
    watching.next().await;
    for _ in 0..1000 {
        verifier.look_now(sha());
        sleep(Duration::from_millis(10)).await;
    }
    let asked = script.asked();
    assert!(asked.len() <= 12, "asked {} times in 10 s", asked.len());
    assert!(asked.windows(2).all(|two| two[1] - two[0] >= Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_while_nobody_listens() {
    let script = Arc::new(Script::default());
    let (mut watching, _verifier) = watch(&script, Pace::Prompt);
    watching.next().await;
    drop(watching);
    sleep(Duration::from_secs(1)).await;
    let asked = script.asked().len();
    sleep(DAY).await;
    assert_eq!(script.asked().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_bug_in_the_source_is_unknown_and_the_next_look_is_made() {
    let script = Arc::new(Script::default());
    script.panics.store(true, Ordering::SeqCst);
    let (mut watching, _verifier) = watch(&script, Pace::Prompt);
    assert_eq!(watching.reports.recv().await.unwrap().value, Verdict::Unknown);
    assert_eq!(watching.reports.recv().await.unwrap().value, Verdict::Success);
}
