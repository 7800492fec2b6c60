//! `ripcord watch`: attaches to a deployment, and follows it to its end; may make the agent look at
//! CI now.

use clap::Args;
use ripcord_proto::v1::{NudgeRequest, WaitFor, WatchRequest};

use super::story::{self, Telling};
use crate::{
    cli::Wait,
    client::Agent,
    context::Context,
    exit::{Asked, Exit},
    failure::Failure,
    fleet::destination::{self, Destination},
    follow::Opening,
    out,
    report::Report,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord watch preprod                       the newest deployment
  ripcord watch preprod 142                   that one, from its beginning
  ripcord watch preprod --nudge --wait none   the last step of a CI job: look at my result now

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
    /// Make the agent look at CI now instead of at its next turn; it reads the result itself
    #[arg(long)]
    nudge: bool,
    /// How long to wait
    #[arg(long, value_enum, default_value_t = Wait::Verdict, value_name = "UNTIL")]
    wait: Wait,
}

/// Runs it; the exit code says how the deployment ended.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Exit {
    let mut report = Report::of_command("watch");
    let ended = watch(context, arguments, &mut report).await;
    let wait = WaitFor::from(arguments.wait);
    let only_nudge = arguments.nudge && wait == WaitFor::None;
    story::conclude(context, report, ended, Asked { only_nudge, ..Asked::to_wait(wait) })
}

async fn watch(
    context: &mut Context,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<(), Failure> {
    report.environment.clone_from(&arguments.environment);
    report.deployment = arguments.deployment;
    let Destination { agent, agent_name, environment } =
        destination::of(context, arguments.environment.as_deref()).await?;
    report.environment = Some(environment.clone());
    report.agent = agent_name;
    let deployment = arguments.deployment.unwrap_or(0);
    if arguments.nudge {
        let request = NudgeRequest { environment: environment.clone(), deployment };
        out::say(&looked(&context.bounded(nudge(&agent, request)).await?));
    }
    let wait = WaitFor::from(arguments.wait);
    let request = WatchRequest { environment, deployment, after_sequence: 0, wait: wait.into() };
    let opening = Opening::Watch(request);
    let telling = Telling::of(context, &opening, report);
    story::follow(context, &agent, opening, wait, report, telling).await
}

async fn nudge(agent: &Agent, request: NudgeRequest) -> Result<Vec<u64>, Failure> {
    match agent.connect().await?.nudge(request).await {
        Ok(answer) => Ok(answer.into_inner().deployments),
        Err(status) => Err(agent.failure(&status).await),
    }
}

fn looked(deployments: &[u64]) -> String {
    if deployments.is_empty() {
        return "nothing to look at: no deployment waits for CI there".to_owned();
    }
    let numbers: Vec<String> = deployments.iter().map(|number| format!("#{number}")).collect();
    format!("the agent looks at CI now, for {}", numbers.join(", "))
}
