//! What the rest of the agent holds of an environment: a way to ask, and a way to look.

use std::sync::Arc;

use ripcord_core::{
    Admission, Answer, CommitSha, Deployment, DeploymentNumber, Environment, EnvironmentName,
    Identity, Input, Looked, Phase, Refusal, RequestId, RollbackRequest, Timestamp, Watch,
    admission,
    stats::{Statistics, Window},
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{about::About, clock::Clock, observe::Observer, promotion::Promotion, proof::Carried};
use crate::{
    journal::{Journal, JournalError},
    ports::{Activity, Backups, Sample, SecondProof, SourceRepository, Verifier},
};

/// One environment, as the rest of the agent sees it. Cheap to clone.
#[derive(Clone)]
pub struct EnvironmentHandle {
    /// Its name.
    pub name: EnvironmentName,
    /// What people read of it.
    pub about: Arc<About>,
    /// The state, as of the last journaled event.
    pub state: watch::Receiver<Arc<Environment>>,
    /// How far the running step has come.
    pub activity: watch::Receiver<Option<ActivityNow>>,
    /// Whether what the last agent left open is finished, rolled back, or stranded.
    pub recovered: watch::Receiver<bool>,
    /// How it looks from outside.
    pub observer: Arc<Observer>,
    /// What it promotes from; `None` where it takes any commit of its branch.
    pub promotion: Option<Promotion>,
    /// Where its files are saved; `None` where nothing is.
    pub backups: Option<Arc<dyn Backups>>,
    /// Its repository, to tell what lies between two commits.
    pub repository: Arc<dyn SourceRepository>,
    /// What judges the second proof of a deployment; `None` where a certificate is enough.
    pub proof: Option<Arc<dyn SecondProof>>,
    pub(super) verifier: Option<Arc<dyn Verifier>>,
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) journal: Journal,
    pub(super) clock: Clock,
}

/// How far a running step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityNow {
    /// Whose step.
    pub deployment: DeploymentNumber,
    /// In which phase.
    pub phase: Phase,
    /// How far.
    pub activity: Activity,
}

/// Something that is asked of a driver.
pub(super) struct Request {
    pub(super) asked: Asked,
    pub(super) reply: oneshot::Sender<Result<Answer, EngineError>>,
}

pub(super) enum Asked {
    /// The core decides.
    Decide(Input),
    /// Refused before the core was asked: journaled and told all the same.
    Refuse { sha: Option<CommitSha>, by: Identity, refusal: Refusal },
}

/// Why the engine did not answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// What happened could not be journaled, so nothing was done.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The agent is going away.
    #[error("the agent is shutting down")]
    ShuttingDown,
    /// There is no such deployment.
    #[error("{environment} has no deployment {number}")]
    UnknownDeployment {
        /// Where it was looked for.
        environment: EnvironmentName,
        /// Which one.
        number: DeploymentNumber,
    },
    /// The commit never was deployed here.
    #[error("{sha} never was deployed to {environment}; see `ripcord history {environment}`")]
    NeverDeployed {
        /// Where it was looked for.
        environment: EnvironmentName,
        /// Which commit.
        sha: CommitSha,
    },
    /// A backup cannot be used, or there are none.
    #[error("{why}")]
    Backup {
        /// What is wrong, and what to do.
        why: String,
    },
    /// The commit never went live here.
    #[error("{sha} never was live on {environment}; see `ripcord history {environment}`")]
    NeverLive {
        /// Where it was looked for.
        environment: EnvironmentName,
        /// Which commit.
        sha: CommitSha,
    },
}

