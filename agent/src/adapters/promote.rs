//! The files of an environment that has no repository of its own: a command of the operator brings
//! them from another environment's, and gets exactly the commit that was asked for.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use ripcord_core::{
    Brought, CommitSha, DeploymentNumber, EnvironmentName, Failure, FailureKind, effect::TreeReport,
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

use super::{
    command::{self, CommandSpec},
    git::GitRepository,
    orphan::{RunRecord, TOKEN_VARIABLE, end_recorded},
};
use crate::ports::{Between, PreparedCommit, Reporter, SourceRepository, TreeState};

/// How long a step waits silently for a repository that its owner uses.
const SILENT_WAIT: Duration = Duration::from_millis(500);
/// How long it waits in all: with the command's own time it stays below what a step may take.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);
/// How long a command that a dead agent left running may take to end.
const ORPHAN_GRACE: Duration = Duration::from_secs(5);

/// Where an environment's files come from when a command brings them.
#[derive(Debug, Clone)]
pub struct PromotedFiles {
    /// Whose files these are.
    pub environment: EnvironmentName,
    /// The environment that they are taken from.
    pub source: EnvironmentName,
    /// Its repository, or why it cannot be used.
    pub repository: Result<GitRepository, Failure>,
    /// The lock of that repository, shared by all who use it.
    pub repository_lock: Arc<Mutex<()>>,
    /// The command: program and arguments.
    pub run: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// A folder of our own, where check-outs are made.
    pub checkouts: PathBuf,
    /// Whether what ran before the first deployment is saved, and so can be brought back.
    pub backed_up: bool,
}

/// Nobody else uses the repository meanwhile.
type Turn = OwnedMutexGuard<()>;

#[async_trait]
impl SourceRepository for PromotedFiles {
    /// The commit has to be in the source's repository, and is pinned there: needs no network.
    async fn prepare(
        &self,
        sha: CommitSha,
        live: Option<CommitSha>,
        reporter: &Reporter,
    ) -> Result<PreparedCommit, Failure> {
        let repository = self.repository.as_ref().map_err(Clone::clone)?;
        self.refuse_missing_program()?;
        let _turn = self.turn(reporter).await?;
        let commit = repository.lend(&self.environment, sha, live).await?;
        Ok(PreparedCommit { head: self.backed_up.then_some(CommitSha::UNKNOWN), ..commit })
    }

    /// Runs the command: in the source's own tree if that is exactly at `sha`, and nobody changes it
    /// meanwhile; else in a check-out of `sha`.
    async fn reset(
        &self,
        deployment: DeploymentNumber,
        sha: CommitSha,
        reporter: &Reporter,
    ) -> Result<TreeReport, Failure> {
        let repository = self.repository.as_ref().map_err(Clone::clone)?;
        self.clear_up(reporter).await;
        let turn = self.turn(reporter).await?;
        if self.source_stands_at(repository, sha, reporter).await {
            let folder = repository.folder_in(repository.work_tree());
            return self.bring(&folder, deployment, sha, reporter).await;
        }
        let checkout = self.checkout();
        repository.export(sha, &checkout).await.map_err(|failure| promotion(failure.message))?;
        drop(turn);
        let folder = repository.folder_in(&checkout);
        let brought = self.bring(&folder, deployment, sha, reporter).await;
        remove(&checkout).await;
        brought
    }

    /// Nobody can tell: what the command makes of a commit is its own affair.
    async fn inspect(&self, _sha: CommitSha) -> Result<TreeState, Failure> {
        Err(promotion("files that a command brought cannot be compared with a commit"))
    }

    async fn export(&self, sha: CommitSha, into: &Path) -> Result<(), Failure> {
        self.repository.as_ref().map_err(Clone::clone)?.export(sha, into).await
    }

    async fn unpin_except(&self, keep: &[CommitSha]) -> Result<(), Failure> {
        let repository = self.repository.as_ref().map_err(Clone::clone)?;
        repository.take_back_except(&self.environment, keep).await
    }

    async fn between(&self, from: CommitSha, to: CommitSha) -> Result<Between, Failure> {
        self.repository.as_ref().map_err(Clone::clone)?.between(from, to).await
    }

    async fn preflight(&self) -> Result<String, Failure> {
        let repository = self.repository.as_ref().map_err(Clone::clone)?;
        self.refuse_missing_program()?;
        let (source, tree) = (&self.source, repository.work_tree().display());
        Ok(format!("takes commits from {source} ({tree}) with {}", self.run.join(" ")))
    }

    fn remembers(&self) -> bool {
        false
    }
}

impl PromotedFiles {
    fn checkout(&self) -> PathBuf {
        self.checkouts.join("promotion")
    }

    fn record(&self) -> PathBuf {
        self.checkouts.join("promotion.json")
    }

