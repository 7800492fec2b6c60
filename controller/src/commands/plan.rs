//! What `deploy` and `rollback` show before they do anything.

use ripcord_proto::v1::WaitFor;

use crate::{
    client::Agent,
    context::Context,
    failure::Failure,
    follow::{Follow, Opening},
    out,
    render::{github, sanitize::sanitize},
    report::{Outcome, Report},
    tell::{self, Silent},
};

/// Asks what `opening`, a dry run, would do.
pub(crate) async fn ask(
    context: &Context,
    agent: &Agent,
    opening: Opening,
) -> Result<Report, Failure> {
    let mut follow = Follow::new(agent, opening, WaitFor::None, None);
    let planned = context.bounded(follow.run(&mut Silent)).await?;
    let report = Report::of_result(context.command, planned);
    if report.outcome == Outcome::Refused {
        let reason = report.error.unwrap_or_default();
        return Err(Failure::Refused { reason, message: report.reason.unwrap_or_default() });
    }
    Ok(report)
}

/// Shows the plan where the story is told.
pub(crate) fn show(planned: &Report, heading: &str) {
    let lines = planned.plan.iter().map(|line| format!("  {}", sanitize(line)));
    for line in std::iter::once(sanitize(heading).into_owned()).chain(lines) {
        out::say(&if tell::in_github_actions() { github::defused(&line) } else { line });
    }
}
