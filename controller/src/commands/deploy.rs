//! `ripcord deploy`: an exact commit goes live, and the story of it is told until its end.

use clap::Args;
use ripcord_core::RequestId;
use ripcord_proto::v1::DeployRequest;
use uuid::Uuid;

use super::story;
use crate::{
    cli::{FailOn, Wait},
    context::Context,
    exit::{Asked, Exit},
    failure::Failure,
    follow::Opening,
    report::Report,
    revision,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord deploy preprod --sha acfdb42
  ripcord deploy preprod --wait live --json
  ripcord deploy prod --confirm DEPLOY --reason 'release 12'

Without --sha: $GITHUB_SHA, else the upstream of the local branch.

Exit codes: 0 live or validated, as asked · 3 did not become live · 6 refused · 7 CI red, rolled
back · 8 --timeout · 9 superseded (with --fail-on) · 20 stranded · 130 detached, it goes on.";

/// Deploy an exact commit, and wait for its verdict
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Where; default: the configured environment, or the agent's only one
    #[arg(value_name = "ENV")]
    environment: Option<String>,
    /// The commit: a full id, or a short one, branch or tag of the local repository
    #[arg(long)]
    sha: Option<String>,
    /// How long to wait
    #[arg(long, value_enum, default_value_t = Wait::Verdict)]
    wait: Wait,
    /// The confirmation word, for environments that ask for one
    #[arg(long, value_name = "WORD")]
    confirm: Option<String>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Tell what would happen; change nothing
    #[arg(long)]
    dry_run: bool,
    /// The same id always means the same deployment
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
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
    let sha = revision::resolve(arguments.sha.as_deref())?.to_string();
    report.sha = Some(sha.clone());
    let agent = context.agent()?;
    let environment = context.environment(arguments.environment.as_deref(), &agent).await?;
    report.environment = Some(environment.clone());
    let request = DeployRequest {
        request_id: request_id(arguments.request_id.as_deref(), &environment, "")?,
        environment,
        sha,
        reason: arguments.reason.clone().unwrap_or_default(),
        redeploy: arguments.redeploy,
        allow_older: arguments.allow_older,
        override_quarantine: arguments.override_quarantine,
        confirm: arguments.confirm.clone().unwrap_or_default(),
        dry_run: arguments.dry_run,
        wait: asked.wait.into(),
        expected_plan: Vec::new(),
    };
    story::follow(context, &agent, Opening::Deploy(request), asked.wait, report).await
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
