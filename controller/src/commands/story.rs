//! What `deploy`, `rollback` and `watch` share: follow to the end, and tell the one result.

use ripcord_proto::v1::WaitFor;

use crate::{
    cli::Format,
    client::Agent,
    context::Context,
    exit::{self, Asked, Exit},
    failure::Failure,
    follow::{Follow, Opening},
    out,
    render::result,
    report::{Outcome, Report},
    tell::{self, Teller},
    workflow,
};

/// Whom the story is told to, and what is said about the request.
pub(crate) struct Telling {
    pub(crate) teller: Box<dyn Teller>,
    /// The id that the caller repeats the command with.
    pub(crate) request_id: Option<String>,
}

impl Telling {
    /// Of one deployment and no other.
    pub(crate) fn of(context: &Context, opening: &Opening, report: &Report) -> Self {
        let environment = report.full_name().unwrap_or_default();
        let title = format!("ripcord {} {environment}", context.command);
        Self {
            teller: tell::teller(&context.global, title.trim_end()),
            request_id: opening.request_id().map(str::to_owned),
        }
    }
}

/// Follows what `opening` asks for; `report` learns what there is to know on the way.
pub(crate) async fn follow(
    context: &Context,
    agent: &Agent,
    opening: Opening,
    wait: WaitFor,
    report: &mut Report,
    telling: Telling,
) -> Result<(), Failure> {
    let Telling { mut teller, request_id } = telling;
    let mut follow = Follow::new(agent, opening, wait, context.global.timeout);
    let ended = follow.run(teller.as_mut()).await;
    let learnt = ended.map(|result| Report::of_result(context.command, result));
    teller.end(learnt.as_ref().map_or(true, |report| went_badly(report.outcome)));
    match (follow.place(), request_id) {
        (Some(place), _) => {
            report.deployment = Some(place.deployment);
            report.sha = crate::report::present(place.sha.clone()).or(report.sha.take());
        }
        (None, Some(id)) if follow.may_have_arrived(&learnt) => {
            out::say(&format!("the request may have arrived: repeat it with --request-id {id}"));
        }
        (None, _) => {}
    }
    *report = complete(learnt?, report);
    Ok(())
}

/// An agent's result may leave out what both sides know.
fn complete(result: Report, known: &Report) -> Report {
    let result = result.at(known.agent.clone());
    Report {
        environment: result.environment.or_else(|| known.environment.clone()),
        deployment: result.deployment.or(known.deployment),
        sha: result.sha.or_else(|| known.sha.clone()),
        ..result
    }
}

fn went_badly(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Live | Outcome::Validated | Outcome::Superseded | Outcome::Pending => false,
        Outcome::RolledBack
        | Outcome::Failed
        | Outcome::Stranded
        | Outcome::Refused
        | Outcome::Error => true,
    }
}

/// The report with its exit code, and why there is no result.
pub(crate) fn judged(report: Report, ended: &Result<(), Failure>, asked: Asked) -> (Report, Exit) {
    let (report, exit) = match ended {
        Ok(()) => {
            let exit = exit::of_report(&report, asked);
            (report, exit)
        }
        Err(failure) => (report.failed(failure), exit::of_failure(failure)),
    };
    (Report { exit_code: exit.code(), ..report }, exit)
}

/// Tells the result, or why there is none, and gives the exit code.
pub(crate) fn conclude(
    context: &mut Context,
    mut report: Report,
    ended: Result<(), Failure>,
    asked: Asked,
) -> Exit {
    let exit;
    (report, exit) = judged(report, &ended, asked);
    // A reader that went away changes nothing about what became of the deployment.
    let _ = match context.global.format() {
        Format::Json | Format::Ndjson => out::json(&report),
        Format::Human => {
            tell_people(&report, ended.err());
            Ok(())
        }
    };
    let url = report.environment.as_deref().and_then(|name| context.url_of(name));
    workflow::of_report(&report, url.as_deref(), exit);
    exit
}

fn tell_people(report: &Report, failure: Option<Failure>) {
    let Some(failure) = failure else {
        let _ = out::people(&result::result(report));
        return;
    };
    out::complain(&failure.to_string());
    tell_how_to_attach(report);
}

/// Whoever left, or lost the agent, before the end was known can come back.
fn tell_how_to_attach(report: &Report) {
    let left = matches!(report.error.as_deref(), Some("DETACHED" | "TIMED_OUT" | "UNREACHABLE"));
    if let (true, Some(number)) = (left, report.deployment) {
        let environment = report.full_name().unwrap_or_default();
        out::say(&format!("attach again with: ripcord watch {environment} {number}"));
    }
}
