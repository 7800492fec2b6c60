//! Preprod and prod on one agent, their outside world a script, served over real mutual TLS.

// Nobody but this test uses it.
#![allow(unreachable_pub)]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use ripcord_agent::{
    engine::{About, Doings, Engine, Place as Served, Promotion, Saving, Setup},
    logs::LogHub,
    notify::Outlets,
    ports::{
        Backup, Backups, Between, PreparedCommit, Reporter, Runtime, SourceRepository, TreeState,
    },
    rpc::{
        access::Access, limits, listener::Listener, peer, service::Service, stream_logs::Logs,
        tls::Tls,
    },
};
use ripcord_core::{
    BackupId, CommitSha, DeploymentNumber, Event, Failure, FailureKind, Placement, Policy,
    Timestamp, Verdict, VerifyWhen,
    effect::{BackupReport, TreeReport},
};
use ripcord_proto::v1::{
    self, WaitFor, agent_service_client::AgentServiceClient, agent_service_server as server,
    progress::Item,
};
use tokio::sync::watch;
use tonic::{Status, service::InterceptorLayer, transport::Channel};

use crate::support::{
    bounded::bounded,
    fake::{Agent, Stage, World, sha},
    lab, mtls,
    pki::{OPERATOR, Pki},
};

/// The folder where prod's files are saved, and what the test does to it.
#[derive(Default)]
pub struct Shelf {
    pub backups: Mutex<Vec<Backup>>,
    pub full: Mutex<bool>,
}

#[async_trait]
impl Backups for Shelf {
    async fn preflight(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn make(
        &self,
        before: DeploymentNumber,
        of: Option<Placement>,
        _: &Reporter,
    ) -> Result<BackupReport, Failure> {
        if *self.full.lock().unwrap() {
            return Err(Failure::new(FailureKind::Backup, "no space left on the disk"));
        }
        let id: BackupId = format!("20261123T06174{}Z-{}", before.0, before.0).parse().unwrap();
        let path = Path::new("/my backups").join(id.as_str());
        let shown = path.display().to_string();
        let (made_at, files, bytes) = (Timestamp(0), 3, 300);
        let archive_bytes = 100;
        let whole = Backup {
            id: id.clone(),
            before,
            of,
            made_at,
            files,
            bytes,
            archive_bytes,
            path,
            damage: None,
        };
        self.backups.lock().unwrap().insert(0, whole);
        Ok(BackupReport { id, path: shown, files, bytes })
    }

    async fn list(&self) -> Result<Vec<Backup>, Failure> {
        Ok(self.backups.lock().unwrap().clone())
    }

    async fn verify(&self, _: &BackupId, _: &Reporter) -> Result<(), Failure> {
        Ok(())
    }

    async fn restore(
        &self,
        _: &BackupId,
        _: DeploymentNumber,
        _: &Reporter,
    ) -> Result<TreeReport, Failure> {
        Ok(TreeReport::default())
    }
}

/// Files that a command brings: git can bring none of them back.
struct Promoted {
    world: Arc<World>,
    between: Arc<Mutex<Option<Between>>>,
}

#[async_trait]
impl SourceRepository for Promoted {
    async fn prepare(
        &self,
        sha: CommitSha,
        live: Option<CommitSha>,
        reporter: &Reporter,
    ) -> Result<PreparedCommit, Failure> {
        self.world.prepare(sha, live, reporter).await
    }

    async fn reset(
        &self,
        number: DeploymentNumber,
        sha: CommitSha,
        reporter: &Reporter,
    ) -> Result<TreeReport, Failure> {
        self.world.reset(number, sha, reporter).await
    }

    async fn inspect(&self, sha: CommitSha) -> Result<TreeState, Failure> {
        self.world.inspect(sha).await
    }

    async fn export(&self, _: CommitSha, _: &Path) -> Result<(), Failure> {
        Ok(())
    }

    async fn unpin_except(&self, _: &[CommitSha]) -> Result<(), Failure> {
        Ok(())
    }

    async fn between(&self, _: CommitSha, _: CommitSha) -> Result<Between, Failure> {
        let known = self.between.lock().unwrap().clone();
        known.ok_or_else(|| Failure::new(FailureKind::UnknownCommit, "not here"))
    }

    async fn preflight(&self) -> Result<String, Failure> {
        SourceRepository::preflight(&*self.world).await
    }

