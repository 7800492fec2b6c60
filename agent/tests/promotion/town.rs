//! A preprod with a real clone and a prod whose files a real command brings from there. What runs,
//! how it looks and what CI says are scripts.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use ripcord_agent::{
    adapters::{
        git::{GitRepository, Settings},
        promote::PromotedFiles,
    },
    engine::{Carried, EnvironmentHandle, ProbePlan, Promotion},
    ports::{Backup, Backups, Reporter, SourceRepository},
};
use ripcord_core::{
    Answer, BackupId, Brought, CommitSha, DeployRequest, Deployment, DeploymentNumber, Event,
    Failure, Placement, Policy, Refusal, RollbackRequest, Timestamp, Verdict, VerifyWhen,
    effect::{BackupReport, TreeReport},
};
use tokio::sync::Semaphore;

use crate::support::{
    fake::{Agent, Stage, bounded, request},
    git::Clone,
};

/// How a test wants its prod.
pub struct Wanted {
    /// What the command does in the folder that holds the commit's files; `$PROD` is prod's.
    pub script: &'static str,
    pub timeout: Duration,
    pub backed_up: bool,
}

/// Brings the page, as the mission's script does.
pub const COPY: &str = "mkdir -p $PROD; pwd >$PROD/from; cp page.txt $PROD/page.txt";

impl Default for Wanted {
    fn default() -> Self {
        Self { script: COPY, timeout: Duration::from_secs(20), backed_up: true }
    }
}

pub struct Town {
    pub agent: Agent,
    pub git: Clone,
    pub preprod: Stage,
    pub prod: Stage,
    pub backups: Arc<FakeBackups>,
    pub files: Arc<PromotedFiles>,
}

fn quick() -> ProbePlan {
    let interval = Duration::from_millis(5);
    ProbePlan { attempts: 2, interval, grace: Duration::ZERO, successes: 1 }
}

impl Town {
    pub async fn new() -> Self {
        Self::with(Wanted::default()).await
    }

    pub async fn with(wanted: Wanted) -> Self {
        let agent = Agent::new();
        let root = agent.folder.path().to_owned();
        let git = Clone::new(&root);
        let repository = GitRepository::open(settings(&root, &git.live)).unwrap();
        let source = Arc::new(repository.clone());
        let preprod = agent.stage_with("preprod", Policy::default(), |setup| {
            setup.parts.probe_plan = quick();
            setup.parts.source = source;
        });
        let preprod = preprod.await;
        let backups = Arc::new(FakeBackups::of(&root.join("prod")));
        let files = Arc::new(PromotedFiles {
            environment: "prod".parse().unwrap(),
            source: "preprod".parse().unwrap(),
            repository: Ok(repository),
            repository_lock: agent.lock.clone(),
            run: vec![program(&root, wanted.script)],
            timeout: wanted.timeout,
            checkouts: root.join("checkouts"),
            backed_up: wanted.backed_up,
        });
        let policy =
            Policy { when: VerifyWhen::None, backs_up: wanted.backed_up, ..Policy::default() };
        let prod = agent.stage_with("prod", policy, |setup| {
            let parts = &mut setup.parts;
            parts.probe_plan = quick();
            parts.source = files.clone();
            parts.promotion = Some(promotion(&preprod.handle));
            parts.backups = wanted.backed_up.then(|| backups.clone() as Arc<dyn Backups>);
            parts.repository_lock = Arc::default();
        });
        let prod = prod.await;
        Self { agent, git, preprod, prod, backups, files }
    }

    /// A commit with this page that preprod has validated.
    pub async fn validated(&self, page: &str) -> CommitSha {
        self.in_preprod(page, Verdict::Success).await
    }

    /// A commit with this page that was deployed to preprod, and got this verdict.
    pub async fn in_preprod(&self, page: &str, verdict: Verdict) -> CommitSha {
        let sha = self.git.pushed(page).parse().unwrap();
        *self.preprod.world.script.verdict.lock().unwrap() = Some(verdict);
        let Answer::Admitted(number) = self.ask(&self.preprod, sha).await else { panic!("{page}") };
        self.preprod.ended(number).await;
        self.preprod.until(|state| state.open.values().all(|it| it.outcome.is_some())).await;
        sha
    }

    pub async fn ask(&self, stage: &Stage, sha: CommitSha) -> Answer {
        let redeploy = true;
        stage
            .handle
            .deploy(DeployRequest { sha, redeploy, ..request(0) }, "", &Carried::Nothing)
            .await
            .unwrap()
    }

    /// Promotes, and waits for the end of it, and of what undoes it.
    pub async fn promote(&self, sha: CommitSha) -> Deployment {
        let Answer::Admitted(number) = self.ask(&self.prod, sha).await else { panic!("{sha}") };
        let ended = self.prod.ended(number).await;
        self.prod.until(|state| state.open.values().all(|it| it.outcome.is_some())).await;
        ended
    }