impl EnvironmentHandle {
    /// Asks for a deployment.
    ///
    /// # Errors
    /// When the journal or the driver does not answer; a refusal is an [`Answer`].
    pub async fn deploy(
        &self,
        request: ripcord_core::DeployRequest,
        confirm: &str,
        carried: &Carried,
    ) -> Result<Answer, EngineError> {
        if let Some(made) = self.made_by(request.request_id.as_ref()).await? {
            return match admission::repeats(&made, Some(request.sha)) {
                Ok(number) => Ok(Answer::Joined(number)),
                Err(refusal) => self.refuse(Some(request.sha), request.by, refusal).await,
            };
        }
        if let Some(refusal) = self.door(request.sha, Some(confirm)).await {
            return self.refuse(Some(request.sha), request.by, refusal).await;
        }
        match self.unproven(request.sha, &request.by, carried).await? {
            Some(refused) => Ok(refused),
            None => self.ask(Asked::Decide(Input::Deploy(request))).await,
        }
    }

    /// What speaks against a deployment before the state is asked: the configuration, the
    /// confirmation (`None`: nobody was asked for it yet), and what the environment promotes from.
    pub async fn door(&self, sha: CommitSha, confirm: Option<&str>) -> Option<Refusal> {
        let missing = self.about.unavailable.clone().map(|what| Refusal::Unavailable { what });
        let expected = self.about.confirm.as_deref();
        let unconfirmed = || admission::refuse_unconfirmed(expected, confirm?);
        if let Some(refusal) = missing.or_else(unconfirmed) {
            return Some(refusal);
        }
        self.promotion.as_ref()?.accepts(sha).await.err()
    }

    /// The commit that a request means which names none.
    ///
    /// # Errors
    /// The refusal, when nothing says which one.
    pub fn implied_commit(&self) -> Result<CommitSha, Refusal> {
        self.promotion.as_ref().ok_or(Refusal::CommitNeeded)?.newest()
    }

    /// What speaks against a rollback before anything is touched: there are no files to go back to,
    /// or nothing that could restart the application on them. Begun all the same, it would strand
    /// what runs now.
    pub async fn door_back(&self, request: &RollbackRequest) -> Option<Refusal> {
        let what = match self.about.absent.clone() {
            Some(absent) => Some(absent),
            None if self.would_begin(request) => {
                let unreachable = self.observer.reachable().await.err();
                unreachable.map(|failure| format!("the application cannot be restarted: {failure}"))
            }
            None => None,
        };
        what.map(|what| Refusal::Unavailable { what })
    }

    /// Whether the rollback would do something, as opposed to joining one or being refused.
    fn would_begin(&self, request: &RollbackRequest) -> bool {
        let admission = admission::admit_rollback(&self.state.borrow(), request);
        matches!(admission, Ok((Admission::Start | Admission::Queue, _)))
    }

    /// Asks for a rollback.
    ///
    /// # Errors
    /// When the journal or the driver does not answer; a refusal is an [`Answer`].
    pub async fn rollback(&self, request: RollbackRequest) -> Result<Answer, EngineError> {
        let Some(made) = self.made_by(request.request_id.as_ref()).await? else {
            return match self.door_back(&request).await {
                Some(refusal) => self.refuse(None, request.by, refusal).await,
                None => self.ask(Asked::Decide(Input::Rollback(request))).await,
            };
        };
        match admission::repeats(&made, None) {
            Ok(number) => Ok(Answer::Joined(number)),
            Err(refusal) => self.refuse(None, request.by, refusal).await,
        }
    }

    /// Puts the environment on hold.
    ///
    /// # Errors
    /// When the journal or the driver does not answer.
    pub async fn hold(&self, by: Identity, reason: String) -> Result<Answer, EngineError> {
        self.ask(Asked::Decide(Input::Hold { by, reason })).await
    }

    /// Lifts a hold.
    ///
    /// # Errors
    /// When the journal or the driver does not answer.
    pub async fn resume(&self, by: Identity) -> Result<Answer, EngineError> {
        self.ask(Asked::Decide(Input::Resume { by })).await
    }

