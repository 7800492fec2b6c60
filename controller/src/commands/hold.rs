//! `ripcord hold` and `ripcord resume`: an environment refuses deployments, or takes them again.

use clap::Args;
use ripcord_proto::v1::{HoldInfo, HoldRequest, ResumeRequest};
use serde_json::json;

use crate::{
    client::Agent,
    context::Context,
    exit::Exit,
    failure::Failure,
    fleet::destination::{self, Destination},
    out,
    render::{json, sanitize::sanitize},
};

/// Refuse deployments of an environment until `ripcord resume`
#[derive(Debug, Args)]
#[command(override_usage = "ripcord hold [OPTIONS] <ENV>")]
#[command(after_help = "Example:\n  ripcord hold prod --reason 'release freeze'")]
pub(crate) struct HoldArguments {
    /// Where
    #[arg(value_name = "ENV")]
    environment: String,
    /// Why, for everybody who is refused
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// Take deployments again
#[derive(Debug, Args)]
#[command(override_usage = "ripcord resume [OPTIONS] <ENV>")]
#[command(after_help = "Example:\n  ripcord resume prod")]
pub(crate) struct ResumeArguments {
    /// Where
    #[arg(value_name = "ENV")]
    environment: String,
}

/// Runs `hold`.
pub(crate) async fn hold(
    context: &mut Context,
    arguments: &HoldArguments,
) -> Result<Exit, Failure> {
    let Destination { agent, environment, .. } =
        destination::of(context, Some(&arguments.environment)).await?;
    let request =
        HoldRequest { environment: environment.clone(), reason: arguments.reason.clone() };
    let info = context.bounded(ask_hold(&agent, request)).await?;
    if context.wants_json() {
        let object = json!({
            "schema": "ripcord/v1/hold", "environment": environment, "hold": json::hold(&info),
        });
        out::json(&object)?;
    } else {
        let text = format!("✔ {environment} is on hold, by {}", info.by);
        out::people(&sanitize(&text))?;
    }
    Ok(Exit::Success)
}

async fn ask_hold(agent: &Agent, request: HoldRequest) -> Result<HoldInfo, Failure> {
    match agent.connect().await?.hold(request).await {
        Ok(answer) => Ok(answer.into_inner().hold.unwrap_or_default()),
        Err(status) => Err(agent.failure(&status).await),
    }
}

/// Runs `resume`.
pub(crate) async fn resume(
    context: &mut Context,
    arguments: &ResumeArguments,
) -> Result<Exit, Failure> {
    let Destination { agent, environment, .. } =
        destination::of(context, Some(&arguments.environment)).await?;
    let request = ResumeRequest { environment: environment.clone() };
    let was_held = context.bounded(ask_resume(&agent, request)).await?;
    if context.wants_json() {
        out::json(&json!({
            "schema": "ripcord/v1/hold", "environment": environment, "hold": null,
            "was_held": was_held,
        }))?;
    } else if was_held {
        out::people(&format!("✔ {environment} takes deployments again"))?;
    } else {
        out::people(&format!("✔ {environment} was not on hold"))?;
    }
    Ok(Exit::Success)
}

async fn ask_resume(agent: &Agent, request: ResumeRequest) -> Result<bool, Failure> {
    match agent.connect().await?.resume(request).await {
        Ok(answer) => Ok(answer.into_inner().was_held),
        Err(status) => Err(agent.failure(&status).await),
    }
}
