//! A service behind the agent's door that does nothing but what its caller may do, and counts its calls.

// Each test binary uses its own part of this.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{StreamExt, stream::BoxStream};
use ripcord_agent::{
    config::Config,
    rpc::{
        access::{Access, AccessTable, Hold, Logs},
        limits,
        listener::Listener,
        peer::{self, Peer},
        tls::Tls,
    },
};
use ripcord_core::EnvironmentName;
use ripcord_proto::v1::{self, agent_service_server as server};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::InterceptorLayer};

use super::pki::Pki;

/// A running door.
pub struct Lab {
    pub address: SocketAddr,
    pub tls: Arc<Tls>,
    pub access: Arc<Access>,
    pub calls: Arc<AtomicUsize>,
    pub stop: CancellationToken,
    pub served: JoinHandle<()>,
}

/// Operators may do all, viewers may look; the environments are `lab` and `prod`.
pub const RULES: &str = r#"
[[access]]
identity = "spiffe://lab/operator/*"
allow = { "*" = ["deploy", "rollback", "hold", "verdict", "status", "logs"] }
[[access]]
identity = "spiffe://lab/viewer/bob"
allow = { lab = ["status", "logs"] }
"#;

/// A configuration with these rules.
pub fn config_text(rules: &str) -> String {
    let environment = |name: &str| {
        format!(
            "[environments.{name}]\nrepository = \"/srv\"\nurl = \"http://127.0.0.1/\"\n\
             runtime = {{ kind = \"process\", run = [\"true\"] }}\n"
        )
    };
    format!(
        "listen = \"127.0.0.1:0\"\nstate_dir = \"/s\"\n\
         tls = {{ cert = \"/c\", key = \"/k\", client_ca = \"/a\" }}\n{rules}\n{}{}",
        environment("lab"),
        environment("prod")
    )
}

pub fn table(rules: &str) -> AccessTable {
    let config = Config::parse(Path::new("agent.toml"), &config_text(rules)).unwrap();
    AccessTable::from_config(&config.access)
}

impl Lab {
    pub async fn start(pki: &Pki) -> Self {
        Self::start_with(Tls::load(&pki.tls_config()).unwrap()).await
    }

    pub async fn start_with(tls: Arc<Tls>) -> Self {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), Arc::clone(&tls)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (access, calls) = (Access::new(table(RULES)), Arc::new(AtomicUsize::new(0)));
        let stop = CancellationToken::new();
        let service = Service { access: Arc::clone(&access), calls: Arc::clone(&calls) };
        let (_, health) = tonic_health::server::health_reporter();
        let serve = limits::server()
            .layer(InterceptorLayer::new(peer::require))
            .add_service(health)
            .add_service(server::AgentServiceServer::new(service))
            .serve_with_incoming_shutdown(listener.incoming(), stop.clone().cancelled_owned());
        let served = tokio::spawn(async move { serve.await.unwrap() });
        Self { address, tls, access, calls, stop, served }
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

struct Service {
    access: Arc<Access>,
    calls: Arc<AtomicUsize>,
}

impl Service {
    fn peer<T>(&self, request: &Request<T>) -> Result<Peer, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Peer::of(request)
    }
}

fn environment(name: &str) -> Result<EnvironmentName, Status> {
    name.parse().map_err(|_| Status::invalid_argument("environment"))
}

type Told<T> = Result<Response<T>, Status>;
type Stream<T> = BoxStream<'static, Result<T, Status>>;

#[tonic::async_trait]
impl server::AgentService for Service {
    type DeployStream = Stream<v1::DeployResponse>;
    type RollbackStream = Stream<v1::RollbackResponse>;
    type WatchStream = Stream<v1::WatchResponse>;
    type StreamLogsStream = Stream<v1::StreamLogsResponse>;

    /// Names what the caller may see, and who the caller is.
    async fn status(&self, request: Request<v1::StatusRequest>) -> Told<v1::StatusResponse> {
        let peer = self.peer(&request)?;
        let names = [environment("lab")?, environment("prod")?];
        let visible = self.access.visible(&peer, &names);
        let environments = visible.iter().map(|allowed| v1::EnvironmentStatus {
            name: allowed.environment().to_string(),
            ..Default::default()
        });
        let agent = v1::AgentInfo { host: peer.identity().to_string(), ..Default::default() };
        Ok(Response::new(v1::StatusResponse {
            agent: Some(agent),
            environments: environments.collect(),
            sinks: Vec::new(),
        }))
    }

    async fn hold(&self, request: Request<v1::HoldRequest>) -> Told<v1::HoldResponse> {
        let peer = self.peer(&request)?;
        let environment = environment(&request.get_ref().environment)?;
        let allowed = self.access.authorize::<Hold>(&peer, &environment)?;
        let hold = v1::HoldInfo { by: allowed.identity().to_string(), ..Default::default() };
        Ok(Response::new(v1::HoldResponse { hold: Some(hold) }))
    }

    /// One line, and then silence for as long as the caller is allowed to listen.
    async fn stream_logs(
        &self,
        request: Request<v1::StreamLogsRequest>,
    ) -> Told<Self::StreamLogsStream> {
        let peer = self.peer(&request)?;
        let environment = environment(&request.get_ref().environment)?;
        self.access.authorize::<Logs>(&peer, &environment)?;
        let end = Arc::clone(&self.access).withdrawn::<Logs>(peer, environment);
        let first = futures_util::stream::iter([Ok(v1::StreamLogsResponse::default())]);
        let last = futures_util::stream::once(async { Err(end.await) });
        Ok(Response::new(first.chain(last).boxed()))
    }

    async fn deploy(&self, _: Request<v1::DeployRequest>) -> Told<Self::DeployStream> {
        Err(Status::unimplemented(""))
    }

    async fn rollback(&self, _: Request<v1::RollbackRequest>) -> Told<Self::RollbackStream> {
        Err(Status::unimplemented(""))
    }

    async fn watch(&self, _: Request<v1::WatchRequest>) -> Told<Self::WatchStream> {
        Err(Status::unimplemented(""))
    }

    async fn history(&self, _: Request<v1::HistoryRequest>) -> Told<v1::HistoryResponse> {
        Err(Status::unimplemented(""))
    }

    async fn backups(&self, _: Request<v1::BackupsRequest>) -> Told<v1::BackupsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn stats(&self, _: Request<v1::StatsRequest>) -> Told<v1::StatsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn resume(&self, _: Request<v1::ResumeRequest>) -> Told<v1::ResumeResponse> {
        Err(Status::unimplemented(""))
    }

    async fn nudge(&self, _: Request<v1::NudgeRequest>) -> Told<v1::NudgeResponse> {
        Err(Status::unimplemented(""))
    }

    async fn notify_test(&self, _: Request<v1::NotifyTestRequest>) -> Told<v1::NotifyTestResponse> {
        Err(Status::unimplemented(""))
    }

    async fn diagnose(&self, _: Request<v1::DiagnoseRequest>) -> Told<v1::DiagnoseResponse> {
        Err(Status::unimplemented(""))
    }

    async fn verdict(&self, _: Request<v1::VerdictRequest>) -> Told<v1::VerdictResponse> {
        Err(Status::unimplemented(""))
    }
}
