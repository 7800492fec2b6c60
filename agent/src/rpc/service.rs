//! The calls of `ripcord.v1.AgentService`: parse, authorize, handle, reply. Owns no work.

use std::{collections::BTreeSet, pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt as _, future::join_all};
use ripcord_core::{Answer, DeploymentNumber, EnvironmentName, Sequence};
use ripcord_proto::v1::{
    self, WaitFor, agent_service_server::AgentService, progress::Item, stream_logs_request::Of,
};
use tonic::{Request, Response, Status};

use super::{
    access::{self, Access, Authorized, ReadStatus},
    asking::{self, Reply},
    convert, doctor, errors, notify_test, parse,
    peer::Peer,
    progress::{self, ProgressStream, Reading},
    stats, status, stream_logs,
    tls::Tls,
};
use crate::{
    engine::{Diagnosis, Engine, EnvironmentHandle, Place},
    notify::Outlets,
};

/// How many deployments `history` lists when the caller does not say, and at most.
const HISTORY: (usize, usize) = (20, 1000);

/// The service.
#[derive(Clone)]
pub struct Service {
    engine: Engine,
    access: Arc<Access>,
    logs: Arc<stream_logs::Logs>,
    outlets: Arc<Outlets>,
    tls: Arc<Tls>,
    diagnosis: Arc<Diagnosis>,
}

type Stream_<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    /// A service of this engine, for whom `access` lets in.
    #[must_use]
    pub fn new(
        engine: Engine,
        access: Arc<Access>,
        logs: Arc<stream_logs::Logs>,
        outlets: Arc<Outlets>,
        tls: Arc<Tls>,
        diagnosis: Arc<Diagnosis>,
    ) -> Self {
        Self { engine, access, logs, outlets, tls, diagnosis }
    }

    fn environment(&self, name: &EnvironmentName) -> Result<&EnvironmentHandle, Status> {
        match self.place(name)? {
            Place::Driven(environment) => Ok(environment),
            Place::Stopped(stopped) => Err(errors::stopped(stopped)),
        }
    }

    fn place(&self, name: &EnvironmentName) -> Result<&Place, Status> {
        let known = || self.engine.places().map(Place::name);
        self.engine.place(name).ok_or_else(|| errors::unknown_environment(name, known()))
    }

    /// These environments; when none is named, all that `peer` may see.
    fn shown(&self, peer: &Peer, named: &[String]) -> Result<Vec<&Place>, Status> {
        if named.is_empty() {
            let may_see =
                |place: &&Place| self.access.authorize::<ReadStatus>(peer, place.name()).is_ok();
            return Ok(self.engine.places().filter(may_see).collect());
        }
        let one = |text: &String| {
            let name = parse::environment(text)?;
            let _: Authorized<ReadStatus> = self.access.authorize(peer, &name)?;
            self.place(&name)
        };
        named.iter().map(one).collect()
    }

    /// What becomes of an answered request: a stream, or the refusal.
    async fn follow<R: access::Right>(
        &self,
        peer: &Peer,
        environment: &EnvironmentHandle,
        answer: Answer,
        wait: WaitFor,
    ) -> Result<ProgressStream, Status> {
        let (number, joined) = match answer {
            Answer::Admitted(number) => (number, false),
            Answer::Joined(number) => (number, true),
            Answer::Refused(refusal) => return Err(errors::refused(&refusal)),
            Answer::Done => return Err(errors::shutting_down()),
        };
        let deployment = environment.deployment(number).await.map_err(errors::engine)?;
        let admitted = v1::Admitted {
            environment: environment.name.to_string(),
            deployment: number.0,
            sha: deployment.sha.to_string(),
            joined,
        };
        let after = Sequence::default();
        let environment = environment.clone();
        let cut = self.access.clone().withdrawn::<R>(peer.clone(), environment.name.clone());
        let reading = Reading { environment, number, after, wait, admitted: Some(admitted) };
        Ok(progress::tell(reading, cut))
    }
}

#[tonic::async_trait]
impl AgentService for Service {
    type DeployStream = Stream_<v1::DeployResponse>;
    type RollbackStream = Stream_<v1::RollbackResponse>;
    type WatchStream = Stream_<v1::WatchResponse>;
    type StreamLogsStream = Stream_<v1::StreamLogsResponse>;

    async fn deploy(
        &self,
        request: Request<v1::DeployRequest>,
    ) -> Result<Response<Self::DeployStream>, Status> {
        let peer = Peer::of(&request)?;
        let carried = parse::carried(request.metadata());
        let message = request.into_inner();
        let name = parse::environment(&message.environment)?;
        let allowed: Authorized<access::Deploy> = self.access.authorize(&peer, &name)?;
        let environment = self.environment(&name)?;
        let by = allowed.identity().clone();
        let progress = match asking::deploy(environment, &message, by, &carried).await? {
            Reply::Planned(plan) => progress::only(Item::Result(*plan)),
            Reply::Answered(answer) => {
                self.follow::<access::Deploy>(&peer, environment, answer, message.wait()).await?
            }
        };
        let reply = |progress| v1::DeployResponse { progress: Some(progress) };
        Ok(Response::new(Box::pin(progress.map(move |item| item.map(reply)))))
    }

