//! The way from a task to its driver: what the task tells arrives in the order in which it was told.

use std::{pin::pin, sync::Arc};

use ripcord_core::{DeploymentNumber, Effect, Failure, StepDone, VerdictReport};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::perform::{Performer, task_lost};
use crate::ports::{Reporter, Told};

/// How much of what steps tell may wait: a chatty command is slowed down, the agent does not grow.
pub(super) const WAITING_HAPPENINGS: usize = 256;

/// What reaches a driver from its own tasks.
pub(super) enum Happening {
    Told { deployment: DeploymentNumber, told: Told },
    StepEnded { deployment: DeploymentNumber, result: Result<StepDone, Failure> },
    Verdict { deployment: DeploymentNumber, report: VerdictReport },
    Baked { deployment: DeploymentNumber, result: Result<(), String> },
}

/// Runs `work`, and passes on what it tells: of what waits, the story first, so that a verdict never
/// overtakes the output that explains it. Returns when `work` has ended and all that it told is on
/// its way; something that it left behind, such as a git call that hangs, is not waited for.
pub(super) async fn relay<T>(
    deployment: DeploymentNumber,
    happenings: &mpsc::Sender<Happening>,
    mut story: mpsc::Receiver<Told>,
    mut verdicts: mpsc::Receiver<VerdictReport>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    let ended = loop {
        let happening = tokio::select! {
            biased;
            Some(told) = story.recv() => Happening::Told { deployment, told },
            Some(report) = verdicts.recv() => Happening::Verdict { deployment, report },
            ended = &mut work => break ended,
        };
        let _ = happenings.send(happening).await;
    };
    story.close();
    while let Some(told) = story.recv().await {
        let _ = happenings.send(Happening::Told { deployment, told }).await;
    }
    verdicts.close();
    while let Some(report) = verdicts.recv().await {
        let _ = happenings.send(Happening::Verdict { deployment, report }).await;
    }
    ended
}

/// Performs `effect`, and passes on what it tells and how it ended.
pub(super) async fn step(
    performer: Arc<Performer>,
    effect: Effect,
    happenings: mpsc::Sender<Happening>,
) {
    let deployment = effect.deployment;
    let (reporter, story) = Reporter::channel(WAITING_HAPPENINGS);
    let (_, no_verdicts) = mpsc::channel(1);
    let work = async move { performer.perform(&effect, &reporter).await };
    let work = AbortOnDropHandle::new(tokio::spawn(work));
    let ended = relay(deployment, &happenings, story, no_verdicts, work).await;
    let result = ended.unwrap_or_else(|_| Err(task_lost(deployment)));
    let _ = happenings.send(Happening::StepEnded { deployment, result }).await;
}
