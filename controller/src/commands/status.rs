//! `ripcord status`: what runs where, once, as it changes, or as a check.

use std::time::Duration;

use clap::Args;
use ripcord_proto::v1::{StatusRequest, StatusResponse};

use super::fleet_watch;
use crate::{
    cli::Format,
    client::{Agent, Client},
    context::{Context, NOTHING_TO_SEE},
    exit::Exit,
    failure::Failure,
    fleet::{
        self, Answer, Member, patience,
        scope::{self, Part, Scope},
    },
    out,
    render::{fleet as show, json, table},
    workflow, zone,
};

/// How often `-w` looks.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Cursor home, and erase what is below.
const REDRAW: &str = "\x1b[H\x1b[J";
/// Erase the screen once, before the first drawing.
const CLEAR: &str = "\x1b[2J";

const UNWELL: &str = "an environment is unhealthy or stranded";

const AFTER_HELP: &str = "\
Examples:
  ripcord status
  ripcord status prod --check      for monitoring
  ripcord status -w                look every second
  ripcord status preprod           of several agents: everywhere it is
  ripcord status preprod@paris     only there

Exit codes: 0 told · 4 no right to see anything · 5 an agent unreachable · 6 unknown environment ·
10 (with --check) one is unhealthy or stranded, whatever else is.";

/// What runs where, and in which state
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Only these; default: all that the certificate may see
    #[arg(value_name = "ENV")]
    environments: Vec<String>,
    /// Look again every second, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// Exit with 10 when an environment is unhealthy or stranded
    #[arg(long, conflicts_with = "watch")]
    check: bool,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let (agent, environments) = match scope::of(context, &arguments.environments)? {
        Scope::One(agent, environments) => (agent, environments),
        Scope::Several(parts) if arguments.watch => return fleet_watch::run(context, parts).await,
        Scope::Several(parts) => return several(context, arguments, parts).await,
    };
    if arguments.watch {
        return watch(context, &agent, &environments).await;
    }
    let status = context.bounded(ask_once(&agent, &environments)).await?;
    let text = shown(context, &status)?;
    if context.wants_json() { out::result(&text) } else { out::people(&text) }?;
    let failed = arguments.check && status.environments.iter().any(needs_attention);
    if failed {
        workflow::of_unwell(context.command, UNWELL);
        return Ok(Exit::Unhealthy);
    }
    Ok(Exit::Success)
}

/// Everybody at once.
async fn several(
    context: &Context,
    arguments: &Arguments,
    parts: Vec<(Member, Part)>,
) -> Result<Exit, Failure> {
    let answers = ask_all(context, parts).await?;
    let (text, exit) = told(context, &answers, arguments.check);
    if context.wants_json() { out::result(&text) } else { out::people(&text) }?;
    match exit {
        Exit::Success => {}
        Exit::Unhealthy => workflow::of_unwell(context.command, UNWELL),
        _ => workflow::of_unwell(context.command, &show::failures(&answers)),
    }
    Ok(exit)
}

/// Everybody's answers. Who has none of what is asked for is left out.
pub(super) async fn ask_all(
    context: &Context,
    parts: Vec<(Member, Part)>,
) -> Result<Vec<Answer<StatusResponse>>, Failure> {
    let anywhere = scope::anywhere(&parts);
    let answers = fleet::ask(parts, patience(context), ask_part).await;
    scope::those_with_something(answers, &anywhere, names)
}

/// The environments of an answer.
pub(super) fn names(status: &StatusResponse) -> Vec<&str> {
    status.environments.iter().map(|one| one.name.as_str()).collect()
}

async fn ask_part(agent: Agent, part: Part) -> Result<StatusResponse, Failure> {
    keep(ask_once(&agent, &[]).await?, &part)
}

/// What was asked for of a whole answer.
pub(super) fn keep(status: StatusResponse, part: &Part) -> Result<StatusResponse, Failure> {
    let environments = part.of(status.environments, |one| &one.name)?;
    Ok(StatusResponse { environments, ..status })
}

