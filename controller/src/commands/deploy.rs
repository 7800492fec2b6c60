//! `ripcord deploy`: an exact commit goes live, and the story of it is told until its end.

use clap::Args;
use ripcord_core::RequestId;
use ripcord_proto::v1::{DeployRequest, WatchRequest};
use uuid::Uuid;

use super::{
    plan,
    rolling::{self, Several},
    story::{self, Telling},
};
use crate::{
    cli::{FailOn, Wait},
    client::Agent,
    context::Context,
    exit::{Asked, Exit},
    failure::{Failure, LEFT},
    fleet::{
        destination::{self, Destination},
        full_name,
    },
    follow::Opening,
    prompt,
    render::{self, sanitize::sanitize},
    report::{self, Report},
    revision,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord deploy preprod --sha acfdb42
  ripcord deploy preprod --wait live --json
  ripcord deploy prod                      what its source has validated; shows the plan, asks
  ripcord deploy prod --confirm DEPLOY --reason 'release 12'
  ripcord deploy prod --dry-run            the plan, and nothing else
  ripcord deploy preprod@paris             there, where several agents have it
  ripcord deploy preprod --agents paris,lyon --stop-on-failure   one after the other

Without --sha: what the environment's source has validated, where it promotes; elsewhere
$GITHUB_SHA, else the upstream of the local branch. The plan is checked again when the
deployment is admitted; if it is another one than was shown, nothing is done.

Exit codes: 0 live or validated, as asked · 3 did not become live · 6 refused · 7 CI red, rolled
back · 8 --timeout · 9 superseded (with --fail-on) · 20 stranded · 130 detached, it goes on.
With --agents the worst of all: `ripcord help exit-codes`.";

/// Deploy an exact commit, and wait for its verdict
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Where; default: the configured environment, or the agent's only one
    #[arg(value_name = "ENV")]
    pub(super) environment: Option<String>,
    /// The commit: a full id, or a short one, branch or tag of the local repository
    #[arg(long)]
    pub(super) sha: Option<String>,
    /// How long to wait
    #[arg(long, value_enum, default_value_t = Wait::Verdict)]
    wait: Wait,
    /// The confirmation word, for environments that ask for one
    #[arg(long, value_name = "WORD")]
    pub(super) confirm: Option<String>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Tell what would happen; change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// The same id always means the same deployment
    #[arg(long, value_name = "ID")]
    pub(super) request_id: Option<String>,
    /// Deploy again although the commit is live
    #[arg(long)]
    redeploy: bool,
    /// Deploy although the commit is older than the live one
    #[arg(long)]
    allow_older: bool,
    /// Deploy a quarantined commit; asks for --reason
    #[arg(long = "override")]
    override_quarantine: bool,
    /// Also fail when a newer deployment takes its place
    #[arg(long, value_enum, value_name = "WHAT")]
    fail_on: Option<FailOn>,
    #[command(flatten)]
    pub(super) several: Several,
}

/// Runs it; the exit code says how it ended.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Exit {
    let mut report = Report::of_command("deploy");
    let asked = Asked {
        dry_run: arguments.dry_run,
        fail_on_superseded: arguments.fail_on.is_some(),
        overriding: arguments.override_quarantine,
        ..Asked::to_wait(arguments.wait.into())
    };
    if arguments.several.is_meant() {
        return rolling::deploy::run(context, arguments, asked).await;
    }
    let ended = deploy(context, arguments, asked, &mut report).await;
    story::conclude(context, report, ended, asked)
}

async fn deploy(
    context: &mut Context,
    arguments: &Arguments,
    asked: Asked,
    report: &mut Report,
) -> Result<(), Failure> {
    report.environment.clone_from(&arguments.environment);
    let named = arguments.sha.as_deref().map(revision::named).transpose()?;
    report.sha = named.map(|sha| sha.to_string());
    let Destination { agent, agent_name, environment } =
        destination::of(context, arguments.environment.as_deref()).await?;
    report.environment = Some(environment.clone());
    report.agent = agent_name;
    let id = request_id(arguments.request_id.as_deref(), &environment, "")?;
    let sha = report.sha.clone().unwrap_or_default();
    let mut request = request(arguments, environment, sha, id);
    request.wait = asked.wait.into();
    let planned = plan(context, &agent, arguments, &mut request).await;
    let planned = planned.map(|plan| plan.map(|plan| plan.at(report.agent.clone())));
    report.sha = report::present(request.sha.clone());
    if asked.dry_run {
        *report = planned?.ok_or_else(|| Failure::Unexpected("there is no plan".to_owned()))?;
        return Ok(());
    }
    let opening = match planned {
        Ok(Some(planned)) => confirm(context, request, &planned).await?,
        Ok(None) => Opening::Deploy(request),
        // The agent shall know that somebody tried, and say no itself.
        Err(Failure::Refused { message, .. }) if !may_ask(context, arguments) => {
            request.expected_plan = vec![format!("refused: {message}")];
            Opening::Deploy(request)
        }
        Err(failure) => return Err(failure),
    };
    let telling = Telling::of(context, &opening, report);
    story::follow(context, &agent, opening, asked.wait, report, telling).await
}

