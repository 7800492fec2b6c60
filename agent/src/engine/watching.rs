//! The tasks that wait for verdicts: one per watched deployment, started and stopped by the state.

use std::{collections::BTreeMap, sync::Arc};

use ripcord_core::{DeploymentNumber, Environment, Watch};
use tokio::{sync::mpsc, task::JoinHandle};

use super::driver::{Happening, relay};
use crate::ports::{Reporter, Verifier};

/// How many reports of one source may wait for the driver.
const WAITING_REPORTS: usize = 8;

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

async fn watch_one(verifier: Arc<dyn Verifier>, watch: Watch, happenings: mpsc::Sender<Happening>) {
    let Watch { deployment, sha, .. } = watch;
    let (reports, mut reported) = mpsc::channel(WAITING_REPORTS);
    relay(deployment, &happenings, async |reporter: Reporter| {
        let watching = verifier.watch(deployment, sha, &reporter, reports);
        let passing_on = async {
            while let Some(report) = reported.recv().await {
                let _ = happenings.send(Happening::Verdict { deployment, report }).await;
            }
        };
        tokio::join!(watching, passing_on);
    })
    .await;
}
