//! What every command needs: how it was called, which agent it speaks to, how it tells.

use std::{path::PathBuf, time::Duration};

use ripcord_core::EnvironmentName;
use ripcord_proto::v1::StatusRequest;

use crate::{
    cli::{Format, Global},
    client::{Agent, Client},
    doctor::Configuration,
    exit::{self, Exit},
    failure::Failure,
    out,
    render::{duration, json},
    target::Sources,
    workflow,
};

/// Agents answer a question within 10 s, or never.
const QUESTION_DEADLINE: Duration = Duration::from_secs(30);

/// What somebody without any right is told.
pub(crate) const NOTHING_TO_SEE: &str = "the agent shows no environment to this certificate: \
     give its identity rights in the agent's [[access]]";

/// How a command was called.
pub(crate) struct Context {
    pub(crate) command: &'static str,
    pub(crate) global: Global,
    sources: Sources,
}

impl Context {
    pub(crate) fn new(command: &'static str, global: Global) -> Self {
        let sources = Sources::new(&global);
        Self { command, global, sources }
    }

    /// Whether programs read the result.
    pub(crate) fn wants_json(&self) -> bool {
        self.global.format() != Format::Human
    }

    /// The agent that is meant. Reads certificates, and connects to nothing.
    pub(crate) fn agent(&mut self) -> Result<Agent, Failure> {
        Agent::new(&self.sources.target()?)
    }

    /// The project's file, where there is one.
    pub(crate) fn project_file(&self) -> Option<PathBuf> {
        self.sources.project_file()
    }

    /// The environment that files say is meant when none is named.
    pub(crate) fn default_environment(&mut self) -> Result<Option<String>, Failure> {
        self.sources.default_environment()
    }

    /// Where an environment's application is, as far as the files say.
    pub(crate) fn url_of(&mut self, environment: &str) -> Option<String> {
        self.sources.url_of(environment).map(str::to_owned)
    }

    /// What is configured, and where each value comes from; nothing fails here.
    pub(crate) fn configuration(&self) -> Configuration {
        Configuration::read(&self.sources)
    }

    /// The environment that is meant: the one that is named, the configured one, or the only one.
    pub(crate) async fn environment(
        &mut self,
        named: Option<&str>,
        agent: &Agent,
    ) -> Result<String, Failure> {
        if let Some(name) = named {
            return parse_environment(name);
        }
        if let Some(name) = self.sources.default_environment()? {
            return parse_environment(&name);
        }
        self.bounded(only_environment(agent)).await
    }

    /// One question and its answer, within `--timeout` or a time that nobody waits longer for.
    pub(crate) async fn bounded<T>(
        &self,
        asking: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let after = self.global.timeout.unwrap_or(QUESTION_DEADLINE);
        let late = |_| {
            let message = format!("the agent did not answer within {}", duration(after));
            Err(Failure::Unreachable { message })
        };
        tokio::time::timeout(after, asking).await.unwrap_or_else(late)
    }

    /// Tells a failure in the format that was asked for, and gives its exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> Exit {
        let exit = exit::of_failure(failure);
        if failure.is_closed_stdout() {
            return exit;
        }
        let object = json::failure(Some(self.command), failure, exit);
        let told = if self.wants_json() { out::json(&object) } else { Ok(()) };
        if told.is_err() || !self.wants_json() {
            out::complain(&failure.to_string());
        }
        workflow::of_failure(&object);
        exit
    }
}

fn parse_environment(name: &str) -> Result<String, Failure> {
    let parsed = name.parse::<EnvironmentName>();
    parsed.map(String::from).map_err(|error| Failure::Usage(error.to_string()))
}

async fn only_environment(agent: &Agent) -> Result<String, Failure> {
    let mut client: Client = agent.connect().await?;
    let status = match client.status(StatusRequest::default()).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Err(agent.failure(&status).await),
    };
    let names: Vec<String> = status.environments.into_iter().map(|one| one.name).collect();
    match names.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::Access { message: NOTHING_TO_SEE.to_owned() }),
        several => Err(Failure::Usage(format!(
            "which environment? name one of {}, or set default_environment in ripcord.toml",
            several.join(", ")
        ))),
    }
}