    async fn rollback(
        &self,
        request: Request<v1::RollbackRequest>,
    ) -> Result<Response<Self::RollbackStream>, Status> {
        let peer = Peer::of(&request)?;
        let message = request.into_inner();
        let name = parse::environment(&message.environment)?;
        let allowed: Authorized<access::Rollback> = self.access.authorize(&peer, &name)?;
        let environment = self.environment(&name)?;
        let by = allowed.identity().clone();
        let progress = match asking::rollback(environment, &message, by).await? {
            Reply::Planned(plan) => progress::only(Item::Result(*plan)),
            Reply::Answered(answer) => {
                self.follow::<access::Rollback>(&peer, environment, answer, message.wait()).await?
            }
        };
        let reply = |progress| v1::RollbackResponse { progress: Some(progress) };
        Ok(Response::new(Box::pin(progress.map(move |item| item.map(reply)))))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let peer = Peer::of(&request)?;
        let message = request.into_inner();
        let name = parse::environment(&message.environment)?;
        let _: Authorized<ReadStatus> = self.access.authorize(&peer, &name)?;
        let environment = self.environment(&name)?.clone();
        let newest = environment.state.borrow().last;
        let number =
            if message.deployment == 0 { newest } else { DeploymentNumber(message.deployment) };
        environment.deployment(number).await.map_err(errors::engine)?;
        let cut = self.access.clone().withdrawn::<ReadStatus>(peer, name);
        let after = Sequence(message.after_sequence);
        let wait = message.wait();
        let reading = Reading { environment, number, after, wait, admitted: None };
        let reply = |progress| v1::WatchResponse { progress: Some(progress) };
        let progress = progress::tell(reading, cut);
        Ok(Response::new(Box::pin(progress.map(move |item| item.map(reply)))))
    }

