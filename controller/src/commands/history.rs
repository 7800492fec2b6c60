//! `ripcord history`: what was deployed, newest first.

use clap::Args;
use jiff::tz::TimeZone;
use ripcord_proto::v1::{HistoryRequest, HistoryResponse};

use crate::{
    client::Agent,
    context::Context,
    exit::Exit,
    failure::Failure,
    out,
    render::{json, table},
};

/// How many are shown when nobody says.
const LIMIT: u32 = 20;

/// What was deployed, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ripcord history preprod -n 5\n  ripcord history prod --json")]
pub(crate) struct Arguments {
    /// Where; default: the configured environment, or the agent's only one
    #[arg(value_name = "ENV")]
    environment: Option<String>,
    /// How many
    #[arg(short = 'n', long, default_value_t = LIMIT, value_name = "N")]
    limit: u32,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let agent = context.agent()?;
    let environment = context.environment(arguments.environment.as_deref(), &agent).await?;
    let history = context.bounded(ask(&agent, environment, arguments.limit)).await?;
    if context.wants_json() {
        out::json(&json::history(&history))?;
    } else {
        out::people(&table::history(&history, &TimeZone::system()))?;
    }
    Ok(Exit::Success)
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
