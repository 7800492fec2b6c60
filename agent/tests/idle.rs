//! An agent that has nothing to do does nothing: it sleeps until somebody or something wakes it.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ripcord_proto::v1::Outcome;
use support::site::{Agent, Site, deploy, request};

/// What a thread did so far.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    /// How often it went to sleep by itself: so often it had been woken.
    sleeps: u64,
    /// Nanoseconds on a processor.
    busy: u64,
}

/// What the threads of an agent did, by their numbers.
fn done(agent: &Agent) -> BTreeMap<String, Done> {
    let threads = PathBuf::from(format!("/proc/{}/task", agent.process.id()));
    let threads = fs::read_dir(threads).unwrap().map(|thread| thread.unwrap().path());
    threads.filter_map(|thread| Some((thread.display().to_string(), done_by(&thread)?))).collect()
}

/// `None`: it has just ended.
fn done_by(thread: &Path) -> Option<Done> {
    let status = fs::read_to_string(thread.join("status")).ok()?;
    let sleeps = status.lines().find_map(|it| it.strip_prefix("voluntary_ctxt_switches:"))?;
    let busy = fs::read_to_string(thread.join("schedstat")).ok()?;
    let busy = busy.split(' ').next()?.parse().ok()?;
    Some(Done { sleeps: sleeps.trim().parse().ok()?, busy })
}

/// What was done between two looks; a thread that has ended meanwhile had been idle for ten seconds.
fn between(before: &BTreeMap<String, Done>, after: &BTreeMap<String, Done>) -> Done {
    after.iter().fold(Done::default(), |sum, (thread, now)| {
        let then = before.get(thread).copied().unwrap_or_default();
        let (sleeps, busy) = (now.sleeps - then.sleeps, now.busy - then.busy);
        Done { sleeps: sum.sleeps + sleeps, busy: sum.busy + busy }
    })
}

/// How often an agent wakes in so many seconds, whose application runs and whose people sleep.
async fn sleeps_within(seconds: u64) -> u64 {
    let site = Site::new().await;
    let agent = site.start(&site.environment("lab", "when = \"none\""));
    let sha = site.git.pushed("second");
    let told = deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    // What the deployment left to do is not idleness.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = done(&agent);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let Done { sleeps, busy } = between(&before, &done(&agent));
    eprintln!("in {seconds} s: woken {sleeps} times, busy for {} µs", busy / 1000);
    sleeps
}

#[tokio::test]
async fn an_agent_without_work_hardly_ever_wakes() {
    let sleeps = sleeps_within(5).await;
    assert!(sleeps <= 4, "woken {sleeps} times in five seconds");
}

#[tokio::test]
#[ignore = "takes a minute; prints a figure"]
async fn what_an_idle_agent_costs_in_a_minute() {
    sleeps_within(60).await;
}
