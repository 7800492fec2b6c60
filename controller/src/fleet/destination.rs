//! The one environment that a command is for, wherever it is. Acting on the wrong machine is worse than
//! not acting: as long as anybody might have it, too, nobody is chosen.

use ripcord_core::EnvironmentName;
use ripcord_proto::v1::{EnvironmentStatus, StatusRequest};
use serde_json::Value;

use super::{
    Answer, Crowd, Member, full_name, patience,
    scope::{self, Wanted},
};
use crate::{
    client::Agent,
    context::{Context, NOTHING_TO_SEE},
    failure::Failure,
};

/// An environment, and the agent that has it.
pub(crate) struct Destination {
    pub(crate) agent: Agent,
    /// The agent's name, where there are several.
    pub(crate) agent_name: Option<String>,
    pub(crate) environment: String,
}

impl Destination {
    /// How it is named where there are several agents.
    pub(crate) fn full_name(&self) -> String {
        full_name(&self.environment, self.agent_name.as_deref())
    }

    /// An object for programs with the agent's name, where there are several.
    pub(crate) fn told(&self, mut object: Value) -> Value {
        if let Some(agent) = &self.agent_name {
            object["agent"] = agent.as_str().into();
        }
        object
    }
}

/// The environment that is meant: the one that is named, the configured one, or the only one.
pub(crate) async fn of(context: &mut Context, named: Option<&str>) -> Result<Destination, Failure> {
    let named = match named {
        Some(name) => Some(name.to_owned()),
        None => context.default_environment()?,
    };
    let wanted = named.as_deref().map(Wanted::parse).transpose()?;
    if let Some(Wanted { environment, agent: Some(name) }) = wanted {
        let agent = scope::one(context, &name)?;
        return Ok(Destination { agent, agent_name: Some(name), environment });
    }
    let wanted = wanted.map(|wanted| wanted.environment);
    match (context.crowd()?, wanted) {
        (Crowd::One(agent_name, agent), Some(environment)) => {
            Ok(Destination { agent, agent_name, environment })
        }
        (Crowd::One(agent_name, agent), None) => {
            let shown = context.bounded(shown(&agent)).await?;
            let environment = only(shown.into_iter().map(|one| (None, one)).collect(), None)?.1;
            Ok(Destination { agent, agent_name, environment })
        }
        (Crowd::Several(members), wanted) => among(context, members, wanted.as_deref()).await,
    }
}

async fn among(
    context: &Context,
    members: Vec<Member>,
    wanted: Option<&str>,
) -> Result<Destination, Failure> {
    let parts = members.into_iter().map(|member| (member, ())).collect();
    let ask = |agent: Agent, ()| async move {
        let shown = shown(&agent).await?;
        Ok((agent, shown))
    };
    let answers = super::ask(parts, patience(context), ask).await;
    let (mut found, mut silent, mut agents) = (Vec::new(), Vec::new(), Vec::new());
    for Answer { name, told } in answers {
        match told {
            Ok((agent, shown)) => {
                let fits = |one: &String| wanted.is_none_or(|wanted| wanted == one);
                found.extend(shown.into_iter().filter(fits).map(|one| (Some(name.clone()), one)));
                agents.push((name, agent));
            }
            Err(failure) => silent.push(format!("{name}: {failure}")),
        }
    }
    if !silent.is_empty() && found.len() < 2 {
        return Err(undecidable(wanted, &found, &silent));
    }
    let (agent_name, environment) = only(found, wanted)?;
    let agent = agents.into_iter().find(|(name, _)| Some(name) == agent_name.as_ref());
    let (_, agent) = agent.ok_or_else(|| Failure::Unexpected("nobody has it".to_owned()))?;
    Ok(Destination { agent, agent_name, environment })
}

/// What the agent shows; nothing where this certificate may see nothing there.
pub(crate) async fn shown(agent: &Agent) -> Result<Vec<String>, Failure> {
    match agent.connect().await?.status(StatusRequest::default()).await {
        Ok(answer) => {
            let name = |one: EnvironmentStatus| one.name;
            Ok(answer.into_inner().environments.into_iter().map(name).collect())
        }
        Err(status) => Err(agent.failure(&status).await),
    }
}

type Found = (Option<String>, String);

fn only(mut found: Vec<Found>, wanted: Option<&str>) -> Result<Found, Failure> {
    let all: Vec<String> =
        found.iter().map(|(agent, one)| full_name(one, agent.as_deref())).collect();
    match (found.pop(), wanted) {
        (Some(only), _) if found.is_empty() => Ok(only),
        (Some(_), Some(wanted)) => Err(Failure::Usage(format!(
            "several agents have {wanted}: name one of {}",
            all.join(", ")
        ))),
        (Some(_), None) => Err(Failure::Usage(format!(
            "which environment? name one of {}, or set default_environment in ripcord.toml",
            all.join(", ")
        ))),
        (None, Some(wanted)) => Err(scope::nobody_shows(wanted)),
        (None, None) => Err(Failure::Access { message: NOTHING_TO_SEE.to_owned() }),
    }
}

/// One that does not answer may have it, too.
fn undecidable(wanted: Option<&str>, found: &[Found], silent: &[String]) -> Failure {
    let what = wanted.unwrap_or("the only environment");
    let example = match found {
        [(agent, one), ..] => full_name(one, agent.as_deref()),
        [] => format!("{}@AGENT", wanted.unwrap_or("ENV")),
    };
    Failure::Unreachable {
        message: format!(
            "which agent has {what} cannot be told, because not all can be asked ({}): name it with its \
             agent, such as {example}",
            silent.join("; ")
        ),
    }
}

/// An environment's name without its agent's, for a command that names its agents otherwise.
pub(crate) fn environment_alone(name: &str) -> Result<String, Failure> {
    if name.contains('@') {
        let text = "--agents says which agents: name the environment without @";
        return Err(Failure::Usage(text.to_owned()));
    }
    let parsed = name.parse::<EnvironmentName>();
    parsed.map(String::from).map_err(|error| Failure::Usage(error.to_string()))
}
