//! `ripcord show`: one deployment, its story from the beginning, and how it stands now.

use clap::Args;
use ripcord_proto::v1::{Activity, Admitted, Event, WaitFor, WatchRequest};
use serde_json::{Value, json};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    fleet::destination::{self, Destination},
    follow::{Follow, Opening},
    out,
    render::{json, plain, result},
    report::Report,
    tell::Teller,
    zone,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord show preprod 142
  ripcord show preprod 142 --json

Exit codes: 0 told, whatever became of the deployment · 6 unknown deployment.";

/// One deployment: its story, and how it ended
#[derive(Debug, Args)]
#[command(override_usage = "ripcord show [OPTIONS] <ENV> <N>", after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Where
    #[arg(value_name = "ENV")]
    environment: String,
    /// Which deployment
    #[arg(value_name = "N")]
    deployment: u64,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let Destination { agent, agent_name, environment } =
        destination::of(context, Some(&arguments.environment)).await?;
    let request = WatchRequest {
        environment,
        deployment: arguments.deployment,
        after_sequence: 0,
        wait: WaitFor::None.into(),
    };
    let mut collected = Collected(Vec::new());
    let opening = Opening::Watch(request);
    let mut follow = Follow::new(&agent, opening, WaitFor::None, context.global.timeout);
    let report = Report::of_result("show", follow.run(&mut collected).await?).at(agent_name);
    if context.wants_json() {
        out::json(&object(&report, &collected.0))?;
    } else {
        out::people(&text(&report, &collected.0))?;
    }
    Ok(Exit::Success)
}

fn text(report: &Report, events: &[Event]) -> String {
    let zone = zone::local();
    let own = report.deployment.unwrap_or(0);
    let story = events.iter().map(|event| plain::event_line(event, own, &zone));
    std::iter::once(result::result(report)).chain(story).collect::<Vec<_>>().join("\n")
}

fn object(report: &Report, events: &[Event]) -> Value {
    let events: Vec<Value> = events.iter().map(json::event).collect();
    json!({ "schema": "ripcord/v1/deployment", "result": report, "events": events })
}

/// Remembers the story.
struct Collected(Vec<Event>);

impl Teller for Collected {
    fn admitted(&mut self, _admitted: &Admitted) {}

    fn event(&mut self, event: &Event) {
        self.0.push(event.clone());
    }

    fn activity(&mut self, _activity: &Activity) {}

    fn notice(&mut self, text: &str) {
        out::complain(text);
    }

    fn beat(&mut self) {}

    fn end(&mut self, _badly: bool) {}
}
