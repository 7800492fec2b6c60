//! The git repository of an environment, over libgit2: fetch, check, pin, save, reset, verify.
//!
//! No git program runs, no hook and no external filter. Each call opens the repository anew and
//! does its work on a blocking thread; callers hold one lock per [`GitRepository::common_dir`].

mod absent;
mod attributes;
mod background;
mod between;
mod cache_tree;
mod changes;
mod clash;
mod compare;
mod durable;
mod errors;
mod export;
mod fetch;
pub mod http_client;
mod index_file;
mod index_lock;
mod interrupted;
mod lend;
mod listings;
mod lock;
mod marker;
mod pins;
mod plan;
mod prepare;
mod quick;
mod reach;
mod reset;
mod save;
mod sight;
mod site;
mod survey;
mod tidy;
mod tracked;
mod transport;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use ripcord_core::{
    CommitSha, DeploymentNumber, EnvironmentName, Failure, FailureKind, effect::TreeReport,
};

use crate::ports::{Between, PreparedCommit, Reporter, SourceRepository, TreeState};
pub use absent::AbsentRepository;
use site::Site;
pub use transport::register_transports;

/// Which repository, and how to reach its remote.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose pins and saved modifications these are.
    pub environment: EnvironmentName,
    /// Any folder inside the work tree.
    pub path: PathBuf,
    /// Name of the remote, such as `origin`.
    pub remote: String,
    /// The branch from which commits may be deployed.
    pub branch: String,
    /// What the remote wants to see.
    pub credentials: Option<Credentials>,
    /// The agent's state directory: saved modifications and markers of unfinished work.
    pub state_dir: PathBuf,
    /// Longest time for a fetch, from its first byte to its last.
    pub fetch_timeout: Duration,
    /// What http and https remotes are reached with; see [`http_client::build`].
    pub http: Option<reqwest::Client>,
    /// What ssh remotes are reached with: `ssh`, or its full path.
    pub ssh_program: PathBuf,
}

/// How to log in at the remote. The files are read anew for each fetch.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// For https.
    Password {
        /// Name to log in with; `x-access-token` for GitHub tokens.
        username: String,
        /// File with the password or token.
        password_file: PathBuf,
    },
    /// For ssh.
    SshKey {
        /// File with the private key.
        key_file: PathBuf,
    },
}

/// A repository with a work tree that commits are deployed to.
#[derive(Debug, Clone)]
pub struct GitRepository {
    site: Arc<Site>,
}

impl GitRepository {
    /// Finds the repository around `settings.path`.
    ///
    /// # Errors
    /// When there is none, or when it is of a kind that is not served.
    pub fn open(settings: Settings) -> Result<Self, Failure> {
        Ok(Self { site: Arc::new(Site::find(settings)?) })
    }

    /// The canonical shared `.git` folder: what two work trees of one repository have in common,
    /// and so the key of the one lock per repository.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        &self.site.common_dir
    }

    /// The root of the work tree.
    #[must_use]
    pub fn work_tree(&self) -> &Path {
        &self.site.root
    }

    /// The folder that the settings name, as it is in `tree`: the work tree, or a check-out beside it.
    #[must_use]
    pub fn folder_in(&self, tree: &Path) -> PathBuf {
        if self.site.folder == Path::new("") {
            return tree.to_owned();
        }
        tree.join(&self.site.folder)
    }

    /// Whether a commit's file, or a folder with some, stands at `path` when HEAD is checked out: a
    /// reset of this repository writes there.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn writes_at(&self, path: &Path) -> Result<bool, Failure> {
        site::writes_at(&self.site, path)
    }

    /// Whether that folder of the work tree is exactly what was deployed as `sha`, and how many files
    /// lie there that are neither tracked nor ignored. A tree whose reset is under way, or was cut
    /// short, is at no commit.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub async fn stands_at(&self, sha: CommitSha) -> Result<TreeState, Failure> {
        self.blocking(move |site| reset::stands_at(site, sha)).await
    }

    /// Keeps `sha` for another environment, which takes its files from here, under
    /// `refs/ripcord/<environment>/`. The commit has to be here already: nobody is asked for it.
    ///
    /// # Errors
    /// When it is not, or is neither on the branch nor kept for anybody.
    pub async fn lend(
        &self,
        environment: &EnvironmentName,
        sha: CommitSha,
        live: Option<CommitSha>,
    ) -> Result<PreparedCommit, Failure> {
        let environment = environment.clone();
        self.blocking(move |site| lend::lend(site, &environment, sha, live)).await
    }

    /// Lets go of what is kept for that other environment and is not among `keep`.
    ///
    /// # Errors
    /// When the repository cannot be written.
    pub async fn take_back_except(
        &self,
        environment: &EnvironmentName,
        keep: &[CommitSha],
    ) -> Result<(), Failure> {
        let (environment, keep) = (environment.clone(), keep.to_vec());
        self.blocking(move |site| pins::unpin_except(site, &environment, &keep)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Site) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let site = Arc::clone(&self.site);
        let ended = tokio::task::spawn_blocking(move || work(&site)).await;
        ended.unwrap_or_else(|error| {
            Err(Failure::new(FailureKind::Internal, format!("the git step broke off: {error}")))
        })
    }
}

#[async_trait]
impl SourceRepository for GitRepository {
    async fn prepare(
        &self,
        sha: CommitSha,
        live: Option<CommitSha>,
        reporter: &Reporter,
    ) -> Result<PreparedCommit, Failure> {
        let reporter = reporter.clone();
        self.blocking(move |site| prepare::prepare(site, sha, live, &reporter)).await
    }

    async fn reset(
        &self,
        deployment: DeploymentNumber,
        sha: CommitSha,
        reporter: &Reporter,
    ) -> Result<TreeReport, Failure> {
        let reporter = reporter.clone();
        self.blocking(move |site| reset::reset(site, deployment, sha, &reporter)).await
    }

    async fn inspect(&self, sha: CommitSha) -> Result<TreeState, Failure> {
        self.blocking(move |site| reset::inspect(site, sha)).await
    }

    async fn export(&self, sha: CommitSha, into: &Path) -> Result<(), Failure> {
        let into = into.to_owned();
        self.blocking(move |site| export::export(site, sha, &into)).await
    }

    async fn unpin_except(&self, keep: &[CommitSha]) -> Result<(), Failure> {
        self.take_back_except(&self.site.settings.environment, keep).await
    }

    async fn between(&self, from: CommitSha, to: CommitSha) -> Result<Between, Failure> {
        self.blocking(move |site| between::between(site, from, to)).await
    }

    async fn tidy(&self) -> Result<Option<String>, Failure> {
        background::tidy(Arc::clone(&self.site)).await
    }

    async fn preflight(&self) -> Result<String, Failure> {
        self.blocking(reach::reach).await
    }
}
