//! Where the files of the environments come from: repositories, their locks, and who takes from whom.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ripcord_core::{EnvironmentName, Failure, FailureKind};
use tokio::sync::Mutex;

use crate::{
    adapters::{
        git::{AbsentRepository, Credentials, GitRepository, Settings},
        promote::PromotedFiles,
    },
    config::{Config, EnvironmentConfig, GitCredentials, PromoteConfig, RepositoryConfig},
    ports::SourceRepository,
};

/// Opens the repository of an environment, with what the configuration says of it.
pub(super) fn open(
    name: &EnvironmentName,
    repository: &RepositoryConfig,
    state_dir: &Path,
    http: Option<reqwest::Client>,
) -> Result<GitRepository, Failure> {
    GitRepository::open(Settings {
        environment: name.clone(),
        path: repository.path.clone(),
        remote: repository.remote.clone(),
        branch: repository.branch.clone(),
        credentials: repository.credentials.as_ref().map(credentials),
        state_dir: state_dir.to_owned(),
        fetch_timeout: FETCH_TIMEOUT,
        http,
        ssh_program: "ssh".into(),
    })
}

/// From a fetch's first byte to its last: an initial fetch of a large repository fits.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The repositories of all environments.
pub(super) struct Sources {
    repositories: BTreeMap<EnvironmentName, RepositoryConfig>,
    state_dir: PathBuf,
    http: reqwest::Client,
    /// One lock per git repository, however many environments use it.
    locks: RefCell<HashMap<PathBuf, Arc<Mutex<()>>>>,
    trees: RefCell<WorkTrees>,
}

/// Whose files are where.
#[derive(Default)]
pub(super) struct WorkTrees(HashMap<PathBuf, EnvironmentName>);

impl WorkTrees {
    /// Says what is wrong when another environment deploys into the same work tree.
    pub(super) fn add(&mut self, name: &EnvironmentName, work_tree: &Path) -> Option<String> {
        let other = self.0.insert(work_tree.to_owned(), name.clone())?;
        if other == *name {
            return None;
        }
        Some(format!(
            "environments {other} and {name} deploy into the same work tree {}: each deployment of one \
             changes the files of the other; give one of them a clone, or a `git worktree`, of its own",
            work_tree.display()
        ))
    }
}

/// Where one environment's files come from.
pub(super) struct Source {
    pub(super) repository: Arc<dyn SourceRepository>,
    pub(super) lock: Arc<Mutex<()>>,
    /// The folder in which its commands run.
    pub(super) folder: PathBuf,
    /// Where git keeps its own files in there.
    pub(super) own_git: Option<PathBuf>,
    /// Why it cannot be deployed.
    pub(super) unavailable: Option<String>,
    /// Why its files cannot be brought back either.
    pub(super) absent: Option<String>,
}

impl Sources {
    pub(super) fn new(config: &Config, http: reqwest::Client) -> Self {
        let repository = |environment: &EnvironmentConfig| {
            Some((environment.name.clone(), environment.repository.clone()?))
        };
        Self {
            repositories: config.environments.values().filter_map(repository).collect(),
            state_dir: config.state_dir.clone(),
            http,
            locks: RefCell::default(),
            trees: RefCell::default(),
        }
    }

    /// The branch on which the commits of an environment are: its own, or that of the environment
    /// whose files it takes.
    pub(super) fn branch_of(&self, config: &EnvironmentConfig) -> Option<String> {
        let own = config.repository.as_ref();
        let taken = || self.repositories.get(config.promotes.as_ref()?);
        own.or_else(taken).map(|repository| repository.branch.clone())
    }

    pub(super) fn of(&self, config: &EnvironmentConfig) -> Source {
        match (&config.repository, &config.promote, &config.promotes) {
            (None, Some(promote), Some(source)) => self.promoted(config, promote, source),
            (_, _, _) => self.own(config),
        }
    }

    fn own(&self, config: &EnvironmentConfig) -> Source {
        match self.open(&config.name) {
            Ok(repository) => Source {
                lock: self.lock_of(&config.name, &repository),
                folder: repository.work_tree().to_owned(),
                own_git: Some(repository.work_tree().join(".git")),
                repository: Arc::new(repository),
                unavailable: None,
                absent: None,
            },
            Err(failure) => {
                let absent = Some(put_right(&failure));
                Source {
                    lock: Arc::default(),
                    folder: PathBuf::from("/"),
                    own_git: None,
                    repository: Arc::new(AbsentRepository(failure)),
                    unavailable: absent.clone(),
                    absent,
                }
            }
        }
    }

    /// Files that a command brings. Without the source's repository nothing can be promoted, but a
    /// backup can still be restored.
    fn promoted(
        &self,
        config: &EnvironmentConfig,
        promote: &PromoteConfig,
        source: &EnvironmentName,
    ) -> Source {
        let repository = self.open(source);
        let unavailable = repository.as_ref().err().map(|failure| {
            format!("{}, which {} promotes: {}", source, config.name, put_right(failure))
        });
        let repository_lock = repository.as_ref().map(|found| self.shared_lock(found));
        let files = PromotedFiles {
            environment: config.name.clone(),
            source: source.clone(),
            repository_lock: repository_lock.unwrap_or_default(),
            repository,
            run: promote.run.as_slice().to_vec(),
            timeout: promote.timeout,
            checkouts: self.state_dir.join("checkouts").join(config.name.as_str()),
            backed_up: config.backup.is_some(),
        };
        Source {
            repository: Arc::new(files),
            // It waits for the source's repository itself, and for no longer than it needs it.
            lock: Arc::default(),
            folder: config.own_folder().unwrap_or(Path::new("/")).to_owned(),
            own_git: None,
            unavailable,
            absent: None,
        }
    }

    fn open(&self, name: &EnvironmentName) -> Result<GitRepository, Failure> {
        let none = || {
            let message = format!("environment {name} has no `repository`");
            Failure::new(FailureKind::Repository, message)
        };
        let repository = self.repositories.get(name).ok_or_else(none)?;
        open(name, repository, &self.state_dir, Some(self.http.clone()))
    }

    /// The lock of the repository that this environment shares with its other worktrees; says it
    /// loudly when even the work tree is shared.
    fn lock_of(&self, name: &EnvironmentName, repository: &GitRepository) -> Arc<Mutex<()>> {
        let shared = self.trees.borrow_mut().add(name, repository.work_tree());
        shared.iter().for_each(|problem| tracing::warn!("{problem}"));
        self.shared_lock(repository)
    }

    fn shared_lock(&self, repository: &GitRepository) -> Arc<Mutex<()>> {
        self.locks.borrow_mut().entry(repository.common_dir().to_owned()).or_default().clone()
    }
}

fn put_right(failure: &Failure) -> String {
    format!("{failure}; put it right and restart the agent")
}

fn credentials(credentials: &GitCredentials) -> Credentials {
    match credentials {
        GitCredentials::Password { username, password_file } => Credentials::Password {
            username: username.clone(),
            password_file: password_file.path(),
        },
        GitCredentials::SshKey { key_file } => Credentials::SshKey { key_file: key_file.path() },
    }
}
