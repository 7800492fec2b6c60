//! The tasks that wait for verdicts: one per watched deployment, started and stopped by the state.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use ripcord_core::{DeploymentNumber, Environment, Verdict, VerdictReport, Watch};
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};

use super::{driver::Happening, relay::relay};
use crate::ports::{Reporter, Verifier};

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
    running: BTreeMap<DeploymentNumber, JoinHandle<()>>,
}

impl Watches {
    pub(super) fn new(
        verifier: Option<Arc<dyn Verifier>>,
        happenings: mpsc::Sender<Happening>,
    ) -> Self {
        Self { verifier, happenings, running: BTreeMap::new() }
    }

    /// Runs exactly the watches that `state` asks for.
    pub(super) fn follow(&mut self, state: &Environment) {
        let wanted: BTreeMap<_, _> =
            state.watches().map(|watch| (watch.deployment, watch)).collect();
        self.running.retain(|number, task| {
            let keep = wanted.contains_key(number);
            if !keep {
                task.abort();
            }
            keep
        });
        for (number, watch) in wanted {
            if let (false, Some(verifier)) = (self.running.contains_key(&number), &self.verifier) {
                let task = watch_one(verifier.clone(), watch, self.happenings.clone());
                self.running.insert(number, tokio::spawn(task));
            }
        }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.running.values().for_each(JoinHandle::abort);
    }
}

/// Runs the source until it has said all. A source that panics is one that cannot be asked: it is
/// said to be unknown, which decides nothing, and asked again.
async fn watch_one(verifier: Arc<dyn Verifier>, watch: Watch, happenings: mpsc::Sender<Happening>) {
    let Watch { deployment, sha, .. } = watch;
    loop {
        let (reporter, story) = Reporter::channel(WAITING_WORDS);
        let (reports, verdicts) = mpsc::channel(WAITING_REPORTS);
        let watching = verifier.watch(deployment, sha, &reporter, reports);
        let watching = AssertUnwindSafe(watching).catch_unwind();
        if relay(deployment, &happenings, story, verdicts, watching).await.is_ok() {
            return;
        }
        let report = VerdictReport::of(Verdict::Unknown);
        let _ = happenings.send(Happening::Verdict { deployment, report }).await;
        sleep(AFTER_A_PANIC).await;
    }
}
