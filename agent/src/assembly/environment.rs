//! From an environment's configuration to the parts that its driver acts through.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    doings,
    files::{Source, Sources},
    github,
};
use crate::{
    adapters::{
        backup::{BackupSettings, FileBackups},
        docker::{
            Containers, DockerRuntime, DockerSettings, RestartAction, Signal, default_socket,
        },
        github::Github,
        hooks::CommandHooks,
        http_probe::HttpProbe,
        neighbour::KernelNeighbours,
        oidc::{Oidc, OidcSettings},
        process::{ProcessRuntime, ProcessSettings},
        validated_file,
    },
    config::{
        BackupConfig, ComposeAction, Config, EnvironmentConfig, GithubSource, OidcConfig,
        ReloadSignal, RuntimeConfig, VerdictSource,
    },
    engine::{About, Clock, Parts, ProbePlan, Probed, Promotion, Setup},
    journal::Journal,
    ports::{Backups, LogSource, Runtime, SecondProof, SourceRepository, Verifier},
    verify::{
        command::CommandVerifier,
        github::{GithubVerifier, Poller},
    },
};

/// How long a running step may go on when the agent is told to stop; systemd waits 20 s in all.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(8);

/// Makes the parts of one environment after the other.
pub(super) struct Builder {
    state_dir: PathBuf,
    http: reqwest::Client,
    clock: Clock,
    /// One for all environments; there where GitHub is configured.
    poller: Option<Arc<Poller>>,
    sources: Sources,
    /// One for all environments: what the kernel refuses to one it refuses to all.
    neighbours: Arc<KernelNeighbours>,
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
        let sources = Sources::new(config, http.clone());
        let neighbours = Arc::default();
        Self { state_dir, http, clock, poller, sources, neighbours }
    }

    /// What people read of an environment that has no driver, and its application's log.
    pub(super) fn undriven(&self, config: &EnvironmentConfig) -> (About, Arc<dyn LogSource>) {
        let source = self.sources.of(config);
        let logs = self.runtime(config, &source.folder).logs();
        (about(config, &source, None), logs)
    }

    /// What drives an environment, and what it promotes from.
    pub(super) fn setup(
        &self,
        config: &EnvironmentConfig,
        journal: Journal,
        promotion: Option<Promotion>,
    ) -> Setup {
        let source = self.sources.of(config);
        let about = about(config, &source, promotion.as_ref());
        let runtime = self.runtime(config, &source.folder);
        let parts = Parts {
            probe: Some(Arc::new(self.probe(config))),
            probe_plan: probe_plan(config),
            hooks: Arc::new(hooks(config, &source.folder)),
            verifier: self.verifier(config, &source.repository),
            backups: backups(config, source.own_git),
            promotion,
            proof: self.proof(config),
            source: source.repository,
            runtime,
            repository_lock: source.lock,
        };
        Setup {
            name: config.name.clone(),
            about,
            policy: config.policy(),
            parts,
            journal,
            clock: self.clock,
            shutdown_grace: SHUTDOWN_GRACE,
            predecessor: config.validated_sha_file.as_deref().and_then(validated_file::read),
        }
    }

    fn runtime(&self, config: &EnvironmentConfig, folder: &Path) -> Arc<dyn Runtime> {
        match &config.runtime {
            RuntimeConfig::Process(process) => Arc::new(ProcessRuntime::new(ProcessSettings {
                name: config.name.to_string(),
                argv: process.run.as_slice().to_vec(),
                cwd: folder.join(&process.cwd),
                env: process.env.clone().into_iter().collect(),
                stop_timeout: process.stop_timeout,
                state_dir: self.state_dir.join("process").join(config.name.as_str()),
            })),
            RuntimeConfig::Compose(compose) => self.docker(DockerSettings {
                socket: default_socket(),
                containers: Containers::ComposeProject {
                    file: compose.file.clone(),
                    project: compose.project.clone(),
                },
                action: match compose.action {
                    ComposeAction::Restart => RestartAction::Restart,
                    ComposeAction::Recreate => RestartAction::Recreate,
                    ComposeAction::Reload(by) => RestartAction::Reload(signal(by)),
                },
                stop_timeout: compose.stop.timeout,
                wait_for_deaf: compose.stop.wait_for_deaf,
            }),
            RuntimeConfig::Container(container) => self.docker(DockerSettings {
                socket: default_socket(),
                containers: Containers::Named(container.containers.clone()),
                action: match container.reload {
                    Some(by) => RestartAction::Reload(signal(by)),
                    None => RestartAction::Restart,
                },
                stop_timeout: container.stop.timeout,
                wait_for_deaf: container.stop.wait_for_deaf,
            }),
        }
    }

    fn docker(&self, settings: DockerSettings) -> Arc<dyn Runtime> {
        Arc::new(DockerRuntime::new(settings).telling(self.neighbours.clone()))
    }

    fn proof(&self, config: &EnvironmentConfig) -> Option<Arc<dyn SecondProof>> {
        let OidcConfig { issuer, audience, claims } = config.oidc.clone()?;
        let settings = OidcSettings { issuer, audience, claims };
        Some(Arc::new(Oidc::new(self.http.clone(), settings)))
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

    fn github_verifier(
        &self,
        config: &EnvironmentConfig,
        source: &GithubSource,
    ) -> Option<Arc<dyn Verifier>> {
        Some(Arc::new(GithubVerifier {
            poller: self.poller.clone()?,
            workflows: source.workflows.clone().into(),
            event: source.event.clone(),
            branch: self.sources.branch_of(config)?,
            start_delay: source.start_delay,
            poll: source.poll,
        }))
    }
}

fn signal(by: ReloadSignal) -> Signal {
    match by {
        ReloadSignal::Hup => Signal::HUP,
        ReloadSignal::Usr1 => Signal::USR1,
        ReloadSignal::Usr2 => Signal::USR2,
    }
}

fn backups(config: &EnvironmentConfig, own_git_dir: Option<PathBuf>) -> Option<Arc<dyn Backups>> {
    let BackupConfig { paths, dir, keep } = config.backup.clone()?;
    let environment = config.name.clone();
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    Some(Arc::new(FileBackups::new(BackupSettings { environment, paths, dir, keep, own_git_dir })))
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

fn hooks(config: &EnvironmentConfig, folder: &Path) -> CommandHooks {
    let lists = |commands: &[crate::config::Argv]| {
        commands.iter().map(|argv| argv.as_slice().to_vec()).collect()
    };
    CommandHooks {
        environment: config.name.clone(),
        pre_restart: lists(&config.hooks.pre_restart),
        post_restart: lists(&config.hooks.post_restart),
        cwd: folder.to_owned(),
        timeout: config.hooks.timeout,
    }
}

fn about(config: &EnvironmentConfig, source: &Source, promotion: Option<&Promotion>) -> About {
    let nowhere = promotion.and_then(|promotion| promotion.broken.clone());
    About {
        title: config.title.clone(),
        url: config.url.as_ref().map(ToString::to_string),
        unavailable: source.unavailable.clone().or(nowhere),
        absent: source.absent.clone(),
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
