//! `ripcord verdict`: a person's word on a commit, in the place of CI's.

use clap::{Args, ValueEnum};
use ripcord_proto::v1::VerdictRequest;
use serde_json::json;

use crate::{
    client::Agent, context::Context, exit::Exit, failure::Failure, fleet::destination, out,
    render::sanitize::sanitize, revision,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord verdict preprod acfdb42 success --reason 'flaky runner, tests pass by hand'
  ripcord verdict prod acfdb42 failure --reason 'orders are lost'   rolls back when it is live";

/// Give a commit's verdict by hand, with a reason
#[derive(Debug, Args)]
#[command(
    override_usage = "ripcord verdict [OPTIONS] --reason <TEXT> <ENV> <SHA> <success|failure>",
    after_help = AFTER_HELP
)]
pub(crate) struct Arguments {
    /// Where
    #[arg(value_name = "ENV")]
    environment: String,
    /// The commit: a full id, or a short one, branch or tag of the local repository
    #[arg(value_name = "SHA")]
    sha: String,
    /// The verdict
    #[arg(value_enum, value_name = "VERDICT")]
    value: Value,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// The verdicts that a person can give.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Value {
    /// Validates it
    Success,
    /// Rolls it back when it is live
    Failure,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let sha = revision::named(&arguments.sha)?.to_string();
    let place = destination::of(context, Some(&arguments.environment)).await?;
    let value = match arguments.value {
        Value::Success => "success",
        Value::Failure => "failure",
    };
    let request = VerdictRequest {
        environment: place.environment.clone(),
        sha: sha.clone(),
        value: value.to_owned(),
        reason: arguments.reason.clone(),
    };
    let message = context.bounded(ask(&place.agent, request)).await?;
    if context.wants_json() {
        let object = json!({
            "schema": "ripcord/v1/verdict", "environment": place.environment, "sha": sha,
            "verdict": value, "message": message,
        });
        out::json(&place.told(object))?;
    } else {
        let at = place.agent_name.as_ref().map(|_| format!("{}: ", place.full_name()));
        out::people(&format!("✔ {}{}", at.unwrap_or_default(), sanitize(&message)))?;
    }
    Ok(Exit::Success)
}

async fn ask(agent: &Agent, request: VerdictRequest) -> Result<String, Failure> {
    match agent.connect().await?.verdict(request).await {
        Ok(answer) => Ok(answer.into_inner().message),
        Err(status) => Err(agent.failure(&status).await),
    }
}
