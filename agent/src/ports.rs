//! What the engine needs of the outside world, as traits. Adapters implement them; nothing here acts.

mod backups;
mod neighbours;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use ripcord_core::{
    CommitSha, DeploymentNumber, Event, Failure, Pace, VerdictReport,
    ci::{Run, Wanted},
    effect::TreeReport,
};
use secrecy::SecretString;
use tokio::{sync::mpsc, time::Instant};

pub use self::{
    backups::{Backup, Backups},
    neighbours::{Neighbour, Neighbours},
};

/// A git repository with a work tree, as one environment sees it.
///
/// Every call is repeatable: recovery makes it again after a crash at any point.
#[async_trait]
pub trait SourceRepository: Send + Sync {
    /// Fetches the branch, checks that `sha` is reachable from it, and pins `sha` and HEAD under
    /// `refs/ripcord/<environment>/`. Refuses repositories that cannot be served, and a tree that a
    /// reset would leave half-way. The work tree, the index and HEAD are not touched.
    async fn prepare(
        &self,
        sha: CommitSha,
        live: Option<CommitSha>,
        reporter: &Reporter,
    ) -> Result<PreparedCommit, Failure>;

    /// Saves local modifications of tracked files, makes the tracked files those of `sha`, and
    /// verifies them. Untracked files stay. Needs no network.
    async fn reset(
        &self,
        deployment: DeploymentNumber,
        sha: CommitSha,
        reporter: &Reporter,
    ) -> Result<TreeReport, Failure>;

    /// Compares the tracked files with `sha`, without changing anything.
    async fn inspect(&self, sha: CommitSha) -> Result<TreeState, Failure>;

    /// Makes a check-out of `sha` in the empty or missing folder `into`, beside the live tree: its
    /// files, and a HEAD that names it.
    async fn export(&self, sha: CommitSha, into: &Path) -> Result<(), Failure>;

    /// Lets go of the pins that are not among `keep` (rollback targets).
    async fn unpin_except(&self, keep: &[CommitSha]) -> Result<(), Failure>;

    /// The commits that `to` has and `from` does not, as far as they are here; asks nobody, and
    /// changes nothing.
    async fn between(&self, from: CommitSha, to: CommitSha) -> Result<Between, Failure>;

    /// Whether commits could be prepared now, and from where: the remote answers and has the branch, or
    /// the command is there. Fetches nothing, and changes nothing.
    async fn preflight(&self) -> Result<String, Failure>;

    /// Puts the repository in order if it is worth that, beside whatever else is done there; nothing
    /// that may be needed goes. Answers in words what was done. Dropping it ends it soon.
    async fn tidy(&self) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    /// Whether a reset to an earlier commit brings back what was live then. A promote command may
    /// bring anything: there only a backup does.
    fn remembers(&self) -> bool {
        true
    }
}

/// What lies between two commits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Between {
    /// So many commits come.
    pub ahead: u64,
    /// So many commits go: the new one is older, or on another line.
    pub behind: u64,
    /// The newest of those that come, as `acfdb42 Fix bug analysis`, at most [`COMMITS_SHOWN`].
    pub subjects: Vec<String>,
}

/// So many commits are named in a plan; the rest are counted.
pub const COMMITS_SHOWN: usize = 10;

/// A commit that may be reset to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedCommit {
    /// First line of its message.
    pub subject: String,
    /// Its author's name.
    pub author: String,
    /// Whether it is a proper ancestor of the live commit.
    pub older_than_live: bool,
    /// What HEAD named before.
    pub head: Option<CommitSha>,
}

/// How a work tree compares with a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeState {
    /// All tracked files are those of the commit, and none is missing.
    pub exact: bool,
    /// Files that are neither tracked nor ignored.
    pub untracked: u64,
}

/// What runs the application.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Whether a restart could be done now: asked before anything is touched.
    async fn preflight(&self) -> Result<(), Failure>;

    /// Whether whatever runs the application answers: asked before a rollback, which brings other
    /// files than those that a look at them would find now. The agent itself always does.
    async fn reachable(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Restarts (or recreates) the application, and says what was restarted.
    async fn restart(&self, reporter: &Reporter) -> Result<String, Failure>;

    /// What the runtime itself says of the application's health.
    async fn health(&self) -> Result<RuntimeHealth, Failure>;

    /// At the agent's start: runs the application if this runtime is its supervisor and it does
    /// not run. Nothing for runtimes that live without the agent.
    async fn ensure_running(&self) -> Result<(), Failure>;

    /// At the agent's end: stops what cannot run without the agent.
    async fn shutdown(&self);

    /// The application's log.
    fn logs(&self) -> Arc<dyn LogSource>;

    /// What would make restarts better here and is not so; nothing for most.
    async fn advice(&self) -> Vec<Advice> {
        Vec::new()
    }
}

/// Something that works, and would work better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What is lost as it is.
    pub what: String,
    /// What to do.
    pub how: String,
}

/// What a runtime says of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeHealth {
    /// It runs, and the runtime has no objection.
    Fine,
    /// It runs, and has not decided yet (`health: starting`).
    Starting,
    /// It does not run, restarts again and again, or says that it is unhealthy.
    Bad {
        /// What is wrong, with the last output of the health check where there is one.
        detail: String,
    },
}

