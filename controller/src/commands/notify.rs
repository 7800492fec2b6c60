//! `ripcord notify test`: whether those who should be told are.

use clap::{Args, Subcommand};
use ripcord_proto::v1::{
    NotifyTestRequest, NotifyTestResponse, SinkState, SinkTest, SinkTestOutcome,
};

use crate::{
    client::Agent, context::Context, exit::Exit, failure::Failure, out, render::sinks, workflow,
};

const AFTER_HELP: &str = "\
Nothing is posted for people: of a Discord webhook, only its address is looked at. Asks for the right
`status` on \"*\", since a sink tells of all environments.

Examples:
  ripcord notify test
  ripcord notify test --send       also send webhooks a signed event of the kind `test`

Exit codes: 0 all work · 4 no right · 10 one is stopped, lags, or would take nothing.";

/// Whether those who should be told what happens are told
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Notify,
}

#[derive(Debug, Subcommand)]
enum Notify {
    Test(TestArguments),
}

/// Try every sink of the agent without telling people anything
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
struct TestArguments {
    /// Also send webhooks, which programs read, a signed event of the kind `test`
    #[arg(long)]
    send: bool,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let Notify::Test(arguments) = &arguments.command;
    let agent = context.agent()?;
    let tested = context.bounded(ask(&agent, arguments.send)).await?;
    if context.wants_json() {
        out::json(&sinks::tests(&tested))?;
    } else {
        out::people(&sinks::table(&tested))?;
    }
    if !tested.sinks.iter().all(works) {
        workflow::of_unwell(context.command, "a sink of the agent would tell nobody");
        return Ok(Exit::Unhealthy);
    }
    Ok(Exit::Success)
}

async fn ask(agent: &Agent, send: bool) -> Result<NotifyTestResponse, Failure> {
    match agent.connect().await?.notify_test(NotifyTestRequest { send }).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(agent.failure(&status).await),
    }
}

fn works(sink: &SinkTest) -> bool {
    let state = sink.health.as_ref().map(ripcord_proto::v1::SinkHealth::state);
    state == Some(SinkState::Working) && sink.outcome() != SinkTestOutcome::Fails
}
