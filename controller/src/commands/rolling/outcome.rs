//! What became of it at each agent: one table or one object, one exit code, and the way back.

use serde_json::{Value, json};

use crate::{
    cli::Format,
    context::Context,
    exit::Exit,
    failure::Failure,
    out,
    render::{json, rolling},
    report::{Outcome, Report},
    workflow,
};

/// One agent's part.
pub(crate) struct Turn {
    pub(crate) name: String,
    /// `None`: nothing was begun there.
    pub(crate) report: Option<Report>,
    pub(crate) exit: Exit,
}

impl Turn {
    pub(super) fn skipped(name: String, exit: Exit) -> Self {
        Self { name, report: None, exit }
    }

    /// Whether what was asked for runs there now.
    pub(crate) fn is_live(&self) -> bool {
        let outcome = self.report.as_ref().map(|report| report.outcome);
        matches!(outcome, Some(Outcome::Live | Outcome::Validated))
    }
}

/// Tells what became of it, or why it was not even begun, and gives the one exit code.
pub(crate) fn conclude(
    context: &Context,
    environment: Option<&str>,
    ended: Result<Vec<Turn>, Failure>,
) -> Exit {
    let (turns, failure) = match ended {
        Ok(turns) => (turns, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    let own = failure.as_ref().map(crate::exit::of_failure);
    let exit = Exit::worst(own.into_iter().chain(turns.iter().map(|turn| turn.exit)));
    let object = object(context.command, environment, &turns, failure.as_ref(), exit);
    let people = match &failure {
        Some(failure) => failure.to_string(),
        None => rolling::people(context.command, environment.unwrap_or_default(), &turns),
    };
    // A reader that went away changes nothing about what became of it.
    let _ = match (context.global.format(), &failure) {
        (Format::Json | Format::Ndjson, _) => out::json(&object),
        (Format::Human, None) => out::people(&people),
        (Format::Human, Some(_)) => {
            out::complain(&people);
            Ok(())
        }
    };
    workflow::of_fleet(context.command, &people, &object, exit);
    exit
}

fn object(
    command: &'static str,
    environment: Option<&str>,
    turns: &[Turn],
    failure: Option<&Failure>,
    exit: Exit,
) -> Value {
    let worst = turns.iter().find(|turn| turn.exit == exit && turn.report.is_some());
    let outcome = worst.and_then(|turn| turn.report.as_ref()).map(|report| json!(report.outcome));
    let failed = failure.map(|failure| json::failure(Some(command), failure, exit));
    let field = |name: &str| failed.as_ref().map(|failed| failed[name].clone());
    json!({
        "schema": "ripcord/v1/fleet-result",
        "command": command,
        "environment": environment,
        "outcome": field("outcome").or(outcome),
        "exit_code": exit.code(),
        "error": field("error"),
        "reason": field("reason"),
        "agents": turns.iter().map(turn).collect::<Vec<_>>(),
    })
}

fn turn(turn: &Turn) -> Value {
    let outcome = turn.report.as_ref().map_or(json!("skipped"), |report| json!(report.outcome));
    json!({ "agent": turn.name, "outcome": outcome, "result": turn.report })
}