    async fn status(
        &self,
        request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusResponse>, Status> {
        let shown = self.shown(&Peer::of(&request)?, &request.get_ref().environments)?;
        // Who sees an environment has to know when its people are not told any more.
        let troubled = if shown.is_empty() { Vec::new() } else { self.outlets.in_trouble() };
        let environments = join_all(shown.into_iter().map(status::of)).await;
        let sinks = troubled.iter().map(notify_test::health).collect();
        let agent = Some(status::agent(&self.tls.ends()));
        Ok(Response::new(v1::StatusResponse { agent, environments, sinks }))
    }

    async fn history(
        &self,
        request: Request<v1::HistoryRequest>,
    ) -> Result<Response<v1::HistoryResponse>, Status> {
        let peer = Peer::of(&request)?;
        let message = request.into_inner();
        let name = parse::environment(&message.environment)?;
        let _: Authorized<ReadStatus> = self.access.authorize(&peer, &name)?;
        let (default, most) = HISTORY;
        let limit = match message.limit as usize {
            0 => default,
            limit => limit.min(most),
        };
        let history = self.environment(&name)?.history(limit).await.map_err(errors::engine)?;
        let deployments = history.iter().map(convert::summary).collect();
        Ok(Response::new(v1::HistoryResponse { deployments }))
    }

    async fn backups(
        &self,
        request: Request<v1::BackupsRequest>,
    ) -> Result<Response<v1::BackupsResponse>, Status> {
        let peer = Peer::of(&request)?;
        let name = parse::environment(&request.get_ref().environment)?;
        let _: Authorized<ReadStatus> = self.access.authorize(&peer, &name)?;
        let backups = self.environment(&name)?.list_backups().await.map_err(errors::engine)?;
        let backups = backups.iter().map(convert::backup).collect();
        Ok(Response::new(v1::BackupsResponse { backups }))
    }

    async fn stats(
        &self,
        request: Request<v1::StatsRequest>,
    ) -> Result<Response<v1::StatsResponse>, Status> {
        let shown = self.shown(&Peer::of(&request)?, &request.get_ref().environments)?;
        let last_ms = stats::since(request.get_ref().since)?;
        let mut environments = Vec::new();
        for place in shown {
            environments.push(stats::of(self.environment(place.name())?, last_ms).await?);
        }
        Ok(Response::new(v1::StatsResponse { environments }))
    }

    async fn stream_logs(
        &self,
        request: Request<v1::StreamLogsRequest>,
    ) -> Result<Response<Self::StreamLogsStream>, Status> {
        let peer = Peer::of(&request)?;
        let message = request.into_inner();
        let name = parse::environment(&message.environment)?;
        // The agent's own log speaks of all environments.
        if matches!(message.of, Some(Of::Agent(true))) {
            self.access.authorize_everywhere::<access::Logs>(&peer)?;
        }
        let _: Authorized<access::Logs> = self.access.authorize(&peer, &name)?;
        let lines = match message.of {
            Some(Of::Deployment(number)) => {
                stream_logs::story_of(self.environment(&name)?, number, &message).await?
            }
            Some(Of::Agent(true)) => self.logs.of_agent(&message)?,
            Some(Of::Agent(false)) | None => {
                self.logs.of_application(self.place(&name)?.name(), &message)?
            }
        };
        let cut = self.access.clone().withdrawn::<access::Logs>(peer, name);
        Ok(Response::new(stream_logs::until(lines, cut)))
    }

    async fn hold(
        &self,
        request: Request<v1::HoldRequest>,
    ) -> Result<Response<v1::HoldResponse>, Status> {
        let peer = Peer::of(&request)?;
        let message = request.into_inner();
        let name = parse::environment(&message.environment)?;
        let allowed: Authorized<access::Hold> = self.access.authorize(&peer, &name)?;
        let environment = self.environment(&name)?;
        let reason = parse::given_reason(&message.reason)?;
        let held = environment.hold(allowed.identity().clone(), reason).await;
        held.map_err(errors::engine)?;
        let hold = environment.state.borrow().hold.as_ref().map(convert::hold);
        Ok(Response::new(v1::HoldResponse { hold }))
    }

    async fn resume(
        &self,
        request: Request<v1::ResumeRequest>,
    ) -> Result<Response<v1::ResumeResponse>, Status> {
        let peer = Peer::of(&request)?;
        let name = parse::environment(&request.get_ref().environment)?;
        let allowed: Authorized<access::Hold> = self.access.authorize(&peer, &name)?;
        let environment = self.environment(&name)?;
        let was_held = environment.state.borrow().hold.is_some();
        if was_held {
            let resumed = environment.resume(allowed.identity().clone()).await;
            resumed.map_err(errors::engine)?;
        }
        Ok(Response::new(v1::ResumeResponse { was_held }))
    }

    async fn nudge(
        &self,
        request: Request<v1::NudgeRequest>,
    ) -> Result<Response<v1::NudgeResponse>, Status> {
        let peer = Peer::of(&request)?;
        let message = request.into_inner();
        let name = parse::environment(&message.environment)?;
        // A look changes nothing that its time would not have changed, so who may look may ask for it.
        let _: Authorized<ReadStatus> = self.access.authorize(&peer, &name)?;
        let only = (message.deployment != 0).then_some(DeploymentNumber(message.deployment));
        let looking = self.environment(&name)?.look_now(only);
        let deployments = looking.into_iter().map(|number| number.0).collect();
        Ok(Response::new(v1::NudgeResponse { deployments }))
    }

    async fn notify_test(
        &self,
        request: Request<v1::NotifyTestRequest>,
    ) -> Result<Response<v1::NotifyTestResponse>, Status> {
        let peer = Peer::of(&request)?;
        // A sink tells of all environments. A test changes nothing that runs, and says that it is
        // one, so who may look everywhere may try.
        self.access.authorize_everywhere::<ReadStatus>(&peer)?;
        let sinks = notify_test::of(&self.outlets, request.get_ref().send).await;
        Ok(Response::new(v1::NotifyTestResponse { sinks }))
    }

    async fn diagnose(
        &self,
        request: Request<v1::DiagnoseRequest>,
    ) -> Result<Response<v1::DiagnoseResponse>, Status> {
        let peer = Peer::of(&request)?;
        let named = &request.get_ref().environments;
        let asked: BTreeSet<EnvironmentName> = match named.as_slice() {
            [] => self.shown(&peer, &[])?.into_iter().map(|place| place.name().clone()).collect(),
            named => named.iter().map(|text| parse::environment(text)).collect::<Result<_, _>>()?,
        };
        // Who may not look is told so, and sees nothing: that, too, is a diagnosis.
        let rights: Vec<_> =
            asked.iter().map(|name| doctor::rights(&self.access, &peer, name)).collect();
        let visible = asked.iter().zip(&rights).filter(|(_, rights)| doctor::may_see(rights));
        let visible = visible.map(|(name, _)| self.place(name).map(Place::name));
        let visible = visible.collect::<Result<Vec<_>, _>>()?;
        // What concerns the agent itself concerns all environments.
        let all = self.access.authorize_everywhere::<ReadStatus>(&peer).is_ok();
        let findings = self.diagnosis.look(all, visible).await;
        Ok(Response::new(v1::DiagnoseResponse {
            findings: findings.into_iter().map(doctor::finding).collect(),
            identity: peer.identity().to_string(),
            rights,
            time: Some(doctor::now()),
            agent: Some(status::agent(&self.tls.ends())),
        }))
    }

    async fn verdict(
        &self,
        request: Request<v1::VerdictRequest>,
    ) -> Result<Response<v1::VerdictResponse>, Status> {
        let peer = Peer::of(&request)?;
        let message = request.into_inner();
        let name = parse::environment(&message.environment)?;
        let allowed: Authorized<access::Verdict> = self.access.authorize(&peer, &name)?;
        let environment = self.environment(&name)?;
        let (sha, good) = (parse::sha(&message.sha)?, parse::verdict(&message.value)?);
        let reason = parse::given_reason(&message.reason)?;
        let by = allowed.identity().clone();
        let recorded = environment.operator_verdict(sha, good, by, reason).await;
        recorded.map_err(errors::engine)?;
        let message = format!("recorded: {} is a {} on {name}", sha.short(), message.value);
        Ok(Response::new(v1::VerdictResponse { message }))
    }
}
