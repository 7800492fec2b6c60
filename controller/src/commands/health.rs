//! `ripcord health`: whether the applications answer, seen from where the controller runs. The way in
//! which a dead machine is noticed, too.

use std::{net::IpAddr, path::PathBuf};

use clap::Args;
use futures_util::future::join_all;
use reqwest::{Client, Url};
use ripcord_proto::v1::{EnvironmentStatus, Phase, StatusResponse};

use super::status;
use crate::{
    alarm::{Alarm, Locale, Voice},
    context::Context,
    exit::Exit,
    failure::Failure,
    fleet::{
        self, Answer,
        scope::{self, Scope},
    },
    out,
    probe::{self, Expected},
    render::{fleet as show, json, sanitize::sanitize, table},
    workflow,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord health                                    all environments of the agent
  ripcord health prod --notify-url-file discord.url     for an hourly workflow
  ripcord health --url https://app.example/ --contains Welcome

Exit codes: 0 healthy · 4 certificate or role · 5 agent unreachable · 6 unknown environment · 10 one is unhealthy.";

/// Whether the applications answer, seen from here
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Only these; default: all that the certificate may see
    #[arg(value_name = "ENV")]
    environments: Vec<String>,
    /// Look at this address, and ask no agent
    #[arg(long, value_name = "URL", conflicts_with = "environments")]
    url: Option<Url>,
    /// What the body at --url must contain
    #[arg(long, value_name = "TEXT", requires = "url")]
    contains: Option<String>,
    /// A file with the address of a Discord webhook, for what the agent cannot tell itself
    #[arg(long, value_name = "FILE")]
    notify_url_file: Option<PathBuf>,
    /// The language of that message
    #[arg(long, value_enum, default_value_t = Locale::Fr, value_name = "LOCALE")]
    locale: Locale,
}

/// A place that is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: String,
    title: String,
    url: String,
    expected: Expected,
    /// A deployment restarts it just now.
    pub(crate) changing: bool,
    /// The agent sees that it is down, and tells people.
    agent_tells: bool,
}

/// A place, and what was found there.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) place: Place,
    pub(crate) answer: probe::Answer,
}

impl Found {
    /// Whether it is unhealthy, and not only because it restarts.
    pub(crate) fn is_alarming(&self) -> bool {
        !self.answer.ok && !self.place.changing
    }

    /// Which one, and what is wrong with it.
    pub(crate) fn told(&self) -> String {
        sanitize(&format!("{} is unhealthy: {}", self.place.name, self.answer.wrong)).into_owned()
    }
}

impl Place {
    /// Its address without what may be a secret.
    pub(crate) fn shown_url(&self) -> &str {
        self.url.split(['?', '#']).next().unwrap_or_default()
    }

    fn of_url(url: &Url, contains: &str) -> Self {
        let name = url.host_str().unwrap_or_default().to_owned();
        Self {
            title: name.clone(),
            name,
            url: url.to_string(),
            expected: Expected { status: 200, contains: contains.to_owned() },
            changing: false,
            agent_tells: false,
        }
    }