    fn remembers(&self) -> bool {
        false
    }
}

/// The agent with its two environments.
pub struct Place {
    pub preprod: Stage,
    pub prod: Stage,
    pub shelf: Arc<Shelf>,
    pub between: Arc<Mutex<Option<Between>>>,
    pub client: AgentServiceClient<Channel>,
    _agent: Agent,
    _pki: Pki,
}

fn unverified() -> Policy {
    Policy { when: VerifyWhen::None, ..Policy::default() }
}

fn about() -> About {
    let doings = Doings {
        find: "take the commit from the repository of preprod".into(),
        save: Some(Saving { paths: vec!["/app/prod".into()], dir: "/my backups".into(), keep: 10 }),
        bring: "bring the files with deploy.sh".into(),
        restart: "recreate the containers of prod.yml".into(),
        probe: "probe http://prod/, at most 5 failed tries".into(),
        judge: "the probe is the verdict".into(),
        bake: Some(Duration::from_secs(300)),
        hold_after_rollback: true,
        restart_by_hand: vec!["docker compose -f prod.yml up -d".into()],
        tree: None,
    };
    About { title: "PRODUCTION".into(), confirm: Some("DEPLOY".into()), doings, ..About::default() }
}

impl Place {
    pub async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = Agent::new();
        let preprod = agent.stage_with("preprod", Policy::default(), |_| {}).await;
        *preprod.world.script.verdict.lock().unwrap() = Some(Verdict::Success);
        let (shelf, between) = (Arc::<Shelf>::default(), Arc::default());
        let source = |world: &Arc<World>| {
            Arc::new(Promoted { world: world.clone(), between: Arc::clone(&between) })
        };
        let promotion = Promotion {
            source: preprod.handle.name.clone(),
            title: "PREPROD".into(),
            state: preprod.handle.state.clone(),
            journal: agent.journal.clone(),
            broken: None,
            repository: source(&preprod.world),
        };
        let policy = Policy { backs_up: true, hold_after_manual_rollback: true, ..unverified() };
        let (backups, world) = (shelf.clone(), preprod.world.clone());
        let prod = agent
            .stage_with("prod", policy, |setup: &mut Setup| {
                setup.about = about();
                setup.parts.source = source(&world);
                setup.parts.backups = Some(backups);
                setup.parts.promotion = Some(promotion);
                setup.parts.probe_plan.interval = Duration::from_millis(1);
                setup.parts.probe_plan.attempts = 1;
            })
            .await;
        let pki = Pki::new();
        let served = [&preprod, &prod].map(|stage| Served::Driven(stage.handle.clone()));
        let client = serve(Engine::new(served), &pki, &preprod).await;
        Self { preprod, prod, shelf, between, client, _agent: agent, _pki: pki }
    }

    /// Deploys to preprod and waits until it is validated there.
    pub async fn validate(&self, index: u8) {
        let number = self.preprod.deploy(index).await;
        self.preprod.ended(number).await;
    }

    pub fn fails_its_probe(&self) {
        let down = crate::support::fake::answered(500);
        self.prod.world.script.samples.lock().unwrap().push_back(down);
    }

    pub async fn deploy(&self, request: v1::DeployRequest) -> Result<v1::Result, Status> {
        let mut stream = self.client.clone().deploy(request).await?.into_inner();
        bounded(async move {
            loop {
                let progress = stream.message().await?.expect("a result").progress;
                if let Some(Item::Result(result)) = progress.and_then(|it| it.item) {
                    return Ok(result);
                }
            }
        })
        .await
    }

    pub async fn rollback(&self, request: v1::RollbackRequest) -> Result<v1::Result, Status> {
        let mut stream = self.client.clone().rollback(request).await?.into_inner();
        bounded(async move {
            loop {
                let progress = stream.message().await?.expect("a result").progress;
                if let Some(Item::Result(result)) = progress.and_then(|it| it.item) {
                    return Ok(result);
                }
            }
        })
        .await
    }

    /// How that deployment to prod ended, told again.
    pub async fn watch(&self, deployment: u64) -> v1::Result {
        let environment = "prod".into();
        let request = v1::WatchRequest { environment, deployment, ..v1::WatchRequest::default() };
        let mut stream = self.client.clone().watch(request).await.unwrap().into_inner();
        bounded(async move {
            loop {
                let progress = stream.message().await.unwrap().expect("a result").progress;
                if let Some(Item::Result(result)) = progress.and_then(|it| it.item) {
                    return result;
                }
            }
        })
        .await
    }

    /// A deployment to prod that all goes well with.
    pub async fn promoted(&self) -> v1::Result {
        self.deploy(confirmed()).await.unwrap()
    }

    /// What was refused, as the journal has it.
    pub async fn refused(&self) -> Vec<Event> {
        let journal = self.prod.handle.journal();
        let all = journal.after(ripcord_core::Sequence(0), 10_000).await.unwrap();
        let events = all.into_iter().map(|record| record.entry.event);
        events.filter(|event| matches!(event, Event::Refused { .. })).collect()
    }
}

async fn serve(engine: Engine, pki: &Pki, any: &Stage) -> AgentServiceClient<Channel> {
    let tls = Tls::load(&pki.tls_config()).unwrap();
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), tls.clone()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let access = Access::new(lab::table(lab::RULES));
    let (_, restarts) = watch::channel(Arc::default());
    let agent = LogHub::new(any.world.logs(), restarts);
    let logs = Arc::new(Logs { agent, applications: BTreeMap::new() });
    let service =
        Service::new(engine, access, logs, Arc::new(Outlets(Vec::new())), tls, Arc::default());
    let serve = limits::server()
        .layer(InterceptorLayer::new(peer::require))
        .add_service(server::AgentServiceServer::new(service))
        .serve_with_incoming(listener.incoming());
    tokio::spawn(serve);
    let pair = pki.client(OPERATOR);
    AgentServiceClient::new(mtls::client(address, pki, &pair))
}

/// A dry run of a deployment that names no commit.
pub fn dry() -> v1::DeployRequest {
    v1::DeployRequest { environment: "prod".into(), dry_run: true, ..v1::DeployRequest::default() }
}

pub fn confirmed() -> v1::DeployRequest {
    let wait = WaitFor::Verdict.into();
    v1::DeployRequest { dry_run: false, confirm: "DEPLOY".into(), wait, ..dry() }
}

pub fn back() -> v1::RollbackRequest {
    let wait = WaitFor::Verdict.into();
    v1::RollbackRequest { environment: "prod".into(), wait, ..v1::RollbackRequest::default() }
}

pub fn full(index: u8) -> String {
    sha(index).to_string()
}

/// The `ErrorInfo` reason of a refusal.
pub fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
