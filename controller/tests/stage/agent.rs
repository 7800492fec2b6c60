//! An agent that plays a script: real TCP, real TLS 1.3 with client certificates, real gRPC.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex},
};

use prost::Message;
use ripcord_proto::v1::{
    self, Progress,
    agent_service_server::{AgentService, AgentServiceServer},
    progress::Item,
};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::AbortHandle,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Code, Request, Response, Status, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt};

use super::Stage;

/// What a call for a stream is answered with.
pub enum Act {
    Refuse(Status),
    /// These items, then the end of the stream.
    Tell(Vec<Item>),
    /// These items, then silence.
    TellAndHang(Vec<Item>),
    Lines(Vec<v1::StreamLogsResponse>),
    LinesAndHang(Vec<v1::StreamLogsResponse>),
}

/// What the agent was asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Deploy(v1::DeployRequest),
    Rollback(v1::RollbackRequest),
    Watch(v1::WatchRequest),
    Logs(v1::StreamLogsRequest),
    Verdict(v1::VerdictRequest),
    Hold(v1::HoldRequest),
    Nudge(v1::NudgeRequest),
    NotifyTest(v1::NotifyTestRequest),
    Stats(v1::StatsRequest),
    Diagnose(v1::DiagnoseRequest),
}

#[derive(Default)]
struct Script {
    acts: Mutex<VecDeque<Act>>,
    calls: Mutex<Vec<Call>>,
    metadata: Mutex<Vec<MetadataMap>>,
    status: Mutex<v1::StatusResponse>,
    history: Mutex<v1::HistoryResponse>,
    saved: Mutex<v1::BackupsResponse>,
    notify_test: Mutex<v1::NotifyTestResponse>,
    stats: Mutex<v1::StatsResponse>,
    /// `None`: an agent from before it could look at itself.
    diagnosis: Mutex<Option<v1::DiagnoseResponse>>,
}

/// The agent. It listens until it is dropped.
pub struct Agent {
    pub port: u16,
    script: Arc<Script>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    tasks: Vec<AbortHandle>,
}

impl Agent {
    pub async fn start(stage: &Stage, acts: Vec<Act>) -> Self {
        let script = Arc::new(Script { acts: Mutex::new(acts.into()), ..Script::default() });
        let (inner, serving) = serve(stage, script.clone()).await;
        let connections = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxying = tokio::spawn(proxy(listener, inner, connections.clone())).abort_handle();
        Self { port, script, connections, tasks: vec![serving, proxying] }
    }

    /// Cuts every connection, as a network does.
    pub fn cut(&self) {
        self.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }

    /// Never answers again.
    pub fn vanish(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.cut();
    }

    pub fn calls(&self) -> Vec<Call> {
        self.script.calls.lock().unwrap().clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    /// What came with each call for a deployment.
    pub fn metadata(&self) -> Vec<MetadataMap> {
        self.script.metadata.lock().unwrap().clone()
    }

    pub fn set_status(&self, status: v1::StatusResponse) {
        *self.script.status.lock().unwrap() = status;
    }

    pub fn set_notify_test(&self, tested: v1::NotifyTestResponse) {
        *self.script.notify_test.lock().unwrap() = tested;
    }

    pub fn set_diagnosis(&self, diagnosis: v1::DiagnoseResponse) {
        *self.script.diagnosis.lock().unwrap() = Some(diagnosis);
    }

    pub fn set_backups(&self, backups: v1::BackupsResponse) {
        *self.script.saved.lock().unwrap() = backups;
    }

    pub fn set_history(&self, history: v1::HistoryResponse) {
        *self.script.history.lock().unwrap() = history;
    }

    pub fn set_stats(&self, stats: v1::StatsResponse) {
        *self.script.stats.lock().unwrap() = stats;
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.vanish();
    }
}

/// A status with the agent's own reason.
pub fn refusal(reason: &str, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, ripcord_proto::ERROR_DOMAIN, []);
    Status::with_error_details(Code::FailedPrecondition, message, details)
}

