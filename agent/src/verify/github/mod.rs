//! A verdict from the workflow runs of GitHub Actions. Who asks, and when, is the poller's business:
//! it is shared, so that a repository is asked once however many environments wait for it.

mod poller;
mod schedule;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use ripcord_core::{CommitSha, Pace, VerdictReport, ci::Wanted};
use tokio::{sync::mpsc, time::Instant};

pub use self::{
    poller::Poller,
    schedule::{Schedule, WatchId},
};
use crate::ports::{Question, Reporter, Verifier};

/// A re-run that turns an old verdict is seen within this.
const LATE_POLL: Duration = Duration::from_secs(60);

/// Reads the verdicts of one environment.
pub struct GithubVerifier {
    /// Who asks GitHub.
    pub poller: Arc<Poller>,
    /// The workflow files that have to succeed.
    pub workflows: Arc<[String]>,
    /// The event that starts them.
    pub event: String,
    /// The environment's branch.
    pub branch: String,
    /// How long until the first look.
    pub start_delay: Duration,
    /// How long between two looks while somebody waits.
    pub poll: Duration,
}

#[async_trait]
impl Verifier for GithubVerifier {
    /// Goes on after a verdict: a re-run may change it.
    async fn watch(&self, question: Question, _: &Reporter, reports: mpsc::Sender<VerdictReport>) {
        let Question { sha, awaited, pace, .. } = question;
        let first = Instant::now() + self.start_delay.saturating_sub(awaited);
        let every = match pace {
            Pace::Prompt => self.poll,
            Pace::Late => self.poll.max(LATE_POLL),
        };
        let wanted = self.wanted(sha);
        let mut news = self.poller.listen(wanted, self.workflows.clone(), first, every);
        loop {
            let report = tokio::select! {
                report = news.next() => report,
                () = reports.closed() => return,
            };
            if reports.send(report).await.is_err() {
                return;
            }
        }
    }

    fn look_now(&self, sha: CommitSha) -> bool {
        self.poller.look_now(&self.wanted(sha))
    }
}

impl GithubVerifier {
    fn wanted(&self, sha: CommitSha) -> Wanted {
        Wanted { sha, event: self.event.clone(), branch: self.branch.clone() }
    }
}