pub(super) fn request(
    arguments: &Arguments,
    environment: String,
    sha: String,
    request_id: String,
) -> DeployRequest {
    DeployRequest {
        request_id,
        environment,
        sha,
        reason: arguments.reason.clone().unwrap_or_default(),
        redeploy: arguments.redeploy,
        allow_older: arguments.allow_older,
        override_quarantine: arguments.override_quarantine,
        confirm: arguments.confirm.clone().unwrap_or_default(),
        dry_run: false,
        wait: 0,
        expected_plan: Vec::new(),
    }
}

/// Whether the confirmation word can be asked for here.
fn may_ask(context: &Context, arguments: &Arguments) -> bool {
    arguments.confirm.is_none() && prompt::is_possible(context)
}

/// What the deployment would do, where somebody wants to know. Which commit is meant where none is named
/// is the agent's to say; where it does not know, it is what `$GITHUB_SHA` or the local branch says.
async fn plan(
    context: &Context,
    agent: &Agent,
    arguments: &Arguments,
    request: &mut DeployRequest,
) -> Result<Option<Report>, Failure> {
    let is_wanted =
        arguments.dry_run || arguments.confirm.is_some() || prompt::is_possible(context);
    if request.sha.is_empty() {
        match ask(context, agent, arguments, request).await {
            Err(failure) if failure.lacks_commit() => {
                request.sha = revision::implied()?.to_string();
            }
            planned => return planned.map(Some),
        }
    }
    if is_wanted { ask(context, agent, arguments, request).await.map(Some) } else { Ok(None) }
}

/// The word stays here, unless the dry run is what it was given for: a wrong one shall be refused when
/// the deployment is asked for, and be told.
async fn ask(
    context: &Context,
    agent: &Agent,
    arguments: &Arguments,
    request: &DeployRequest,
) -> Result<Report, Failure> {
    let word = arguments.confirm.clone().filter(|_| arguments.dry_run);
    let confirm = word.unwrap_or_default();
    let dry = DeployRequest { dry_run: true, confirm, ..request.clone() };
    plan::ask(context, agent, Opening::Deploy(dry)).await
}

/// Shows the plan where it matters, and asks for the word where that is possible. What is typed is for
/// the agent to judge.
async fn confirm(
    context: &Context,
    mut request: DeployRequest,
    planned: &Report,
) -> Result<Opening, Failure> {
    let given = !request.confirm.is_empty();
    if !given && planned.confirm.is_none() && planned.promotes.is_none() {
        return Ok(Opening::Deploy(request));
    }
    let sha = planned.sha.as_deref().map_or("?", render::short);
    let place = full_name(&request.environment, planned.agent.as_deref());
    let asks = !given && prompt::is_possible(context);
    if !context.global.quiet || asks {
        plan::show(planned, &format!("the plan, to deploy {sha} to {place}:"));
    }
    request.expected_plan.clone_from(&planned.plan);
    if let Some(word) = planned.confirm.as_ref().filter(|_| asks) {
        if let Some(deployment) = planned.deployment {
            return Ok(joined(request, deployment));
        }
        let question = format!("Type {word} to deploy {sha} to {place}:");
        let typed = prompt::ask(&sanitize(&question)).await?;
        request.confirm = typed.ok_or_else(|| Failure::Usage(LEFT.to_owned()))?;
    }
    Ok(Opening::Deploy(request))
}

/// Joins the deployment that the request would be answered with: it was confirmed before.
pub(super) fn joined(request: DeployRequest, deployment: u64) -> Opening {
    let DeployRequest { environment, wait, .. } = request;
    Opening::Watch(WatchRequest { environment, deployment, after_sequence: 0, wait })
}

/// The caller's id; in a workflow the run's, so that a repeated step joins; else a new one, so
/// that a request which is sent again after a lost connection joins.
pub(crate) fn request_id(
    given: Option<&str>,
    environment: &str,
    suffix: &str,
) -> Result<String, Failure> {
    if let Some(given) = given {
        let parsed = given.parse::<RequestId>();
        return parsed.map(String::from).map_err(|error| Failure::Usage(error.to_string()));
    }
    let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let run = variable("GITHUB_RUN_ID").zip(variable("GITHUB_RUN_ATTEMPT"));
    Ok(match run {
        Some((run, attempt)) => format!("{run}-{attempt}-{environment}{suffix}"),
        None => Uuid::now_v7().to_string(),
    })
}
