//! `ripcord watch`: attaches to a deployment, and follows it to its end.

use clap::Args;
use ripcord_proto::v1::{WaitFor, WatchRequest};

use super::story;
use crate::{
    context::Context,
    exit::{Asked, Exit},
    failure::Failure,
    follow::Opening,
    report::Report,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord watch preprod          the newest deployment
  ripcord watch preprod 142      that one, from its beginning

Exit codes: those of `ripcord deploy`.";

/// Attach to a deployment, and wait for its end
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Where; default: the configured environment, or the agent's only one
    #[arg(value_name = "ENV")]
    environment: Option<String>,
    /// Which deployment; default: the newest
    #[arg(value_name = "N")]
    deployment: Option<u64>,
}

const ASKED: Asked = Asked { wait: WaitFor::Verdict, dry_run: false, fail_on_superseded: false };

/// Runs it; the exit code says how the deployment ended.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Exit {
    let mut report = Report::of_command("watch");
    let ended = watch(context, arguments, &mut report).await;
    story::conclude(context, report, ended, ASKED)
}

async fn watch(
    context: &mut Context,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<(), Failure> {
    report.environment.clone_from(&arguments.environment);
    report.deployment = arguments.deployment;
    let agent = context.agent()?;
    let environment = context.environment(arguments.environment.as_deref(), &agent).await?;
    report.environment = Some(environment.clone());
    let request = WatchRequest {
        environment,
        deployment: arguments.deployment.unwrap_or(0),
        after_sequence: 0,
        wait: ASKED.wait.into(),
    };
    story::follow(context, &agent, Opening::Watch(request), ASKED.wait, report).await
}
