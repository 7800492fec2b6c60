//! The tasks that wait for verdicts: one per watched deployment, started and stopped by the state.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use ripcord_core::{DeploymentNumber, Environment, Pace, Timestamp, Verdict, VerdictReport, Watch};
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};

use super::relay::{Happening, relay};
use crate::ports::{Question, Reporter, Verifier};

/// How many reports of one source may wait for the driver.
const WAITING_REPORTS: usize = 8;
/// How much of what a source tells may wait for the driver.
const WAITING_WORDS: usize = 256;
/// A source that panicked is asked again after so long.
const AFTER_A_PANIC: Duration = Duration::from_secs(30);

/// The verdict sources that run now.
pub(super) struct Watches {
    verifier: Option<Arc<dyn Verifier>>,
    happenings: mpsc::Sender<Happening>,
    running: BTreeMap<DeploymentNumber, (Pace, JoinHandle<()>)>,
}

impl Watches {
    pub(super) fn new(
        verifier: Option<Arc<dyn Verifier>>,
        happenings: mpsc::Sender<Happening>,
    ) -> Self {
        Self { verifier, happenings, running: BTreeMap::new() }
    }

    /// Runs exactly the watches that `state` asks for at `now`.
    pub(super) fn follow(&mut self, state: &Environment, now: Timestamp) {
        let wanted: BTreeMap<_, _> =
            state.watches().map(|watch| (watch.deployment, watch)).collect();
        self.running.retain(|number, (pace, task)| {
            let keep = wanted.get(number).is_some_and(|watch| watch.pace == *pace);
            if !keep {
                task.abort();
            }
            keep
        });
        for (number, watch) in wanted {
            if let (false, Some(verifier)) = (self.running.contains_key(&number), &self.verifier) {
                let Watch { deployment, sha, since, pace } = watch;
                let awaited = Duration::from_millis(now.since(since));
                let question = Question { deployment, sha, awaited, pace };
                let task = watch_one(verifier.clone(), question, self.happenings.clone());
                self.running.insert(number, (pace, tokio::spawn(task)));
            }
        }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.running.values().for_each(|(_, task)| task.abort());
    }
}

/// Runs the source until it has said all. A source that panics is one that cannot be asked: it is
/// said to be unknown, which decides nothing, and asked again.
async fn watch_one(
    verifier: Arc<dyn Verifier>,
    question: Question,
    happenings: mpsc::Sender<Happening>,
) {
    let deployment = question.deployment;
    loop {
        let (reporter, story) = Reporter::channel(WAITING_WORDS);
        let (reports, verdicts) = mpsc::channel(WAITING_REPORTS);
        let watching = verifier.watch(question, &reporter, reports);
        let watching = AssertUnwindSafe(watching).catch_unwind();
        if relay(deployment, &happenings, story, verdicts, watching).await.is_ok() {
            return;
        }
        let report = VerdictReport::of(Verdict::Unknown);
        let _ = happenings.send(Happening::Verdict { deployment, report }).await;
        sleep(AFTER_A_PANIC).await;
    }
}
