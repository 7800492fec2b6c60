//! `ripcord rollback`: goes back. Shows what would happen and asks once, unless told not to.

use clap::Args;
use ripcord_proto::v1::{RollbackRequest, WaitFor, rollback_request::To};

use super::{
    deploy::request_id,
    plan,
    rolling::{self, Several},
    story::{self, Telling},
};
use crate::{
    cli::Wait,
    context::Context,
    exit::{Asked, Exit},
    failure::{Failure, LEFT},
    fleet::{
        destination::{self, Destination},
        full_name,
    },
    follow::Opening,
    prompt, render,
    report::Report,
    revision,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord rollback preprod                 back to what was validated last; asks first
  ripcord rollback preprod --to 139 --yes  to that deployment's commit, without asking
  ripcord rollback prod --backup 20261123T061742Z-142
  ripcord rollback prod --dry-run          tell what would happen
  ripcord rollback prod --agents paris,lyon --max-parallel 2

Code and containers go back; databases, volumes and data are not touched.

Exit codes: 0 it runs again · 2 --yes is missing where nobody can be asked · 3 did not become
live · 6 refused · 20 stranded · 130 detached, it goes on. With --agents the worst of all.";

/// Go back to what was validated last, or to an older deployment
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Where; default: the configured environment, or the agent's only one
    #[arg(value_name = "ENV")]
    pub(super) environment: Option<String>,
    /// An earlier deployment's number, or its commit
    #[arg(long, value_name = "N|SHA")]
    to: Option<String>,
    /// The files as that backup holds them: see `ripcord history ENV --backups`
    #[arg(long, value_name = "ID", conflicts_with = "to")]
    backup: Option<String>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
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
    pub(super) request_id: Option<String>,
    /// How long to wait
    #[arg(long, value_enum, default_value_t = Wait::Verdict)]
    wait: Wait,
    #[command(flatten)]
    pub(super) several: Several,
}

/// Runs it; the exit code says how it ended.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Exit {
    let mut report = Report::of_command("rollback");
    let asked = Asked { dry_run: arguments.dry_run, ..Asked::to_wait(arguments.wait.into()) };
    if arguments.several.is_meant() {
        return rolling::rollback::run(context, arguments, asked).await;
    }
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
    let must_ask = arguments.must_ask(context)?;
    let to = arguments.target()?;
    let Destination { agent, agent_name, environment } =
        destination::of(context, arguments.environment.as_deref()).await?;
    report.environment = Some(environment.clone());
    report.agent = agent_name;
    let id = request_id(arguments.request_id.as_deref(), &environment, "-rollback")?;
    let mut request = arguments.request(id, environment, to, wait);
    let dry = Opening::Rollback(RollbackRequest { dry_run: true, ..request.clone() });
    let planned = plan::ask(context, &agent, dry).await;
    let planned = planned.map(|plan| plan.at(report.agent.clone()));
    if arguments.dry_run {
        *report = planned?;
        return Ok(());
    }
    match planned {
        Ok(planned) => agree(context, &mut request, &planned, must_ask).await?,
        // The agent shall know that somebody tried, and say no itself.
        Err(Failure::Refused { .. }) if arguments.yes => {}
        Err(failure) => return Err(failure),
    }
    let opening = Opening::Rollback(request);
    let telling = Telling::of(context, &opening, report);
    story::follow(context, &agent, opening, wait, report, telling).await
}

/// Shows the plan, and asks once. Whoever said yes before knows no plan: it may be another one by then.
async fn agree(
    context: &Context,
    request: &mut RollbackRequest,
    planned: &Report,
    must_ask: bool,
) -> Result<(), Failure> {
    if !context.global.quiet || must_ask {
        let sha = planned.sha.as_deref().map_or("?", render::short);
        let place = full_name(&request.environment, planned.agent.as_deref());
        plan::show(planned, &format!("{place} goes back to {sha}:"));
    }
    if !must_ask || planned.deployment.is_some() {
        return Ok(());
    }
    let answer = prompt::ask("Go back? [y/N]").await?;
    if !answer.is_some_and(|answer| matches!(answer.trim(), "y" | "Y" | "yes")) {
        return Err(Failure::Usage(LEFT.to_owned()));
    }
    request.expected_plan.clone_from(&planned.plan);
    Ok(())
}

impl Arguments {
    /// Whether somebody has to agree: then somebody must be there.
    pub(super) fn must_ask(&self, context: &Context) -> Result<bool, Failure> {
        let must_ask = !self.yes && !self.dry_run;
        if must_ask && !prompt::is_possible(context) {
            let text = "a rollback changes what runs, and nobody can be asked here: add --yes";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(must_ask)
    }

    pub(super) fn request(
        &self,
        request_id: String,
        environment: String,
        to: Option<To>,
        wait: WaitFor,
    ) -> RollbackRequest {
        RollbackRequest {
            request_id,
            environment,
            to,
            reason: self.reason.clone().unwrap_or_default(),
            hold: (self.hold || self.no_hold).then_some(self.hold),
            dry_run: false,
            wait: wait.into(),
            expected_plan: Vec::new(),
        }
    }

    pub(super) fn target(&self) -> Result<Option<To>, Failure> {
        match (&self.to, &self.backup) {
            (_, Some(backup)) => Ok(Some(To::Backup(backup.clone()))),
            (Some(to), None) => target(to).map(Some),
            (None, None) => Ok(None),
        }
    }
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