    /// Looks where the agent's probe looks, or at the users' address where only the agent's own
    /// machine reaches the former.
    fn of_environment(one: &EnvironmentStatus) -> Self {
        let near = Url::parse(&one.probe_url).ok();
        let far = Url::parse(&one.url).ok();
        let is_far = near.as_ref().is_some_and(|near| !is_loopback(near));
        let same_page = near.as_ref().map(Url::path) == far.as_ref().map(Url::path);
        let probed = is_far || far.is_none();
        let status = u16::try_from(one.expected_status).ok().filter(|status| *status != 0);
        let expected = Expected {
            status: status.filter(|_| probed || same_page).unwrap_or(200),
            contains: if probed || same_page { one.contains.clone() } else { String::new() },
        };
        let unhealthy = one.health.as_ref().is_some_and(|health| !health.ok);
        Self {
            name: one.name.clone(),
            title: if one.title.is_empty() { one.name.clone() } else { one.title.clone() },
            url: if probed { one.probe_url.clone() } else { one.url.clone() },
            expected,
            changing: is_changing(one.phase()),
            agent_tells: one.monitored && unhealthy,
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

fn is_changing(phase: Phase) -> bool {
    match phase {
        Phase::Resetting | Phase::Restarting | Phase::Probing | Phase::RollingBack => true,
        Phase::Unspecified
        | Phase::Queued
        | Phase::Preparing
        | Phase::Gating
        | Phase::BackingUp
        | Phase::Watching
        | Phase::Ended => false,
    }
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let voice = arguments.notify_url_file.as_deref();
    let voice = voice.map(|file| Voice::read(file, arguments.locale)).transpose()?;
    let client = probe::client()?;
    let asked = match &arguments.url {
        Some(url) => {
            let contains = arguments.contains.as_deref().unwrap_or_default();
            Ok(Places::One(vec![Place::of_url(url, contains)]))
        }
        None => ask(context, &arguments.environments).await,
    };
    let places = match asked {
        Ok(Places::One(places)) => places,
        Ok(Places::Several(answers)) => {
            return several(context, answers, voice.as_ref(), &client).await;
        }
        Err(failure) => {
            cry_for(voice.as_ref(), &client, &failure).await;
            return Err(failure);
        }
    };
    let found = look_at(places, &client).await;
    let exit = judged(&found);
    if let Some(voice) = &voice {
        raise(voice, &client, &found).await;
    }
    let object = json::health(&found, exit);
    if context.wants_json() {
        out::json(&object)?;
    } else {
        out::people(&table::health(&found))?;
    }
    workflow::of_health(&found, &object, exit);
    Ok(exit)
}

fn judged(found: &[Found]) -> Exit {
    if found.iter().any(Found::is_alarming) { Exit::Unhealthy } else { Exit::Success }
}

/// Where to look, as one agent or several say.
enum Places {
    One(Vec<Place>),
    Several(Vec<Answer<StatusResponse>>),
}

async fn ask(context: &mut Context, environments: &[String]) -> Result<Places, Failure> {
    match scope::of(context, environments)? {
        Scope::One(agent, environments) => {
            let status = context.bounded(status::ask_once(&agent, &environments)).await?;
            Ok(Places::One(status.environments.iter().map(Place::of_environment).collect()))
        }
        Scope::Several(parts) => status::ask_all(context, parts).await.map(Places::Several),
    }
}

/// Looks at the places of all agents at once. An agent that does not answer is told like one alone.
async fn several(
    context: &Context,
    answers: Vec<Answer<StatusResponse>>,
    voice: Option<&Voice>,
    client: &Client,
) -> Result<Exit, Failure> {
    let looking = answers.into_iter().map(|Answer { name, told }| async {
        let told = match told {
            Ok(status) => {
                let places = status.environments.iter().map(Place::of_environment).collect();
                Ok(look_at(places, client).await)
            }
            Err(failure) => Err(failure),
        };
        Answer { name, told }
    });
    let answers = fleet::all(looking).await;
    for Answer { name, told } in &answers {
        match told {
            Ok(found) => {
                if let Some(voice) = voice {
                    raise(voice, client, found).await;
                }
            }
            Err(failure) => cry_for(voice, client, &failure.of_agent(name)).await,
        }
    }
    let with_exit = |found: &Vec<Found>| {
        let exit = judged(found);
        (json::health(found, exit), exit)
    };
    let seen: Vec<_> = answers.iter().map(|answer| answer.see(with_exit)).collect();
    let (object, exit) = (show::object("health", &seen), show::exit(&seen));
    let people = table::fleet_health(&answers);
    if context.wants_json() { out::json(&object) } else { out::people(&people) }?;
    workflow::of_fleet(context.command, &people, &object, exit);
    Ok(exit)
}

/// All at once: one that hangs does not hide the others.
async fn look_at(places: Vec<Place>, client: &Client) -> Vec<Found> {
    let looking = places.into_iter().map(|place| async {
        let answer = probe::believed(client, &place.url, &place.expected).await;
        Found { place, answer }
    });
    join_all(looking).await
}

/// Tells of an agent that cannot tell itself. What is wrong with the command is told on the terminal.
async fn cry_for(voice: Option<&Voice>, client: &Client, failure: &Failure) {
    let silent = match failure {
        Failure::Access { .. }
        | Failure::Unreachable { .. }
        | Failure::TimedOut { .. }
        | Failure::Unexpected(_) => true,
        Failure::Usage(_)
        | Failure::Oidc { .. }
        | Failure::Refused { .. }
        | Failure::Detached
        | Failure::Left
        | Failure::Stdout(_) => false,
    };
    if let (Some(voice), true) = (voice, silent) {
        let why = failure.to_string();
        tell(voice, client, &Alarm::AgentSilent { why: &why }).await;
    }
}

async fn raise(voice: &Voice, client: &Client, found: &[Found]) {
    for one in found.iter().filter(|one| one.is_alarming() && !one.place.agent_tells) {
        let (title, url) = (one.place.title.as_str(), one.place.shown_url());
        tell(voice, client, &Alarm::Down { title, url, why: &one.answer.wrong }).await;
    }
}

/// An alarm that nobody hears changes neither the result nor the exit code.
async fn tell(voice: &Voice, client: &Client, alarm: &Alarm<'_>) {
    if let Err(why) = voice.raise(client, alarm).await {
        out::complain(&format!("the alarm could not be raised: {why}"));
    }
}