    /// Makes the source look now for the verdicts that are awaited, or for `only` that one's;
    /// answers whose it looks for.
    #[must_use]
    pub fn look_now(&self, only: Option<DeploymentNumber>) -> Vec<DeploymentNumber> {
        let Some(verifier) = &self.verifier else { return Vec::new() };
        let state = self.state.borrow().clone();
        let meant = |watch: &Watch| only.is_none_or(|only| only == watch.deployment);
        let looking = state.watches().filter(meant).filter(|watch| verifier.look_now(watch.sha));
        looking.map(|watch| watch.deployment).collect()
    }

    /// Records a person's verdict on a commit that was deployed here, or waits at the gate.
    ///
    /// # Errors
    /// When the commit never was deployed here, or the journal or the driver does not answer.
    pub async fn operator_verdict(
        &self,
        sha: CommitSha,
        good: bool,
        by: Identity,
        reason: String,
    ) -> Result<Answer, EngineError> {
        let gated = self.gated(sha);
        let newest = match gated {
            Some(gated) => Some(gated),
            None => self.journal.newest_of(&self.name, sha).await?,
        };
        let never = || EngineError::NeverDeployed { environment: self.name.clone(), sha };
        let on = newest.ok_or_else(never)?.placement();
        self.ask(Asked::Decide(Input::OperatorVerdict { on, good, by, reason })).await
    }

    /// Tells what the monitor found, and found again.
    pub(super) async fn looked(&self, seen: Sample) -> Result<(), EngineError> {
        let Sample { ok, status, wrong_content, detail } = seen;
        let looked = Looked { ok, status, wrong_content, detail };
        self.ask(Asked::Decide(Input::Looked(looked))).await.map(drop)
    }

    fn gated(&self, sha: CommitSha) -> Option<Deployment> {
        let state = self.state.borrow();
        let active = state.active_deployment()?;
        (active.phase == Phase::Gating && active.sha == sha).then(|| active.clone())
    }

    /// One deployment, as it stands.
    ///
    /// # Errors
    /// When there is none with this number, or the journal does not answer.
    pub async fn deployment(&self, number: DeploymentNumber) -> Result<Deployment, EngineError> {
        let environment = self.name.clone();
        let deployment = self.journal.deployment(&environment, number).await?;
        deployment.ok_or(EngineError::UnknownDeployment { environment, number })
    }

    /// The newest deployments, newest first.
    ///
    /// # Errors
    /// When the journal does not answer.
    pub async fn history(&self, limit: usize) -> Result<Vec<Deployment>, EngineError> {
        Ok(self.journal.history(&self.name, limit).await?)
    }

    /// What became of the deployments of the last so many milliseconds.
    ///
    /// # Errors
    /// When the journal does not answer.
    pub async fn statistics(&self, last_ms: u64) -> Result<Statistics, EngineError> {
        let to = self.clock.now();
        let last = i64::try_from(last_ms).unwrap_or(i64::MAX);
        let window = Window { from: Timestamp(to.0.saturating_sub(last)), to };
        Ok(self.journal.figures(&self.name, window).await?)
    }

    /// The journal that holds this environment's story.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What a request with this id made before.
    ///
    /// # Errors
    /// When the journal does not answer.
    pub async fn made_by(
        &self,
        request: Option<&RequestId>,
    ) -> Result<Option<Deployment>, EngineError> {
        let Some(request) = request else { return Ok(None) };
        Ok(self.journal.requested(&self.name, request).await?)
    }

    /// Refuses what the core was not asked: it is journaled and told like any other refusal.
    ///
    /// # Errors
    /// When the journal or the driver does not answer.
    pub async fn refuse(
        &self,
        sha: Option<CommitSha>,
        by: Identity,
        refusal: Refusal,
    ) -> Result<Answer, EngineError> {
        self.ask(Asked::Refuse { sha, by, refusal }).await
    }

    async fn ask(&self, asked: Asked) -> Result<Answer, EngineError> {
        let (reply, answer) = oneshot::channel();
        let request = Request { asked, reply };
        self.requests.send(request).await.map_err(|_| EngineError::ShuttingDown)?;
        answer.await.map_err(|_| EngineError::ShuttingDown)?
    }
}
