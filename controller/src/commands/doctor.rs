//! `ripcord doctor`: which link between a command here and a deployment there is broken, and what to do.

use clap::Args;
use ripcord_core::EnvironmentName;

use crate::{
    context::Context,
    doctor::{self, Hop, Side},
    exit::Exit,
    failure::Failure,
    out,
    render::doctor as show,
};

const AFTER_HELP: &str = "\
Looks at the configuration, the certificates, the way to the agent, the agent and its environments, and
changes nothing anywhere: nothing is fetched, sent to people or written. What hangs on a broken link is
not looked at. Needs no agent: without one it says where the chain ends.

Examples:
  ripcord doctor                    everything that this certificate may see
  ripcord doctor preprod            only this environment, and the way to it
  ripcord doctor --json | jq '.hops[] | select(.outcome == \"failed\")'

Exit codes: 0 nothing is broken (warnings count as working). Else that of the first broken link:
2 configuration · 4 certificate, TLS or rights · 5 no way to the agent · 10 anything behind its door.";

/// Say which link to a deployment is broken, and what to do
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Only these environments; default: all that the certificate may see
    #[arg(value_name = "ENV")]
    environments: Vec<String>,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    for name in &arguments.environments {
        let parsed = name.parse::<EnvironmentName>();
        parsed.map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let configuration = context.configuration();
    let for_people = !context.wants_json();
    let mut screen = Screen::new(context.global.quiet);
    let tell = |hop: &Hop| if for_people { screen.show(hop) } else { Ok(()) };
    let hops = doctor::look(configuration, &arguments.environments, tell).await?;
    if for_people {
        out::people(&format!("\n{}", show::summary(&hops)))?;
    } else {
        out::json(&show::json(&hops))?;
    }
    Ok(doctor::exit(&hops))
}

/// Where links are shown one by one, as they become known.
struct Screen {
    /// Only what is wrong.
    quiet: bool,
    width: Option<usize>,
    last: Option<Side>,
}

impl Screen {
    fn new(quiet: bool) -> Self {
        let width = comfy_table::Table::new().width().map(usize::from);
        Self { quiet, width: width.filter(|_| out::stdout_is_terminal()), last: None }
    }

    fn show(&mut self, hop: &Hop) -> Result<(), Failure> {
        if self.quiet && hop.is_in_order() {
            return Ok(());
        }
        if let Some(heading) = show::heading(self.last.as_ref(), hop) {
            out::people(&heading)?;
        }
        self.last = Some(hop.side.clone());
        out::people(&show::hop(hop, self.width))
    }
}
