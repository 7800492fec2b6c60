//! The way from a task to its driver: what the task tells arrives in the order in which it was told.

use std::pin::pin;

use ripcord_core::{DeploymentNumber, Failure, StepDone, VerdictReport};
use tokio::sync::mpsc;

use crate::ports::Told;

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
