//! From an environment's configuration to the parts that its driver acts through.

use std::{
    cell::RefCell,
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ripcord_core::{EnvironmentName, Failure, FailureKind};
use tokio::sync::Mutex;

use super::{doings, github};
use crate::{
    adapters::{
        docker::{Containers, DockerRuntime, DockerSettings, RestartAction, default_socket},
        git::{AbsentRepository, Credentials, GitRepository, Settings},
        github::Github,
        hooks::CommandHooks,
        http_probe::HttpProbe,
        process::{ProcessRuntime, ProcessSettings},
        validated_file,
    },
    config::{
        ComposeAction, Config, EnvironmentConfig, GitCredentials, GithubSource, RepositoryConfig,
        RuntimeConfig, VerdictSource,
    },
    engine::{About, Clock, Parts, ProbePlan, Probed, Setup},
    journal::Journal,
    ports::{LogSource, Runtime, SourceRepository, Verifier},
    verify::{
        command::CommandVerifier,
        github::{GithubVerifier, Poller},
    },
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
/// How long a running step may go on when the agent is told to stop; systemd waits 20 s in all.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(8);

/// Makes the parts of one environment after the other.
pub(super) struct Builder {
    state_dir: PathBuf,
    http: reqwest::Client,
    clock: Clock,
    /// One lock per git repository, however many environments use it.
    locks: RefCell<HashMap<PathBuf, Arc<Mutex<()>>>>,
    /// One for all environments; there where GitHub is configured.
    poller: Option<Arc<Poller>>,
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

struct Source {
    repository: Arc<dyn SourceRepository>,
    lock: Arc<Mutex<()>>,
    work_tree: PathBuf,
    /// Why it cannot be used.
    absent: Option<String>,
}

impl Builder {
    pub(super) fn new(
        config: &Config,
        http: reqwest::Client,
        github: Option<Github>,
        clock: Clock,
    ) -> Self {
        let state_dir = config.state_dir.clone();
        let poller = config.github.as_ref().zip(github);
        let poller = poller.map(|(config, client)| github::poller(config, client));
        Self {
            state_dir,
            http,
            clock,
            locks: RefCell::default(),
            poller,
            trees: RefCell::default(),
        }
    }

    /// What people read of an environment that has no driver, and its application's log.
    pub(super) fn undriven(&self, config: &EnvironmentConfig) -> (About, Arc<dyn LogSource>) {
        let source = self.source(config);
        let logs = self.runtime(config, &source.work_tree).logs();
        (about(config, source.absent), logs)
    }

    pub(super) fn setup(&self, config: &EnvironmentConfig, journal: Journal) -> Setup {
        let source = self.source(config);
        let runtime = self.runtime(config, &source.work_tree);
        let parts = Parts {
            probe: Some(Arc::new(self.probe(config))),
            probe_plan: probe_plan(config),
            hooks: Arc::new(hooks(config, &source.work_tree)),
            verifier: self.verifier(config, &source.repository),
            backups: None,
            promotion: None,
            source: source.repository,
            runtime,
            repository_lock: source.lock,
        };
        Setup {
            name: config.name.clone(),
            about: about(config, source.absent),
            policy: config.policy(),
            parts,
            journal,
            clock: self.clock,
            shutdown_grace: SHUTDOWN_GRACE,
            predecessor: config.validated_sha_file.as_deref().and_then(validated_file::read),
        }
    }

    fn source(&self, config: &EnvironmentConfig) -> Source {
        let opened = match &config.repository {
            Some(repository) => {
                open(&config.name, repository, &self.state_dir, Some(self.http.clone()))
            }
            None => {
                let message = format!("environment {} has no `repository`", config.name);
                Err(Failure::new(FailureKind::Repository, message))
            }
        };
        match opened {
            Ok(repository) => Source {
                lock: self.lock_of(&config.name, &repository),
                work_tree: repository.work_tree().to_owned(),
                repository: Arc::new(repository),
                absent: None,
            },
            Err(failure) => Source {
                absent: Some(format!("{failure}; put it right and restart the agent")),
                lock: Arc::default(),
                work_tree: PathBuf::from("/"),
                repository: Arc::new(AbsentRepository(failure)),
            },
        }
    }

    /// The lock of the repository that this environment shares with its other worktrees; says it
    /// loudly when even the work tree is shared.
    fn lock_of(&self, name: &EnvironmentName, repository: &GitRepository) -> Arc<Mutex<()>> {
        let shared = self.trees.borrow_mut().add(name, repository.work_tree());
        shared.iter().for_each(|problem| tracing::warn!("{problem}"));
        self.locks.borrow_mut().entry(repository.common_dir().to_owned()).or_default().clone()
    }

    fn runtime(&self, config: &EnvironmentConfig, work_tree: &Path) -> Arc<dyn Runtime> {
        match &config.runtime {
            RuntimeConfig::Process(process) => Arc::new(ProcessRuntime::new(ProcessSettings {
                name: config.name.to_string(),
                argv: process.run.as_slice().to_vec(),
                cwd: work_tree.join(&process.cwd),
                env: process.env.clone().into_iter().collect(),
                stop_timeout: process.stop_timeout,
                state_dir: self.state_dir.join("process").join(config.name.as_str()),
            })),
            RuntimeConfig::Compose(compose) => Arc::new(DockerRuntime::new(DockerSettings {
                socket: default_socket(),
                containers: Containers::ComposeProject {
                    file: compose.file.clone(),
                    project: compose.project.clone(),
                },
                action: match compose.action {
                    ComposeAction::Restart => RestartAction::Restart,
                    ComposeAction::Recreate => RestartAction::Recreate,
                },
                stop_timeout: Some(compose.stop_timeout),
            })),
            RuntimeConfig::Container(container) => Arc::new(DockerRuntime::new(DockerSettings {
                socket: default_socket(),
                containers: Containers::Named(container.containers.clone()),
                action: RestartAction::Restart,
                stop_timeout: Some(container.stop_timeout),
            })),
        }
    }

    fn probe(&self, config: &EnvironmentConfig) -> HttpProbe {
        let health = &config.health;
        HttpProbe {
            client: self.http.clone(),
            url: health.url.clone(),
            status: health.status,
            contains: health.contains.clone(),
            timeout: health.timeout,
        }
    }

    fn verifier(
        &self,
        config: &EnvironmentConfig,
        source: &Arc<dyn SourceRepository>,
    ) -> Option<Arc<dyn Verifier>> {
        match &config.verify.source {
            VerdictSource::Command(command) => Some(Arc::new(CommandVerifier {
                environment: config.name.clone(),
                source: source.clone(),
                run: command.run.iter().map(|argv| argv.as_slice().to_vec()).collect(),
                env: command.env.clone().into_iter().collect(),
                timeout: command.timeout,
                checkouts: self.state_dir.join("checkouts").join(config.name.as_str()),
            })),
            VerdictSource::Github(github) => self.github_verifier(config, github),
            VerdictSource::Probe => None,
        }
    }

    /// None where there is no repository, and so no branch: nothing is deployed there.
    fn github_verifier(
        &self,
        config: &EnvironmentConfig,
        source: &GithubSource,
    ) -> Option<Arc<dyn Verifier>> {
        Some(Arc::new(GithubVerifier {
            poller: self.poller.clone()?,
            workflows: source.workflows.clone().into(),
            event: source.event.clone(),
            branch: config.repository.as_ref()?.branch.clone(),
            start_delay: source.start_delay,
            poll: source.poll,
        }))
    }
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

fn probe_plan(config: &EnvironmentConfig) -> ProbePlan {
    let health = &config.health;
    ProbePlan {
        attempts: health.attempts,
        interval: health.interval,
        grace: health.grace,
        successes: health.successes,
    }
}

fn hooks(config: &EnvironmentConfig, work_tree: &Path) -> CommandHooks {
    let lists = |commands: &[crate::config::Argv]| {
        commands.iter().map(|argv| argv.as_slice().to_vec()).collect()
    };
    CommandHooks {
        environment: config.name.clone(),
        pre_restart: lists(&config.hooks.pre_restart),
        post_restart: lists(&config.hooks.post_restart),
        cwd: work_tree.to_owned(),
        timeout: config.hooks.timeout,
    }
}

fn about(config: &EnvironmentConfig, absent: Option<String>) -> About {
    About {
        title: config.title.clone(),
        url: config.url.as_ref().map(ToString::to_string),
        unavailable: config.unavailable().or_else(|| absent.clone()),
        absent,
        confirm: config.confirm.clone(),
        doings: doings::of(config),
        probed: Some(Probed {
            url: config.health.url.to_string(),
            status: config.health.status,
            contains: config.health.contains.clone(),
        }),
        monitored: config.health.monitor.is_some(),
    }
}
