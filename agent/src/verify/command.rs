//! A verdict from commands on this machine, in a separate check-out of the commit: the whole loop
//! works without GitHub. Never runs in the live tree.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use ripcord_core::{
    CommitSha, DeploymentNumber, EnvironmentName, FailureKind, Verdict, VerdictReport,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    adapters::command::{self, CommandError, CommandSpec},
    ports::{Question, Reporter, SourceRepository, Verifier},
};

/// A check-out that could not be made (a full disk, say) is tried again after so long.
const RETRY: Duration = Duration::from_secs(10);

/// Runs checks.
pub struct CommandVerifier {
    /// For which environment.
    pub environment: EnvironmentName,
    /// Where the commit comes from.
    pub source: Arc<dyn SourceRepository>,
    /// The checks, one after the other: argument lists.
    pub run: Vec<Vec<String>>,
    /// What is added to their environment.
    pub env: Vec<(String, String)>,
    /// How long all of them together may take.
    pub timeout: Duration,
    /// Where check-outs are made.
    pub checkouts: PathBuf,
}

#[async_trait]
impl Verifier for CommandVerifier {
    async fn watch(
        &self,
        question: Question,
        reporter: &Reporter,
        reports: mpsc::Sender<VerdictReport>,
    ) {
        let Question { deployment, sha, .. } = question;
        let checkout = Checkout(self.checkouts.join(deployment.0.to_string()));
        let verdict = async {
            loop {
                let report = self.verify(&checkout.0, deployment, sha, reporter).await;
                let is_final = report.value != Verdict::Unknown;
                if reports.send(report).await.is_err() || is_final {
                    return;
                }
                sleep(RETRY).await;
            }
        };
        tokio::select! {
            () = verdict => {}
            () = reports.closed() => {}
        }
    }

    fn look_now(&self, _: CommitSha) -> bool {
        false
    }
}

impl CommandVerifier {
    async fn verify(
        &self,
        checkout: &Path,
        deployment: DeploymentNumber,
        sha: CommitSha,
        reporter: &Reporter,
    ) -> VerdictReport {
        // A check-out that a crash left behind may be half-written.
        remove(checkout.to_owned()).await;
        if let Err(failure) = self.source.export(sha, checkout).await {
            reporter.remark(format!("the checks could not start: {failure}")).await;
            return VerdictReport::of(Verdict::Unknown);
        }
        let deadline = Instant::now() + self.timeout;
        for argv in &self.run {
            let spec = self.spec(argv, checkout, deployment, sha);
            let run = timeout_at(deadline, command::run(spec, reporter));
            let failed = match run.await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => failed(argv, error),
                Err(_) => format!("{} › no end within {:?}", argv.join(" "), self.timeout),
            };
            return VerdictReport { jobs: vec![failed], ..VerdictReport::of(Verdict::Failure) };
        }
        VerdictReport::of(Verdict::Success)
    }

    fn spec(
        &self,
        argv: &[String],
        checkout: &Path,
        deployment: DeploymentNumber,
        sha: CommitSha,
    ) -> CommandSpec {
        let mut env = command::identity_of(&self.environment, deployment, sha);
        env.extend(self.env.iter().cloned());
        CommandSpec {
            argv: argv.to_vec(),
            cwd: checkout.to_owned(),
            env,
            timeout: self.timeout,
            source: "check".to_owned(),
        }
    }
}

/// What failed, as `job › step`.
fn failed(argv: &[String], error: CommandError) -> String {
    let failure = error.into_failure(FailureKind::Internal);
    format!("{} › {}", argv.join(" "), failure.message)
}

/// A check-out that goes when its watch ends, also when it is broken off.
struct Checkout(PathBuf);

impl Drop for Checkout {
    fn drop(&mut self) {
        // At the agent's end there may be no runtime left; the next watch removes it then.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(remove(std::mem::take(&mut self.0)));
        }
    }
}

async fn remove(checkout: PathBuf) {
    match tokio::fs::remove_dir_all(&checkout).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(checkout = %checkout.display(), %error, "a check-out could not be removed");
        }
        Ok(()) | Err(_) => {}
    }
}