pub fn batch(cursor: &str, lines: Vec<v1::LogLine>) -> v1::StreamLogsResponse {
    let batch = v1::LogBatch { lines, cursor: cursor.into() };
    let item = v1::stream_logs_response::Item::Batch(batch.encode_to_vec().into());
    v1::StreamLogsResponse { item: Some(item) }
}

async fn proxy(listener: TcpListener, to: u16, connections: Arc<Mutex<Vec<AbortHandle>>>) {
    loop {
        let (mut outside, _) = listener.accept().await.unwrap();
        let copying = tokio::spawn(async move {
            let mut inside = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let _ = copy_bidirectional(&mut outside, &mut inside).await;
        });
        connections.lock().unwrap().push(copying.abort_handle());
    }
}

async fn serve(stage: &Stage, script: Arc<Script>) -> (u16, AbortHandle) {
    let acceptor = TlsAcceptor::from(Arc::new(tls(stage)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (accepted, incoming) = mpsc::channel(16);
    let accepting = async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (acceptor, accepted) = (acceptor.clone(), accepted.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(socket).await {
                    let _ = accepted.send(Ok::<_, std::io::Error>(stream)).await;
                }
            });
        }
    };
    let serving = tonic::transport::Server::builder()
        .add_service(AgentServiceServer::from_arc(script))
        .serve_with_incoming(ReceiverStream::new(incoming));
    let both = async move {
        tokio::select! {
            () = accepting => {}
            served = serving => served.unwrap(),
        }
    };
    (port, tokio::spawn(both).abort_handle())
}

