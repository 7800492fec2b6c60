//! `ripcord doctor`: which link between a command here and a deployment there is broken, and what to do.

use clap::Args;

use super::fleet_doctor;
use crate::{
    context::Context,
    doctor::{self, Configuration, Hop, Side},
    exit::Exit,
    failure::Failure,
    fleet::scope::{self, Wanted},
    out,
    render::doctor as show,
    workflow,
};

const AFTER_HELP: &str = "\
Looks at the configuration, the certificates, the way to the agent, the agent and its environments, and
changes nothing anywhere: nothing is fetched, sent to people or written. What hangs on a broken link is
not looked at. Needs no agent: without one it says where the chain ends.

Examples:
  ripcord doctor                    everything that this certificate may see
  ripcord doctor preprod            only this environment, and the way to it
  ripcord doctor -v                 of several agents: also what is in order
  ripcord doctor --json | jq '.hops[] | select(.outcome == \"failed\")'

Exit codes: 0 nothing is broken (warnings count as working). Else that of the first broken link:
2 configuration · 4 certificate, TLS or rights · 5 no way to the agent · 10 anything behind its door.
Of several agents: 6 an environment that none of them has.";

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
    let wanted: Vec<Wanted> =
        arguments.environments.iter().map(|name| Wanted::parse(name)).collect::<Result<_, _>>()?;
    for agent in wanted.iter().filter_map(|one| one.agent.as_deref()) {
        scope::agree(context, agent)?;
    }
    let configuration = match chosen(context.configurations(), &wanted) {
        Chosen::One(configuration) => *configuration,
        Chosen::Several(several) => return fleet_doctor::run(context, several, &wanted).await,
    };
    let names: Vec<String> = wanted.into_iter().map(|one| one.environment).collect();
    let for_people = !context.wants_json();
    let mut screen = Screen::new(context.global.quiet);
    let tell = |hop: &Hop| if for_people { screen.show(hop) } else { Ok(()) };
    let hops = doctor::look(configuration, &names, tell).await?;
    if for_people {
        out::people(&format!("\n{}", show::summary(&hops)))?;
    } else {
        out::json(&show::json(&hops))?;
    }
    let exit = doctor::exit(&hops);
    if exit != Exit::Success {
        workflow::of_unwell(context.command, &show::summary(&hops));
    }
    Ok(exit)
}

enum Chosen {
    One(Box<Configuration>),
    Several(Vec<(String, Configuration)>),
}

/// Without those that nothing which is named can be of.
fn chosen(all: Vec<(Option<String>, Configuration)>, wanted: &[Wanted]) -> Chosen {
    let mut several = Vec::new();
    for (name, configuration) in all {
        let Some(name) = name else { return Chosen::One(Box::new(configuration)) };
        if wanted.is_empty() || wanted.iter().any(|one| one.may_be_of(&name)) {
            several.push((name, configuration));
        }
    }
    match several.pop() {
        Some((_, only)) if several.is_empty() => Chosen::One(Box::new(only)),
        last => Chosen::Several(several.into_iter().chain(last).collect()),
    }
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
