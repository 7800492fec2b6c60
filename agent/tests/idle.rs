//! An agent that has nothing to do does nothing: it sleeps until somebody or something wakes it.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{fs, path::PathBuf, time::Duration};

use ripcord_proto::v1::Outcome;
use support::site::{Agent, Site, deploy, request};

/// What the threads of a process did so far.
#[derive(Debug, Clone, Copy)]
struct Done {
    /// How often one of them went to sleep by itself: so often it had been woken.
    sleeps: u64,
    /// Nanoseconds on a processor.
    busy: u64,
}

fn done(agent: &Agent) -> Done {
    let threads = PathBuf::from(format!("/proc/{}/task", agent.process.id()));
    let each = fs::read_dir(threads).unwrap().map(|thread| {
        let thread = thread.unwrap().path();
        let status = fs::read_to_string(thread.join("status")).unwrap();
        let sleeps = status.lines().find_map(|it| it.strip_prefix("voluntary_ctxt_switches:"));
        let busy = fs::read_to_string(thread.join("schedstat")).unwrap();
        let busy = busy.split(' ').next().unwrap().parse().unwrap();
        Done { sleeps: sleeps.unwrap().trim().parse().unwrap(), busy }
    });
    each.fold(Done { sleeps: 0, busy: 0 }, |sum, one| Done {
        sleeps: sum.sleeps + one.sleeps,
        busy: sum.busy + one.busy,
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
    let after = done(&agent);
    let (sleeps, busy) = (after.sleeps - before.sleeps, after.busy - before.busy);
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
