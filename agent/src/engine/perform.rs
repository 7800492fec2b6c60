//! From an effect to its result: the one place where the engine touches the outside world, and the
//! one map from what went wrong there to a [`Failure`].

use std::{sync::Arc, time::Duration};

use ripcord_core::{
    BackupId, CommitSha, DeploymentNumber, Effect, Failure, FailureKind, Files, Placement, Step,
    StepDone, effect::TreeReport,
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

use super::{
    probing::{self, ProbePlan},
    promotion::Promotion,
    tidying::Tidying,
};
use crate::ports::{
    Backup, Backups, Hooks, Moment, Probe, Reporter, Runtime, SecondProof, SourceRepository,
    Verifier,
};

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
    /// Where its files are saved; `None` where nothing is.
    pub backups: Option<Arc<dyn Backups>>,
    /// What it promotes from; `None` where it takes any commit of its branch.
    pub promotion: Option<Promotion>,
    /// What judges the second proof of a deployment; `None` where a certificate is enough.
    pub proof: Option<Arc<dyn SecondProof>>,
    /// The lock of its git repository, shared by all environments that use the same one.
    pub repository_lock: Arc<Mutex<()>>,
}

/// A fetch gives up by itself much earlier; this is for a disk or a Docker that hangs.
const PREPARE_DEADLINE: Duration = Duration::from_secs(15 * 60);
/// Some hundred gigabytes on a slow disk; nothing is touched meanwhile.
const BACKUP_DEADLINE: Duration = Duration::from_secs(4 * 60 * 60);
/// Compose may pull images while it recreates containers.
const RESTART_DEADLINE: Duration = Duration::from_secs(15 * 60);
/// Longer than any tree takes to write, and than another environment may keep the repository.
const RESET_DEADLINE: Duration = Duration::from_secs(45 * 60);
/// So much of a commit's subject is kept: lists and messages show one line of it.
const SUBJECT_CHARS: usize = 200;
/// How long a step waits silently for a repository that another environment uses.
const SILENT_WAIT: Duration = Duration::from_millis(500);

/// Deleting a few refs takes milliseconds; a disk that hangs must not hold up the driver.
const SETTLE_DEADLINE: Duration = Duration::from_secs(10);

/// Performs effects, one at a time.
pub(super) struct Performer {
    parts: Parts,
    /// Held from the first write to the tree until the environment settles: another environment
    /// on the same clone must not change the files under a restart.
    holding: Mutex<Option<Held>>,
    tidying: Tidying,
}

/// The repository is ours as long as one of these is there.
type Held = Arc<OwnedMutexGuard<()>>;

