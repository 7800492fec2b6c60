//! `ripcord rollback`: goes back. Shows what would happen and asks once, unless told not to.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use ripcord_proto::v1::{RollbackRequest, WaitFor, rollback_request::To};

use super::{deploy::request_id, story};
use crate::{
    cli::{Format, Wait},
    client::Agent,
    context::Context,
    exit::{Asked, Exit},
    failure::Failure,
    follow::{Follow, Opening},
    out,
    render::{self, sanitize::sanitize},
    report::{Outcome, Report},
    revision,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord rollback preprod                 back to what was validated last; asks first
  ripcord rollback preprod --to 139 --yes  to that deployment's commit, without asking
  ripcord rollback prod --dry-run          tell what would happen

Code and containers go back; databases and volumes are not touched.

Exit codes: 0 it runs again · 2 --yes is missing where nobody can be asked · 3 did not become
live · 6 refused · 20 stranded · 130 detached, it goes on.";

/// Go back to what was validated last, or to an older deployment
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Where; default: the configured environment, or the agent's only one
    #[arg(value_name = "ENV")]
    environment: Option<String>,
    /// An earlier deployment's number, or its commit
    #[arg(long, value_name = "N|SHA")]
    to: Option<String>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Refuse deployments afterwards, until `ripcord resume`
    #[arg(long, conflicts_with = "no_hold")]
    hold: bool,
    /// Allow deployments afterwards, whatever is configured
    #[arg(long)]
    no_hold: bool,
    /// Tell what would happen; change nothing
    #[arg(long)]
    dry_run: bool,
    /// The same id always means the same rollback
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// How long to wait
    #[arg(long, value_enum, default_value_t = Wait::Verdict)]
    wait: Wait,
}

/// Runs it; the exit code says how it ended.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Exit {
    let mut report = Report::of_command("rollback");
    let asked = Asked { dry_run: arguments.dry_run, ..Asked::to_wait(arguments.wait.into()) };
    let ended = rollback(context, arguments, asked.wait, &mut report).await;
    story::conclude(context, report, ended, asked)
}

async fn rollback(
    context: &mut Context,
    arguments: &Arguments,
    wait: WaitFor,
    report: &mut Report,
) -> Result<(), Failure> {
    report.environment.clone_from(&arguments.environment);
    let must_ask = !arguments.yes && !arguments.dry_run;
    if must_ask && !can_ask(context) {
        let text = "a rollback changes what runs, and nobody can be asked here: add --yes";
        return Err(Failure::Usage(text.to_owned()));
    }
    let to = arguments.to.as_deref().map(target).transpose()?;
    let agent = context.agent()?;
    let environment = context.environment(arguments.environment.as_deref(), &agent).await?;
    report.environment = Some(environment.clone());
    let request = RollbackRequest {
        request_id: request_id(arguments.request_id.as_deref(), &environment, "-rollback")?,
        environment,
        to,
        reason: arguments.reason.clone().unwrap_or_default(),
        hold: (arguments.hold || arguments.no_hold).then_some(arguments.hold),
        dry_run: arguments.dry_run,
        wait: wait.into(),
        expected_plan: Vec::new(),
    };
    if must_ask && !agreed(&agent, &request, wait).await? {
        return Err(Failure::Usage("nothing was changed".to_owned()));
    }
    story::follow(context, &agent, Opening::Rollback(request), wait, report).await
}

fn can_ask(context: &Context) -> bool {
    !context.global.no_input
        && context.global.format() == Format::Human
        && io::stdin().is_terminal()
        && out::stderr_is_terminal()
}

/// A number is a deployment, anything else a commit. Seven digits and more may be a short commit
/// id; nobody has that many deployments.
fn target(text: &str) -> Result<To, Failure> {
    let number = text.trim_start_matches('#');
    if number.len() < 7
        && let Ok(deployment) = number.parse()
    {
        return Ok(To::Deployment(deployment));
    }
    revision::named(text).map(|sha| To::Sha(sha.to_string()))
}

/// Shows the plan, and asks once.
async fn agreed(agent: &Agent, request: &RollbackRequest, wait: WaitFor) -> Result<bool, Failure> {
    let opening = Opening::Rollback(RollbackRequest { dry_run: true, ..request.clone() });
    let mut quiet = crate::tell::Silent;
    let planned = Follow::new(agent, opening, wait, None).run(&mut quiet).await?;
    let report = Report::of_result("rollback", planned);
    if report.outcome == Outcome::Refused {
        let reason = report.error.unwrap_or_default();
        return Err(Failure::Refused { reason, message: report.reason.unwrap_or_default() });
    }
    let sha = report.sha.as_deref().map_or("?", render::short);
    out::say(&format!("{} goes back to {}:", request.environment, sanitize(sha)));
    report.plan.iter().for_each(|step| out::say(&format!("  {}", sanitize(step))));
    ask("Go back?")
}

fn ask(question: &str) -> Result<bool, Failure> {
    let unreadable =
        |error: io::Error| Failure::Unexpected(format!("cannot read the answer: {error}"));
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).map_err(unreadable)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(unreadable)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_deployment_and_forty_digits_are_a_commit() {
        assert_eq!(target("139").expect("number"), To::Deployment(139));
        assert_eq!(target("#139").expect("number"), To::Deployment(139));
        let sha = "1234567890".repeat(4);
        assert_eq!(target(&sha).expect("commit"), To::Sha(sha));
    }
}
