//! `ripcord stats`: what became of the deployments of the last days, as figures.

use std::time::Duration;

use clap::Args;
use ripcord_proto::v1::{StatsRequest, StatsResponse};

use crate::{
    client::Agent,
    context::{Context, NOTHING_TO_SEE},
    exit::Exit,
    failure::Failure,
    out,
    render::{json, stats},
    zone,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord stats                    the last 30 days, everywhere
  ripcord stats preprod --since 7d
  ripcord stats prod --json

Exit codes: 0 told · 4 no right to see anything · 6 unknown environment.";

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
    let agent = context.agent()?;
    let figures = context.bounded(ask(&agent, arguments)).await?;
    if context.wants_json() {
        out::json(&json::stats(&figures))?;
    } else {
        out::people(&stats::people(&figures, &zone::local()))?;
    }
    Ok(Exit::Success)
}

async fn ask(agent: &Agent, arguments: &Arguments) -> Result<StatsResponse, Failure> {
    let too_long = |_| Failure::Usage("--since is too long".to_owned());
    let since = prost_types::Duration::try_from(arguments.since).map_err(too_long)?;
    let environments = arguments.environment.iter().cloned().collect();
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
