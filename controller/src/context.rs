//! What every command needs: how it was called, which agent it speaks to, how it tells.

use std::{path::PathBuf, time::Duration};

use crate::{
    cli::{Format, Global},
    client::{Agent, Identities},
    doctor::Configuration,
    exit::{self, Exit},
    failure::Failure,
    fleet::{Crowd, Member},
    out,
    render::{duration, json},
    target::{Reach, Sources, Target},
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

    /// The one agent that is meant. Reads certificates, and connects to nothing.
    pub(crate) fn agent(&mut self) -> Result<Agent, Failure> {
        match self.sources.reach()? {
            Reach::One(_, target) => Agent::new(&target),
            Reach::Several(several) => {
                let names: Vec<String> = several.into_iter().map(|(name, _)| name).collect();
                Err(Failure::Usage(format!(
                    "which agent? give --agent with one of {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// The agent that is meant, or all of them.
    pub(crate) fn crowd(&mut self) -> Result<Crowd, Failure> {
        match self.sources.reach()? {
            Reach::One(name, target) => Ok(Crowd::One(name, Agent::new(&target)?)),
            Reach::Several(several) => Ok(Crowd::Several(members(several))),
        }
    }

    /// These agents, in this order.
    pub(crate) fn named_agents(&mut self, names: &[String]) -> Result<Vec<Member>, Failure> {
        let known = self.sources.names()?;
        let mut targets = Vec::new();
        for name in names {
            let target = match self.sources.named(name) {
                Err(failure) if !known.contains(name) => return Err(failure),
                target => target,
            };
            targets.push((name.clone(), target));
        }
        Ok(members(targets))
    }

    /// The names of all agents, where they have names.
    pub(crate) fn agent_names(&mut self) -> Result<Vec<String>, Failure> {
        self.sources.names()
    }

    /// The agent that the command line or its variable names.
    pub(crate) fn typed_agent(&self) -> Option<&str> {
        self.sources.typed_agent()
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

    /// What is configured for each agent that is meant, and where each value comes from; nothing
    /// fails here.
    pub(crate) fn configurations(&self) -> Vec<(Option<String>, Configuration)> {
        Configuration::read(&self.sources)
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

fn members(targets: Vec<(String, Result<Target, Failure>)>) -> Vec<Member> {
    let mut known = Identities::default();
    let mut agent = |target: Target| Agent::sharing(&target, &mut known);
    let member = |(name, target): (String, Result<Target, Failure>)| Member {
        name,
        agent: target.and_then(&mut agent),
    };
    targets.into_iter().map(member).collect()
}
