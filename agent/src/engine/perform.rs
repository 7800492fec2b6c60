//! From an effect to its result: the one place where the engine touches the outside world, and the
//! one map from what went wrong there to a [`Failure`].

use std::{sync::Arc, time::Duration};

use ripcord_core::{CommitSha, DeploymentNumber, Effect, Failure, FailureKind, Step, StepDone};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

use super::probing::{self, ProbePlan};
use crate::ports::{Hooks, Moment, Probe, Reporter, Runtime, SourceRepository, Verifier};

/// What an environment is made of.
pub struct Parts {
    /// Its repository.
    pub source: Arc<dyn SourceRepository>,
    /// What runs its application.
    pub runtime: Arc<dyn Runtime>,
    /// How its health is seen from outside; `None` leaves it to the runtime.
    pub probe: Option<Arc<dyn Probe>>,
    /// When it counts as healthy.
    pub probe_plan: ProbePlan,
    /// The operator's commands.
    pub hooks: Arc<dyn Hooks>,
    /// Where verdicts come from; `None` when nothing is verified.
    pub verifier: Option<Arc<dyn Verifier>>,
    /// The lock of its git repository, shared by all environments that use the same one.
    pub repository_lock: Arc<Mutex<()>>,
}

/// A fetch gives up by itself much earlier; this is for a disk or a Docker that hangs.
const PREPARE_DEADLINE: Duration = Duration::from_secs(15 * 60);
/// Compose may pull images while it recreates containers.
const RESTART_DEADLINE: Duration = Duration::from_secs(15 * 60);
/// Longer than any tree takes to write, and than another environment may keep the repository.
const RESET_DEADLINE: Duration = Duration::from_secs(45 * 60);
/// So much of a commit's subject is kept: lists and messages show one line of it.
const SUBJECT_CHARS: usize = 200;
/// How long a step waits silently for a repository that another environment uses.
const SILENT_WAIT: Duration = Duration::from_millis(500);

/// Performs effects, one at a time.
pub(super) struct Performer {
    parts: Parts,
    /// Held from the first write to the tree until the environment settles: another environment
    /// on the same clone must not change the files under a restart.
    holding: Mutex<Option<Held>>,
}

/// The repository is ours as long as one of these is there.
type Held = Arc<OwnedMutexGuard<()>>;

impl Performer {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts, holding: Mutex::new(None) }
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(super) async fn perform(
        &self,
        effect: &Effect,
        reporter: &Reporter,
    ) -> Result<StepDone, Failure> {
        match effect.step {
            Step::Prepare { live } => {
                let prepare = self.prepare(effect, live.map(|live| live.sha), reporter);
                within(PREPARE_DEADLINE, "preparing the commit", prepare).await
            }
            Step::Reset => {
                let reset = self.reset(effect, reporter);
                let done = within(RESET_DEADLINE, "writing the work tree", reset).await;
                if done.is_err() {
                    // Whatever comes next waits for a reset that still writes.
                    self.release_repository().await;
                }
                done
            }
            Step::Restart => {
                let restart = self.restart(effect, reporter);
                within(RESTART_DEADLINE, "restarting the application", restart).await
            }
            Step::Probe => self.probe(reporter).await,
        }
    }

    /// Nothing runs any more: lets go of the commits that no rollback needs, and lets other
    /// environments use the repository.
    pub(super) async fn settle(&self, needed: &[CommitSha]) {
        if let Err(failure) = self.parts.source.unpin_except(needed).await {
            tracing::debug!(%failure, "pins stay");
        }
        self.release_repository().await;
    }

    async fn release_repository(&self) {
        *self.holding.lock().await = None;
    }

    async fn prepare(
        &self,
        effect: &Effect,
        live: Option<CommitSha>,
        reporter: &Reporter,
    ) -> Result<StepDone, Failure> {
        // A new deployment begins: what the one before did to the tree has settled.
        self.release_repository().await;
        self.parts.runtime.preflight().await?;
        let repository = self.lock_repository(reporter).await;
        let (source, reporter, sha) = (self.parts.source.clone(), reporter.clone(), effect.sha);
        let prepare = async move { source.prepare(sha, live, &reporter).await };
        let commit = to_its_end(effect.deployment, repository, prepare).await?;
        Ok(StepDone::Prepared {
            subject: commit.subject.chars().take(SUBJECT_CHARS).collect(),
            author: commit.author,
            older_than_live: commit.older_than_live,
            head: commit.head,
        })
    }

    async fn reset(&self, effect: &Effect, reporter: &Reporter) -> Result<StepDone, Failure> {
        let held = self.hold_repository(reporter).await;
        let Effect { deployment, sha, .. } = *effect;
        let (source, reporter) = (self.parts.source.clone(), reporter.clone());
        let reset = async move { source.reset(deployment, sha, &reporter).await };
        Ok(StepDone::Reset(to_its_end(deployment, held, reset).await?))
    }

    async fn restart(&self, effect: &Effect, reporter: &Reporter) -> Result<StepDone, Failure> {
        self.hook(Moment::BeforeRestart, effect, reporter).await?;
        let detail = self.parts.runtime.restart(reporter).await?;
        self.hook(Moment::AfterRestart, effect, reporter).await?;
        Ok(StepDone::Restarted { detail })
    }

    async fn hook(
        &self,
        moment: Moment,
        effect: &Effect,
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        self.parts.hooks.run(moment, effect.deployment, effect.sha, reporter).await
    }

    async fn probe(&self, reporter: &Reporter) -> Result<StepDone, Failure> {
        let Parts { probe_plan, runtime, probe, .. } = &self.parts;
        probing::until_healthy(probe_plan, runtime.as_ref(), probe.as_deref(), reporter).await
    }

    async fn hold_repository(&self, reporter: &Reporter) -> Held {
        let mut holding = self.holding.lock().await;
        if let Some(held) = &*holding {
            return held.clone();
        }
        let held = self.lock_repository(reporter).await;
        holding.insert(held).clone()
    }

    async fn lock_repository(&self, reporter: &Reporter) -> Held {
        let lock = self.parts.repository_lock.clone().lock_owned();
        tokio::pin!(lock);
        if let Ok(guard) = timeout(SILENT_WAIT, &mut lock).await {
            return Arc::new(guard);
        }
        reporter.remark("waiting for another environment that uses the same repository").await;
        Arc::new(lock.await)
    }
}

/// Does git's `work`, which nobody can cut off in the middle: when its step runs out of time it goes
/// on without one, and keeps the repository until it ends, so that nobody writes beside it.
async fn to_its_end<T: Send + 'static>(
    deployment: DeploymentNumber,
    repository: Held,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let work = tokio::spawn(async move {
        let result = work.await;
        drop(repository);
        result
    });
    work.await.unwrap_or_else(|_| Err(task_lost(deployment)))
}

async fn within(
    deadline: Duration,
    what: &str,
    work: impl Future<Output = Result<StepDone, Failure>>,
) -> Result<StepDone, Failure> {
    timeout(deadline, work).await.unwrap_or_else(|_| {
        let message = format!("{what} took longer than {} min", deadline.as_secs() / 60);
        Err(Failure::new(FailureKind::Timeout, message))
    })
}

/// A task that ended without an answer: it panicked, or the runtime is going away.
pub(super) fn task_lost(deployment: DeploymentNumber) -> Failure {
    let message = format!("the agent lost the step of {deployment}: this is a bug of the agent");
    Failure::new(FailureKind::Internal, message)
}
