//! `StreamLogs`: which log is meant, who may read it, and when the stream is cut.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt as _, stream};
use ripcord_core::{DeploymentNumber, EnvironmentName};
use ripcord_proto::v1::{StreamLogsRequest, StreamLogsResponse};
use tonic::{Code, Status};

use super::errors;
use crate::{
    engine::EnvironmentHandle,
    logs::{LogError, LogHub, LogQuery, batch, story},
};

/// The logs that can be read.
pub struct Logs {
    /// The agent's own.
    pub agent: Arc<LogHub>,
    /// The applications'.
    pub applications: BTreeMap<EnvironmentName, Arc<LogHub>>,
}

pub(super) type Lines = Pin<Box<dyn Stream<Item = Result<StreamLogsResponse, Status>> + Send>>;

impl Logs {
    /// Lines of the agent's own log.
    pub(super) fn of_agent(&self, request: &StreamLogsRequest) -> Result<Lines, Status> {
        hub_lines(&self.agent, request)
    }

    /// Lines of an application's log.
    pub(super) fn of_application(
        &self,
        environment: &EnvironmentName,
        request: &StreamLogsRequest,
    ) -> Result<Lines, Status> {
        let known = self.applications.keys();
        let unknown = || errors::unknown_environment(environment, known);
        hub_lines(self.applications.get(environment).ok_or_else(unknown)?, request)
    }
}

fn hub_lines(hub: &Arc<LogHub>, request: &StreamLogsRequest) -> Result<Lines, Status> {
    let query = query(request)?;
    let failed = |LogError::Source(failure): LogError| {
        errors::refuse(Code::Unavailable, "LOG_SOURCE", failure.message)
    };
    Ok(Box::pin(hub.read(query).map(move |item| item.map_err(failed))))
}

/// A deployment's story as lines.
pub(super) async fn story_of(
    environment: &EnvironmentHandle,
    number: u64,
    request: &StreamLogsRequest,
) -> Result<Lines, Status> {
    let number = DeploymentNumber(number);
    environment.deployment(number).await.map_err(errors::engine)?;
    let after = story::parse_cursor(&request.cursor);
    let after = after.map_err(|invalid| errors::invalid(invalid.to_string()))?;
    let query = query(&StreamLogsRequest { cursor: String::new(), ..request.clone() })?;
    let story = story::Story {
        journal: environment.journal().clone(),
        environment: environment.name.clone(),
        number,
    };
    let batches = story.read(query, after);
    Ok(Box::pin(batches.map(|item| item.map(batch::response).map_err(errors::journal))))
}

fn query(request: &StreamLogsRequest) -> Result<LogQuery, Status> {
    LogQuery::parse(request).map_err(|invalid| errors::invalid(invalid.to_string()))
}

/// `lines`, until `cut` resolves: its status is the last item then.
pub(super) fn until(lines: Lines, cut: impl Future<Output = Status> + Send + 'static) -> Lines {
    Box::pin(stream::unfold(Some((lines, Box::pin(cut))), async |state| {
        let (mut lines, mut cut) = state?;
        tokio::select! {
            status = &mut cut => Some((Err(status), None)),
            item = lines.next() => item.map(|item| (item, Some((lines, cut)))),
        }
    }))
}