fn tls(stage: &Stage) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(stage.pki("client-ca.pem")).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let chain = vec![CertificateDer::from_pem_file(stage.pki("agent.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(stage.pki("agent.key")).unwrap();
    let versions = &[&rustls::version::TLS13];
    let mut config = ServerConfig::builder_with_protocol_versions(versions)
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Script {
    fn call(&self, call: Call) -> Result<Act, Status> {
        self.calls.lock().unwrap().push(call);
        match self.acts.lock().unwrap().pop_front() {
            Some(Act::Refuse(status)) => Err(status),
            Some(act) => Ok(act),
            None => Err(Status::internal("the script is over")),
        }
    }

    fn story<T: Send + 'static>(
        &self,
        call: Call,
        wrap: fn(Option<Progress>) -> T,
    ) -> Result<Response<Answers<T>>, Status> {
        let (items, hangs) = match self.call(call)? {
            Act::Tell(items) => (items, false),
            Act::TellAndHang(items) => (items, true),
            Act::Refuse(_) | Act::Lines(_) | Act::LinesAndHang(_) => {
                panic!("a story was asked for")
            }
        };
        let told = items.into_iter().map(move |item| Ok(wrap(Some(Progress { item: Some(item) }))));
        Ok(answers(told.collect(), hangs))
    }
}

fn answers<T: Send + 'static>(told: Vec<Result<T, Status>>, hangs: bool) -> Response<Answers<T>> {
    let told = tokio_stream::iter(told);
    let stream: Answers<T> =
        if hangs { Box::pin(told.chain(tokio_stream::pending())) } else { Box::pin(told) };
    Response::new(stream)
}

#[tonic::async_trait]
impl AgentService for Script {
    type DeployStream = Answers<v1::DeployResponse>;
    type RollbackStream = Answers<v1::RollbackResponse>;
    type WatchStream = Answers<v1::WatchResponse>;
    type StreamLogsStream = Answers<v1::StreamLogsResponse>;

    async fn deploy(
        &self,
        request: Request<v1::DeployRequest>,
    ) -> Result<Response<Self::DeployStream>, Status> {
        let wrap = |progress| v1::DeployResponse { progress };
        self.metadata.lock().unwrap().push(request.metadata().clone());
        self.story(Call::Deploy(request.into_inner()), wrap)
    }

    async fn rollback(
        &self,
        request: Request<v1::RollbackRequest>,
    ) -> Result<Response<Self::RollbackStream>, Status> {
        let wrap = |progress| v1::RollbackResponse { progress };
        self.story(Call::Rollback(request.into_inner()), wrap)
    }

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let wrap = |progress| v1::WatchResponse { progress };
        self.story(Call::Watch(request.into_inner()), wrap)
    }

    async fn status(
        &self,
        _request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusResponse>, Status> {
        Ok(Response::new(self.status.lock().unwrap().clone()))
    }

    async fn history(
        &self,
        _request: Request<v1::HistoryRequest>,
    ) -> Result<Response<v1::HistoryResponse>, Status> {
        Ok(Response::new(self.history.lock().unwrap().clone()))
    }

    async fn backups(
        &self,
        _request: Request<v1::BackupsRequest>,
    ) -> Result<Response<v1::BackupsResponse>, Status> {
        Ok(Response::new(self.saved.lock().unwrap().clone()))
    }

    async fn stats(
        &self,
        request: Request<v1::StatsRequest>,
    ) -> Result<Response<v1::StatsResponse>, Status> {
        self.calls.lock().unwrap().push(Call::Stats(request.into_inner()));
        Ok(Response::new(self.stats.lock().unwrap().clone()))
    }

    async fn stream_logs(
        &self,
        request: Request<v1::StreamLogsRequest>,
    ) -> Result<Response<Self::StreamLogsStream>, Status> {
        let (lines, hangs) = match self.call(Call::Logs(request.into_inner()))? {
            Act::Lines(lines) => (lines, false),
            Act::LinesAndHang(lines) => (lines, true),
            Act::Refuse(_) | Act::Tell(_) | Act::TellAndHang(_) => panic!("lines were asked for"),
        };
        Ok(answers(lines.into_iter().map(Ok).collect(), hangs))
    }

    async fn hold(
        &self,
        request: Request<v1::HoldRequest>,
    ) -> Result<Response<v1::HoldResponse>, Status> {
        let request = request.into_inner();
        self.calls.lock().unwrap().push(Call::Hold(request.clone()));
        let hold = v1::HoldInfo {
            by: "spiffe://ripcord-dev/operator/dev".into(),
            reason: request.reason,
            since: None,
        };
        Ok(Response::new(v1::HoldResponse { hold: Some(hold) }))
    }

    async fn resume(
        &self,
        _request: Request<v1::ResumeRequest>,
    ) -> Result<Response<v1::ResumeResponse>, Status> {
        Ok(Response::new(v1::ResumeResponse { was_held: true }))
    }

    async fn nudge(
        &self,
        request: Request<v1::NudgeRequest>,
    ) -> Result<Response<v1::NudgeResponse>, Status> {
        let request = request.into_inner();
        let deployments = if request.deployment == 0 { vec![142] } else { Vec::new() };
        self.calls.lock().unwrap().push(Call::Nudge(request));
        Ok(Response::new(v1::NudgeResponse { deployments }))
    }

    async fn notify_test(
        &self,
        request: Request<v1::NotifyTestRequest>,
    ) -> Result<Response<v1::NotifyTestResponse>, Status> {
        self.calls.lock().unwrap().push(Call::NotifyTest(request.into_inner()));
        Ok(Response::new(self.notify_test.lock().unwrap().clone()))
    }

    async fn diagnose(
        &self,
        request: Request<v1::DiagnoseRequest>,
    ) -> Result<Response<v1::DiagnoseResponse>, Status> {
        self.calls.lock().unwrap().push(Call::Diagnose(request.into_inner()));
        let diagnosis = self.diagnosis.lock().unwrap().clone();
        diagnosis.map(Response::new).ok_or_else(|| Status::unimplemented(""))
    }

    async fn verdict(
        &self,
        request: Request<v1::VerdictRequest>,
    ) -> Result<Response<v1::VerdictResponse>, Status> {
        self.calls.lock().unwrap().push(Call::Verdict(request.into_inner()));
        Ok(Response::new(v1::VerdictResponse { message: "validated #142".into() }))
    }
}
