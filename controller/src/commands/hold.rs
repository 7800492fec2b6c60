//! `ripcord hold` and `ripcord resume`: an environment refuses deployments, or takes them again.

use clap::Args;
use ripcord_proto::v1::{HoldInfo, HoldRequest, ResumeRequest};
use serde_json::json;

use crate::{
    client::Agent,
    context::Context,
    exit::Exit,
    failure::Failure,
    fleet::destination,
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
    let place = destination::of(context, Some(&arguments.environment)).await?;
    let request =
        HoldRequest { environment: place.environment.clone(), reason: arguments.reason.clone() };
    let info = context.bounded(ask_hold(&place.agent, request)).await?;
    if context.wants_json() {
        let object = json!({
            "schema": "ripcord/v1/hold", "environment": place.environment,
            "hold": json::hold(&info),
        });
        out::json(&place.told(object))?;
    } else {
        let text = format!("✔ {} is on hold, by {}", place.full_name(), info.by);
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
    let place = destination::of(context, Some(&arguments.environment)).await?;
    let request = ResumeRequest { environment: place.environment.clone() };
    let was_held = context.bounded(ask_resume(&place.agent, request)).await?;
    if context.wants_json() {
        let object = json!({
            "schema": "ripcord/v1/hold", "environment": place.environment, "hold": null,
            "was_held": was_held,
        });
        out::json(&place.told(object))?;
    } else if was_held {
        out::people(&format!("✔ {} takes deployments again", place.full_name()))?;
    } else {
        out::people(&format!("✔ {} was not on hold", place.full_name()))?;
    }
    Ok(Exit::Success)
}

async fn ask_resume(agent: &Agent, request: ResumeRequest) -> Result<bool, Failure> {
    match agent.connect().await?.resume(request).await {
        Ok(answer) => Ok(answer.into_inner().was_held),
        Err(status) => Err(agent.failure(&status).await),
    }
}