/// Judges what a deployment carries besides the certificate: the OIDC token of its workflow.
#[async_trait]
pub trait SecondProof: Send + Sync {
    /// Whom a token has to be made for.
    fn audience(&self) -> &str;

    /// Whether `token` proves what is asked for, within some seconds.
    ///
    /// # Errors
    /// What is wrong, also when that cannot be found out; it holds nothing that the token says.
    async fn judge(&self, token: &SecretString) -> Result<(), String>;
}

/// One look at the application from outside.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Looks once, within the configured timeout.
    async fn sample(&self) -> Sample;
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Whether status and body are as configured.
    pub ok: bool,
    /// HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The status is as configured, and the body is not.
    pub wrong_content: bool,
    /// What was wrong; empty when `ok`.
    pub detail: String,
}

/// A source of verdicts.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// Finds the verdict that `question` asks for, and sends what it learns on the way to `reports`.
    /// Returns when it knows that nothing more will come, and when nobody listens any more.
    async fn watch(
        &self,
        question: Question,
        reporter: &Reporter,
        reports: mpsc::Sender<VerdictReport>,
    );

    /// Looks at `sha` now instead of at the next turn, because somebody says that there is news.
    /// Answers whether there is anything to look at again: commands run once.
    fn look_now(&self, sha: CommitSha) -> bool;
}

/// What a source of verdicts is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// For which deployment.
    pub deployment: DeploymentNumber,
    /// On which commit.
    pub sha: CommitSha,
    /// How long the verdict has been awaited already.
    pub awaited: Duration,
    /// How soon it is wanted.
    pub pace: Pace,
}

/// Where CI shows its runs.
#[async_trait]
pub trait RunSource: Send + Sync {
    /// The runs of a commit. May hold others too: what is asked for is only a wish.
    async fn runs(&self, wanted: &Wanted) -> Result<Vec<Run>, CannotAsk>;

    /// What failed in this attempt of a run, as `job › step`.
    async fn failed_jobs(&self, run: &Run) -> Result<Vec<String>, CannotAsk>;
}

/// Why CI cannot be asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannotAsk {
    /// What is the matter and what to do about it; the same words for as long as it lasts.
    pub detail: String,
    /// Nothing may be asked before this.
    pub retry_at: Option<Instant>,
}

/// The operator's own commands around a restart.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Runs the commands of this moment, one after the other; the first failure ends it.
    async fn run(
        &self,
        moment: Moment,
        deployment: DeploymentNumber,
        sha: CommitSha,
        reporter: &Reporter,
    ) -> Result<(), Failure>;
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The tree is new, the application still the old one.
    BeforeRestart,
    /// The application was restarted, and is not probed yet.
    AfterRestart,
}

/// Where application log lines come from.
pub trait LogSource: Send + Sync {
    /// Lines in the order of their time per source, oldest first. With `follow` the stream goes on
    /// across restarts of the application until it is dropped; without, it ends with the backlog.
    fn lines(&self, from: LogStart) -> LogChunks;
}

/// Lines as they travel: those that are there together in one item, none of which is empty, so
/// that a long backlog costs little per line. A reader holds a few such items, so they are small.
pub type LogChunks = BoxStream<'static, Result<Vec<LogRecord>, Failure>>;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogStart {
    /// Only lines at or after this instant, nanoseconds since 1970.
    pub since_unix_nanos: Option<i64>,
    /// Only the last lines of the backlog, counted per source (container or process).
    pub tail: Option<u64>,
    /// Go on with new lines.
    pub follow: bool,
}

/// One line that the application printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// When, nanoseconds since 1970; never goes back within one source.
    pub time_unix_nanos: i64,
    /// Compose service, container or process name.
    pub source: Arc<str>,
    /// Whether it came from standard error.
    pub stderr: bool,
    /// The line without its end, at most [`LOG_LINE_BYTES`]; invalid UTF-8 is replaced.
    pub line: String,
    /// A line of ours that marks a restart or a deployment.
    pub marker: bool,
}

/// Longest log line that is passed on; longer ones are split. Docker's own limit is 16 KiB.
pub const LOG_LINE_BYTES: usize = 64 * 1024;

/// Lets a running step tell its story. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reporter {
    sender: mpsc::Sender<Told>,
}

/// What a running step tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// For the journal: an event with [`Event::is_story_only`].
    Story(Event),
    /// For whoever looks just now.
    Activity(Activity),
}

/// How far a long step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// What is counted, such as `objects`.
    pub unit: &'static str,
    /// So many are done.
    pub done: u64,
    /// Of so many; 0 when not known.
    pub total: u64,
}

impl Reporter {
    /// A reporter, and where its words arrive. `capacity` bounds what may wait: a chatty command
    /// is slowed down, it never makes the agent grow.
    #[must_use]
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<Told>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self { sender }, receiver)
    }

    /// Tells an event of the story. A reader that is gone does not matter.
    pub async fn tell(&self, event: Event) {
        debug_assert!(event.is_story_only(), "{event:?} is for the engine to tell");
        let _ = self.sender.send(Told::Story(event)).await;
    }

    /// Tells something that the operator should know.
    pub async fn remark(&self, message: impl Into<String>) {
        self.tell(Event::Remarked { message: message.into() }).await;
    }

    /// Tells how far the step has come; dropped when nobody keeps up. May be called from blocking code.
    pub fn activity(&self, activity: Activity) {
        let _ = self.sender.try_send(Told::Activity(activity));
    }
}