/// What several agents said, as it is shown, and the exit code.
pub(super) fn told(
    context: &Context,
    answers: &[Answer<StatusResponse>],
    check: bool,
) -> (String, Exit) {
    let judged = |status: &StatusResponse| {
        let unwell = check && status.environments.iter().any(needs_attention);
        (json::status(status), if unwell { Exit::Unhealthy } else { Exit::Success })
    };
    let seen: Vec<_> = answers.iter().map(|answer| answer.see(judged)).collect();
    let text = match context.global.format() {
        Format::Human => table::fleet_status(answers, &zone::local()),
        Format::Json | Format::Ndjson => show::object("status", &seen).to_string(),
    };
    (text, show::exit(&seen))
}

/// Asks for these environments; for all that may be seen, when none is named.
pub(crate) async fn ask_once(
    agent: &Agent,
    environments: &[String],
) -> Result<StatusResponse, Failure> {
    ask(agent, &mut agent.connect().await?, environments).await
}

pub(super) async fn ask(
    agent: &Agent,
    client: &mut Client,
    environments: &[String],
) -> Result<StatusResponse, Failure> {
    let request = StatusRequest { environments: environments.to_vec() };
    let status = match client.status(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Err(agent.failure(&status).await),
    };
    if status.environments.is_empty() && environments.is_empty() {
        return Err(Failure::Access { message: NOTHING_TO_SEE.to_owned() });
    }
    for asked in environments {
        if !status.environments.iter().any(|shown| &shown.name == asked) {
            return Err(scope::shows_no(asked));
        }
    }
    Ok(status)
}

fn shown(context: &Context, status: &StatusResponse) -> Result<String, Failure> {
    match context.global.format() {
        Format::Human => Ok(table::status(status, &zone::local())),
        Format::Json | Format::Ndjson => Ok(json::status(status).to_string()),
    }
}

fn needs_attention(environment: &ripcord_proto::v1::EnvironmentStatus) -> bool {
    let unhealthy = environment.health.as_ref().is_some_and(|health| !health.ok);
    unhealthy || !environment.stranded.is_empty()
}

/// Looks until Ctrl-C; an agent that is away for a while is told, and asked again.
async fn watch(context: &Context, agent: &Agent, environments: &[String]) -> Result<Exit, Failure> {
    let mut screen = Screen::new(context);
    tokio::select! {
        ended = look_again_and_again(context, agent, environments, &mut screen) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Detached),
    }
}

async fn look_again_and_again(
    context: &Context,
    agent: &Agent,
    environments: &[String],
    screen: &mut Screen,
) -> Result<Exit, Failure> {
    let mut client = agent.connect().await?;
    loop {
        match ask(agent, &mut client, environments).await {
            Ok(status) => screen.show(shown(context, &status)?)?,
            Err(Failure::Unreachable { message }) => {
                screen.complain(&message);
                if let Ok(again) = agent.connect().await {
                    client = again;
                }
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Where `-w` shows: in place on a terminal, else only what is new.
pub(super) struct Screen {
    in_place: bool,
    last: Option<String>,
    complained: bool,
}

impl Screen {
    pub(super) fn new(context: &Context) -> Self {
        let in_place = out::stdout_is_terminal() && !context.wants_json();
        Self { in_place, last: None, complained: false }
    }

    pub(super) fn show(&mut self, text: String) -> Result<(), Failure> {
        self.complained = false;
        if self.last.as_ref() == Some(&text) {
            return Ok(());
        }
        let clear = if self.last.is_none() { CLEAR } else { "" };
        let written = match self.in_place {
            true => out::result(&format!("{clear}{REDRAW}{text}")),
            false => out::result(&text),
        };
        self.last = Some(text);
        written
    }

    fn complain(&mut self, message: &str) {
        if !std::mem::replace(&mut self.complained, true) {
            out::complain(message);
            self.last = None;
        }
    }
}