    /// Asks prod for a commit that it must refuse; answers why.
    pub async fn refused(&self, sha: CommitSha) -> Refusal {
        match self.ask(&self.prod, sha).await {
            Answer::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    pub async fn roll_back(&self, stage: &Stage, to: Option<Placement>) -> Deployment {
        let request = RollbackRequest {
            to,
            backup: None,
            by: "spiffe://test/operator/ada".parse().unwrap(),
            reason: None,
            request_id: None,
            hold: Some(false),
        };
        match stage.handle.rollback(request).await.unwrap() {
            Answer::Admitted(number) => stage.ended(number).await,
            other => panic!("{other:?}"),
        }
    }

    /// What lies in prod.
    pub fn page(&self) -> Option<String> {
        fs::read_to_string(self.root().join("prod/page.txt")).ok()
    }

    /// Where the command took it from.
    pub fn from(&self) -> PathBuf {
        fs::read_to_string(self.root().join("prod/from")).unwrap().trim().into()
    }

    /// Preprod's repository, where `repository` names this folder.
    pub fn open(&self, folder: &Path) -> GitRepository {
        GitRepository::open(settings(self.root(), folder)).unwrap()
    }

    pub fn root(&self) -> &Path {
        self.agent.folder.path()
    }

    /// The page's place in preprod.
    pub fn live(&self) -> PathBuf {
        self.git.live.canonicalize().unwrap()
    }

    /// The events of a deployment to prod, a line each.
    pub async fn told(&self, number: DeploymentNumber) -> String {
        told(&self.prod, number).await
    }

    /// Waits until its story has this in it.
    pub async fn tells(&self, stage: &Stage, number: DeploymentNumber, what: &str) {
        let telling = async {
            while !told(stage, number).await.contains(what) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        bounded(telling).await;
    }

    /// Whether the story of prod has it that nothing was touched.
    pub async fn touched(&self, number: DeploymentNumber) -> bool {
        let records = self.prod.story(number).await;
        records.iter().any(|record| {
            matches!(&record.entry.event, Event::PhaseEntered { phase } if phase.has_touched())
        })
    }
}

async fn told(stage: &Stage, number: DeploymentNumber) -> String {
    let records = stage.story(number).await;
    let lines = records.iter().map(|record| format!("{:?}", record.entry.event));
    lines.collect::<Vec<_>>().join("\n")
}

/// Waits, not for ever, until something is so.
pub async fn comes_to_be(is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    bounded(looking).await;
}

pub fn promotion(source: &EnvironmentHandle) -> Promotion {
    Promotion {
        source: source.name.clone(),
        title: "PREPROD".to_owned(),
        state: source.state.clone(),
        journal: source.journal().clone(),
        repository: source.repository.clone(),
        broken: None,
    }
}

fn settings(root: &Path, path: &Path) -> Settings {
    Settings {
        environment: "preprod".parse().unwrap(),
        path: path.to_owned(),
        remote: "origin".to_owned(),
        branch: "main".to_owned(),
        credentials: None,
        state_dir: root.join("state"),
        fetch_timeout: Duration::from_secs(20),
        http: None,
        ssh_program: "ssh".into(),
    }
}

/// The operator's script, which knows where prod is.
fn program(root: &Path, script: &str) -> String {
    let path = root.join("promote.sh");
    let text = format!("#!/bin/sh\nset -e\nPROD={}\n{script}\n", root.join("prod").display());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// Saves the page in memory; as slow as a test wants.
pub struct FakeBackups {
    folder: PathBuf,
    made: Mutex<Vec<(Backup, Option<String>)>>,
    /// A permit per backup; plenty unless a test takes them.
    pub making: Semaphore,
    /// A permit for each backup that has begun.
    pub begun: Semaphore,
}

impl FakeBackups {
    fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            made: Mutex::default(),
            making: Semaphore::new(Semaphore::MAX_PERMITS),
            begun: Semaphore::new(0),
        }
    }

    pub fn made(&self) -> Vec<Backup> {
        self.made.lock().unwrap().iter().map(|(backup, _)| backup.clone()).collect()
    }

    /// Loses all that was saved.
    pub fn forget(&self) {
        self.made.lock().unwrap().clear();
    }
}

#[async_trait]
impl Backups for FakeBackups {
    async fn preflight(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn make(
        &self,
        before: DeploymentNumber,
        of: Option<Placement>,
        _: &Reporter,
    ) -> Result<BackupReport, Failure> {
        self.begun.add_permits(1);
        self.making.acquire().await.unwrap().forget();
        let id: BackupId = format!("20261123T061742Z-{}", before.0).parse().unwrap();
        let path = self.folder.clone();
        let backup = Backup {
            id: id.clone(),
            before,
            of,
            made_at: Timestamp(0),
            files: 1,
            bytes: 1,
            archive_bytes: 1,
            path: path.clone(),
            damage: None,
        };
        let page = fs::read_to_string(self.folder.join("page.txt")).ok();
        self.made.lock().unwrap().insert(0, (backup, page));
        Ok(BackupReport { id, path: path.display().to_string(), files: 1, bytes: 1 })
    }

    async fn list(&self) -> Result<Vec<Backup>, Failure> {
        Ok(self.made())
    }

    async fn verify(&self, _: &BackupId, _: &Reporter) -> Result<(), Failure> {
        Ok(())
    }

    async fn restore(
        &self,
        id: &BackupId,
        _: DeploymentNumber,
        _: &Reporter,
    ) -> Result<TreeReport, Failure> {
        let made = self.made.lock().unwrap();
        let (_, page) = made.iter().find(|(backup, _)| backup.id == *id).unwrap();
        match page {
            Some(page) => fs::write(self.folder.join("page.txt"), page).unwrap(),
            None => drop(fs::remove_file(self.folder.join("page.txt"))),
        }
        let brought = Brought::Restored { backup: id.clone() };
        Ok(TreeReport { brought, ..TreeReport::default() })
    }
}

/// The adapter alone, as the engine calls it.
pub async fn bring(files: &PromotedFiles, sha: CommitSha) -> Result<TreeReport, Failure> {
    let (reporter, mut told) = Reporter::channel(64);
    let reset = async { files.reset(DeploymentNumber(7), sha, &reporter).await };
    tokio::select! {
        report = reset => report,
        () = async { while told.recv().await.is_some() {} } => unreachable!("it ends first"),
    }
}