    /// Ends and removes what an agent left that died while it promoted: a command that still
    /// writes would mix its files with ours.
    async fn clear_up(&self, reporter: &Reporter) {
        if let Some(pid) = end_recorded(&self.record(), ORPHAN_GRACE).await {
            let message = format!("ended a promote command that was still running (process {pid})");
            reporter.remark(message).await;
        }
        remove(&self.checkout()).await;
    }

    async fn turn(&self, reporter: &Reporter) -> Result<Turn, Failure> {
        let lock = self.repository_lock.clone().lock_owned();
        tokio::pin!(lock);
        if let Ok(turn) = timeout(SILENT_WAIT, &mut lock).await {
            return Ok(turn);
        }
        reporter.remark(format!("waiting for {}, which uses its repository", self.source)).await;
        timeout(LONGEST_WAIT, lock).await.map_err(|_| {
            let minutes = LONGEST_WAIT.as_secs() / 60;
            promotion(format!(
                "{} used its repository for more than {minutes} min: look at its deployment with \
                 `ripcord status {}`, then try again",
                self.source, self.source
            ))
        })
    }

    /// Whether the source's own tree can be taken as it is; says so when it cannot.
    async fn source_stands_at(
        &self,
        repository: &GitRepository,
        sha: CommitSha,
        reporter: &Reporter,
    ) -> bool {
        let (source, short) = (&self.source, sha.short());
        let why = match repository.stands_at(sha).await {
            Ok(TreeState { exact: true, untracked }) => {
                if untracked > 0 {
                    let message = format!(
                        "{untracked} untracked files lie beside {short} in the work tree of {source}"
                    );
                    reporter.remark(message).await;
                }
                return true;
            }
            Ok(TreeState { exact: false, .. }) => {
                format!("the work tree of {source} is not exactly at {short}")
            }
            Err(failure) => format!("the work tree of {source} cannot be compared: {failure}"),
        };
        reporter.remark(format!("{why}: promoting from a check-out of {short}")).await;
        false
    }

    /// Runs the command in `folder`, which holds the files of `sha`.
    async fn bring(
        &self,
        folder: &Path,
        deployment: DeploymentNumber,
        sha: CommitSha,
        reporter: &Reporter,
    ) -> Result<TreeReport, Failure> {
        let from = folder.display().to_string();
        if !folder.is_dir() {
            let short = sha.short();
            return Err(promotion(format!(
                "{short} has no folder {from}, which `repository` of {} names: nothing to promote",
                self.source
            )));
        }
        let token = format!("{}:{}", self.environment, jiff::Timestamp::now().as_nanosecond());
        self.remember(&token).await?;
        let mut env = command::identity_of(&self.environment, deployment, sha);
        env.push(("RIPCORD_SOURCE".to_owned(), from.clone()));
        env.push((TOKEN_VARIABLE.to_owned(), token));
        let spec = CommandSpec {
            argv: self.run.clone(),
            cwd: folder.to_owned(),
            env,
            timeout: self.timeout,
            source: "promote".to_owned(),
        };
        let ran = command::run(spec, reporter).await;
        remove_file(&self.record()).await;
        ran.map_err(|error| {
            let failure = error.into_failure(FailureKind::Promotion);
            promotion(format!("the promote command failed: {}", failure.message))
        })?;
        Ok(TreeReport { brought: Brought::Promoted { from }, ..TreeReport::default() })
    }

    /// Writes down that a command is about to run, for the agent after a crash.
    async fn remember(&self, token: &str) -> Result<(), Failure> {
        let record = self.record();
        let saved = async {
            tokio::fs::create_dir_all(&self.checkouts).await?;
            RunRecord::intent(token)?.save(&record)
        };
        let unwritten = |error| promotion(format!("cannot write {}: {error}", record.display()));
        saved.await.map_err(unwritten)
    }

    /// A program that is not there is refused before anything is touched. One that the commit
    /// itself brings is looked for when it is to run.
    fn refuse_missing_program(&self) -> Result<(), Failure> {
        let program = self.run.first().map(Path::new).unwrap_or(Path::new(""));
        let why = if program.is_absolute() {
            command::why_not_run(program)
        } else if program.components().count() == 1 && !command::is_in_path(program) {
            Some("it is not in PATH".to_owned())
        } else {
            None
        };
        let Some(why) = why else { return Ok(()) };
        let (program, environment) = (program.display(), &self.environment);
        Err(promotion(format!(
            "the promote command {program} cannot be run: {why}; put it there, or correct `run` of \
             [environments.{environment}.promote]"
        )))
    }
}

fn promotion(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Promotion, message)
}

async fn remove(checkout: &Path) {
    match tokio::fs::remove_dir_all(checkout).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(checkout = %checkout.display(), %error, "a check-out could not be removed");
        }
        Ok(()) | Err(_) => {}
    }
}

async fn remove_file(record: &Path) {
    // One that stays names a command that has ended: the next run finds nobody.
    let _ = tokio::fs::remove_file(record).await;
}
