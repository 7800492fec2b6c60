//! `ripcord history`: what was deployed, newest first.

use clap::Args;
use ripcord_proto::v1::{BackupsRequest, BackupsResponse, HistoryRequest, HistoryResponse};

use crate::{
    client::Agent,
    context::Context,
    exit::Exit,
    failure::Failure,
    fleet::destination,
    out,
    render::{json, saved, table},
    zone,
};

/// How many are shown when nobody says.
const LIMIT: u32 = 20;

const AFTER_HELP: &str = "\
Examples:
  ripcord history preprod -n 5
  ripcord history prod --json
  ripcord history prod --backups           what `ripcord rollback prod --backup ID` can restore";

/// What was deployed, newest first
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Where; default: the configured environment, or the agent's only one
    #[arg(value_name = "ENV")]
    environment: Option<String>,
    /// How many
    #[arg(short = 'n', long, default_value_t = LIMIT, value_name = "N")]
    limit: u32,
    /// What was saved before deployments instead, all of it
    #[arg(long, conflicts_with = "limit")]
    backups: bool,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let place = destination::of(context, arguments.environment.as_deref()).await?;
    let environment = place.environment.clone();
    if arguments.backups {
        let saved = context.bounded(ask_saved(&place.agent, environment)).await?;
        match context.wants_json() {
            true => out::json(&place.told(saved::object(&saved)))?,
            false => out::people(&saved::list(&place.full_name(), &saved, &zone::local()))?,
        }
        return Ok(Exit::Success);
    }
    let history = context.bounded(ask(&place.agent, environment, arguments.limit)).await?;
    if context.wants_json() {
        out::json(&place.told(json::history(&history)))?;
    } else {
        out::people(&table::history(&history, &zone::local()))?;
    }
    Ok(Exit::Success)
}

async fn ask_saved(agent: &Agent, environment: String) -> Result<BackupsResponse, Failure> {
    let mut client = agent.connect().await?;
    match client.backups(BackupsRequest { environment }).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(agent.failure(&status).await),
    }
}

/// Asks the agent.
pub(crate) async fn ask(
    agent: &Agent,
    environment: String,
    limit: u32,
) -> Result<HistoryResponse, Failure> {
    let mut client = agent.connect().await?;
    match client.history(HistoryRequest { environment, limit }).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(agent.failure(&status).await),
    }
}