impl Performer {
    pub(super) fn new(parts: Parts) -> Self {
        let tidying = Tidying::new(parts.source.clone());
        Self { parts, holding: Mutex::new(None), tidying }
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(super) async fn perform(
        &self,
        effect: &Effect,
        reporter: &Reporter,
    ) -> Result<StepDone, Failure> {
        self.tidying.stop();
        match &effect.step {
            Step::Prepare { live } => {
                let prepare = self.prepare(effect, live.map(|live| live.sha), reporter);
                within(PREPARE_DEADLINE, "preparing the commit", prepare).await
            }
            Step::BackUp { of } => {
                let back_up = self.back_up(effect, *of, reporter);
                within(BACKUP_DEADLINE, "saving the files", back_up).await
            }
            Step::Reset { files } => {
                let reset = self.reset(effect, files, reporter);
                let done = within(RESET_DEADLINE, "writing the files", reset).await;
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
        let unpinned = timeout(SETTLE_DEADLINE, self.parts.source.unpin_except(needed)).await;
        if !matches!(unpinned, Ok(Ok(()))) {
            tracing::debug!(?unpinned, "pins stay until the next deployment");
        }
        self.release_repository().await;
    }

    /// All deployments have ended: there is time for what can wait.
    pub(super) fn rest(&self) {
        self.tidying.begin_if_due();
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
        self.may_be_promoted(effect.sha).await?;
        self.parts.runtime.preflight().await?;
        if let Some(backups) = &self.parts.backups {
            backups.preflight().await?;
        }
        let repository = self.lock_repository(reporter).await;
        let (source, reporter, sha) = (self.parts.source.clone(), reporter.clone(), effect.sha);
        let prepare = async move { source.prepare(sha, live, &reporter).await };
        let commit = to_its_end(effect.deployment, repository, prepare).await?;
        // Fetching takes its time, and so does waiting for the repository.
        self.may_be_promoted(effect.sha).await?;
        Ok(StepDone::Prepared {
            subject: commit.subject.chars().take(SUBJECT_CHARS).collect(),
            author: commit.author,
            older_than_live: commit.older_than_live,
            head: commit.head,
        })
    }

    /// Saves the files. The commit has to be fit for promotion still when that is done: it is the last
    /// moment at which nothing is touched.
    async fn back_up(
        &self,
        effect: &Effect,
        of: Option<Placement>,
        reporter: &Reporter,
    ) -> Result<StepDone, Failure> {
        let saved = self.backups()?.make(effect.deployment, of, reporter).await?;
        self.may_be_promoted(effect.sha).await?;
        Ok(StepDone::BackedUp(saved))
    }

    async fn may_be_promoted(&self, sha: CommitSha) -> Result<(), Failure> {
        let Some(promotion) = &self.parts.promotion else { return Ok(()) };
        let refused = |refusal: ripcord_core::Refusal| {
            Failure::new(FailureKind::NotValidated, refusal.to_string())
        };
        promotion.accepts(sha).await.map_err(refused)
    }

    fn backups(&self) -> Result<&Arc<dyn Backups>, Failure> {
        let message = "no backup is configured here any more: add [environments.NAME.backup]";
        self.parts.backups.as_ref().ok_or_else(|| Failure::new(FailureKind::Backup, message))
    }

    async fn reset(
        &self,
        effect: &Effect,
        files: &Files,
        reporter: &Reporter,
    ) -> Result<StepDone, Failure> {
        let report = match files {
            Files::Commit => self.write_commit(effect, reporter).await?,
            Files::AsTheyWere if self.parts.source.remembers() => {
                self.write_commit(effect, reporter).await?
            }
            Files::AsTheyWere => self.bring_back(effect, reporter).await?,
            Files::Backup(id) => {
                // git's own idea of what is there has to follow; the backup's files come last.
                if self.parts.source.remembers() {
                    self.backups()?.verify(id, reporter).await?;
                    self.write_commit(effect, reporter).await?;
                }
                self.backups()?.restore(id, effect.deployment, reporter).await?
            }
        };
        Ok(StepDone::Reset(report))
    }

    async fn write_commit(
        &self,
        effect: &Effect,
        reporter: &Reporter,
    ) -> Result<TreeReport, Failure> {
        let held = self.hold_repository(reporter).await;
        let Effect { deployment, sha, .. } = *effect;
        let (source, reporter) = (self.parts.source.clone(), reporter.clone());
        let reset = async move { source.reset(deployment, sha, &reporter).await };
        to_its_end(deployment, held, reset).await
    }

    /// Brings files back that no git reset can: from the newest backup of them that is whole, else as a
    /// deployment brings them.
    async fn bring_back(
        &self,
        effect: &Effect,
        reporter: &Reporter,
    ) -> Result<TreeReport, Failure> {
        for id in self.backups_of(effect.sha).await? {
            match self.backups()?.restore(&id, effect.deployment, reporter).await {
                Ok(report) => return Ok(report),
                Err(failure) => reporter.remark(format!("backup {id}: {failure}")).await,
            }
        }
        let short = effect.sha.short();
        if effect.sha == CommitSha::UNKNOWN {
            let message = "no backup of what ran before the first deployment can be restored; nothing \
                           was touched";
            return Err(Failure::new(FailureKind::Unrestorable, message));
        }
        reporter.remark(format!("no backup of {short} can be used: promoting it again")).await;
        self.write_commit(effect, reporter).await
    }

    async fn backups_of(&self, sha: CommitSha) -> Result<Vec<BackupId>, Failure> {
        let Some(backups) = &self.parts.backups else { return Ok(Vec::new()) };
        let of =
            |backup: &Backup| backup.damage.is_none() && backup.of.is_some_and(|of| of.sha == sha);
        Ok(backups.list().await?.into_iter().filter(of).map(|backup| backup.id).collect())
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
