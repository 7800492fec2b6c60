//! `ripcord stats`: what became of the deployments of the last days, as figures.

use std::time::Duration;

use clap::Args;
use ripcord_proto::v1::{StatsRequest, StatsResponse};

use crate::{
    client::Agent,
    context::{Context, NOTHING_TO_SEE},
    exit::Exit,
    failure::Failure,
    fleet::{
        self, Member, patience,
        scope::{self, Part, Scope},
    },
    out,
    render::{fleet as show, json, stats},
    workflow, zone,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord stats                    the last 30 days, everywhere
  ripcord stats preprod --since 7d
  ripcord stats prod --json

Exit codes: 0 told · 4 no right to see anything · 5 an agent unreachable · 6 unknown environment.";

/// How often, how fast, how well: figures of the last days
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Only this one; default: all that the certificate may see
    #[arg(value_name = "ENV")]
    environment: Option<String>,
    /// How far to look back, such as 30d, 2w or 12h
    #[arg(long, default_value = "30d", value_name = "DURATION", value_parser = stretch)]
    since: Duration,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let named: Vec<String> = arguments.environment.iter().cloned().collect();
    let since = arguments.since;
    let (agent, environments) = match scope::of(context, &named)? {
        Scope::One(agent, environments) => (agent, environments),
        Scope::Several(parts) => return several(context, since, parts).await,
    };
    let figures = context.bounded(ask(&agent, environments, since)).await?;
    if context.wants_json() {
        out::json(&json::stats(&figures))?;
    } else {
        out::people(&stats::people(&figures, &zone::local()))?;
    }
    Ok(Exit::Success)
}

/// Everybody at once.
async fn several(
    context: &Context,
    since: Duration,
    parts: Vec<(Member, Part)>,
) -> Result<Exit, Failure> {
    let ask = |agent: Agent, part: Part| async move {
        let figures = ask(&agent, Vec::new(), since).await?;
        let environments = part.of(figures.environments, |one| &one.name)?;
        Ok(StatsResponse { environments })
    };
    let anywhere = scope::anywhere(&parts);
    let answers = fleet::ask(parts, patience(context), ask).await;
    let answers = scope::those_with_something(answers, &anywhere, |figures| {
        figures.environments.iter().map(|one| one.name.as_str()).collect()
    })?;
    let judged = |figures: &StatsResponse| (json::stats(figures), Exit::Success);
    let seen: Vec<_> = answers.iter().map(|answer| answer.see(judged)).collect();
    let (object, exit) = (show::object("stats", &seen), show::exit(&seen));
    let people = stats::fleet(&answers, &zone::local());
    if context.wants_json() { out::json(&object) } else { out::people(&people) }?;
    workflow::of_fleet(context.command, &people, &object, exit);
    Ok(exit)
}

async fn ask(
    agent: &Agent,
    environments: Vec<String>,
    since: Duration,
) -> Result<StatsResponse, Failure> {
    let too_long = |_| Failure::Usage("--since is too long".to_owned());
    let since = prost_types::Duration::try_from(since).map_err(too_long)?;
    let request = StatsRequest { environments, since: Some(since) };
    let figures = match agent.connect().await?.stats(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Err(agent.failure(&status).await),
    };
    if figures.environments.is_empty() {
        return Err(Failure::Access { message: NOTHING_TO_SEE.to_owned() });
    }
    Ok(figures)
}

/// `30d`, `2w`, `12h`: days have 24 hours.
fn stretch(text: &str) -> Result<Duration, String> {
    let invalid = || "write a stretch of time such as 30d, 2w or 12h".to_owned();
    let span: jiff::Span = text.parse().map_err(|_| invalid())?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let stretch = span.to_duration(days).map_err(|_| invalid())?;
    let stretch = Duration::try_from(stretch).map_err(|_| invalid())?;
    if stretch.is_zero() { Err(invalid()) } else { Ok(stretch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_written_as_people_write_it() {
        let hours = |text| stretch(text).map(|stretch| stretch.as_secs() / 3600);
        assert_eq!((hours("30d"), hours("2w"), hours("36h")), (Ok(720), Ok(336), Ok(36)));
        for wrong in ["", "0d", "-3d", "soon", "30", "1mo"] {
            assert!(stretch(wrong).is_err(), "{wrong}");
        }
    }
}
