//! One application on several machines: the same thing at each agent, in the order that is given, and no
//! more than so many at the same time. Each agent goes back by itself as always; those that went live
//! before another one failed stay as they are.

pub(super) mod deploy;
mod outcome;
pub(super) mod plans;
pub(super) mod rollback;

use std::{cell::Cell, convert::Infallible, num::NonZeroUsize};

use clap::Args;
use futures_util::{StreamExt, stream};
use ripcord_core::RequestId;
use ripcord_proto::v1::WaitFor;

pub(crate) use outcome::Turn;
use outcome::conclude;
use plans::Planned;

use super::story::{self, Telling};
use crate::{
    client::Agent,
    config::agents::ALL,
    context::Context,
    exit::{Asked, Exit},
    failure::Failure,
    fleet::Member,
    follow::Opening,
    report::Report,
    tell,
};

/// How several agents are gone through.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several agents")]
pub(crate) struct Several {
    /// At each of these agents of [agents], in this order; `all` means all in the file's order
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(super) agents: Vec<String>,
    /// So many agents at the same time
    #[arg(long, value_name = "N", default_value = "1", requires = "agents")]
    max_parallel: NonZeroUsize,
    /// Begin at no other agent after the first failure; at none, when a plan cannot be made
    #[arg(long, requires = "agents")]
    stop_on_failure: bool,
}

impl Several {
    /// Whether there are several.
    pub(super) fn is_meant(&self) -> bool {
        !self.agents.is_empty()
    }

    /// The agents that are named.
    fn members(&self, context: &mut Context, wait: WaitFor) -> Result<Vec<Member>, Failure> {
        if wait == WaitFor::None && (self.stop_on_failure || self.max_parallel.get() > 1) {
            let text = "with --wait none nobody waits for a turn's end: leave out --stop-on-failure and \
                        --max-parallel, or wait with --wait live";
            return Err(Failure::Usage(text.to_owned()));
        }
        let names = match self.agents.as_slice() {
            [all] if all == ALL => context.agent_names()?,
            names => names.to_vec(),
        };
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(Failure::Usage(format!("--agents names {name} twice")));
            }
        }
        if names.is_empty() {
            return Err(Failure::Usage(crate::target::no_agents(ALL)));
        }
        context.named_agents(&names)
    }
}

/// What is to be done at one agent, or why nothing can be.
pub(super) struct Step {
    name: String,
    ready: Result<(Agent, Opening), Failure>,
}

/// What is the same at every agent.
pub(super) struct Rolling<'a> {
    context: &'a Context,
    several: &'a Several,
    asked: Asked,
    environment: &'a str,
    sha: Option<String>,
    /// The id of the whole: each agent's is made of it.
    request_id: &'a str,
}

impl Rolling<'_> {
    /// Goes through all of them.
    pub(super) async fn roll(&self, steps: Vec<Step>) -> Vec<Turn> {
        let stop = Stop::default();
        let width = steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        let turns = steps.into_iter().enumerate().map(|(at, step)| {
            let stop = &stop;
            async move {
                if let Some(exit) = stop.0.get() {
                    return (at, Turn::skipped(step.name, exit));
                }
                let turn = self.turn(step, width).await;
                stop.heard_of(turn.exit, self.several.stop_on_failure);
                (at, turn)
            }
        });
        let rolling = stream::iter(turns).buffer_unordered(self.several.max_parallel.get());
        let mut turns: Vec<_> = tokio::select! {
            // Also between two turns, when nobody else listens: first, or another one begins.
            biased;
            never = interrupted(&stop) => match never {},
            turns = rolling.collect() => turns,
        };
        turns.sort_by_key(|(at, _): &(usize, Turn)| *at);
        turns.into_iter().map(|(_, turn)| turn).collect()
    }

    /// What is to be begun; or what all ends with before anything is: a dry run with its plans, and with
    /// `--stop-on-failure` everything as soon as one plan cannot be made.
    fn begins(&self, planned: Vec<Planned>) -> Result<Vec<Planned>, Vec<Turn>> {
        if self.asked.dry_run {
            return Err(planned.into_iter().map(|one| self.planned(one)).collect());
        }
        if self.several.stop_on_failure && planned.iter().any(|one| one.plan.is_err()) {
            return Err(planned.into_iter().map(|one| self.not_begun(one)).collect());
        }
        Ok(planned)
    }

    /// A dry run ends with the plan.
    fn planned(&self, planned: Planned) -> Turn {
        let (report, ended) = match planned.plan {
            Ok(plan) => (plan.at(Some(planned.name.clone())), Ok(())),
            Err(failure) => (self.report(&planned.name), Err(failure)),
        };
        let (report, exit) = story::judged(report, &ended, self.asked);
        Turn { name: planned.name, report: Some(report), exit }
    }

    /// Nothing begins anywhere, because of some.
    fn not_begun(&self, planned: Planned) -> Turn {
        match planned.plan {
            Ok(_) => Turn::skipped(planned.name, Exit::Success),
            Err(_) => self.planned(planned),
        }
    }

    /// What is known before anything is.
    fn report(&self, name: &str) -> Report {
        Report {
            environment: Some(self.environment.to_owned()),
            agent: Some(name.to_owned()),
            sha: self.sha.clone(),
            ..Report::of_command(self.context.command)
        }
    }

    async fn turn(&self, step: Step, width: usize) -> Turn {
        let mut report = self.report(&step.name);
        let ended = match step.ready {
            Ok((agent, opening)) => {
                let telling = self.telling(&step.name, width);
                story::follow(self.context, &agent, opening, self.asked.wait, &mut report, telling)
                    .await
            }
            Err(failure) => Err(failure),
        };
        let (report, exit) = story::judged(report, &ended, self.asked);
        Turn { name: step.name, report: Some(report), exit }
    }

    fn telling(&self, name: &str, width: usize) -> Telling {
        let title = format!("ripcord {} {}@{name}", self.context.command, self.environment);
        let alone = self.several.max_parallel.get() == 1;
        Telling {
            teller: tell::of_agent(&self.context.global, &title, name, width, alone),
            request_id: Some(self.request_id.to_owned()),
        }
    }
}

/// Once nothing new begins: what those count as that are skipped.
#[derive(Default)]
struct Stop(Cell<Option<Exit>>);

impl Stop {
    /// Whoever left is told so, whatever else ends. A failure counts by itself.
    fn heard_of(&self, exit: Exit, on_failure: bool) {
        if exit == Exit::Detached {
            self.0.set(Some(exit));
        } else if on_failure && exit != Exit::Success {
            self.0.set(self.0.get().or(Some(Exit::Success)));
        }
    }
}

/// Ends never: what runs ends by itself, and nothing new begins.
async fn interrupted(stop: &Stop) -> Infallible {
    // Where nobody can listen, those who follow a deployment say so.
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.heard_of(Exit::Detached, false);
    }
    std::future::pending().await
}

/// The same request at the same agent has the same id, and another one at each other agent.
fn request_id(whole: &str, agent: &str) -> Result<String, Failure> {
    let id = format!("{whole}-{agent}").parse::<RequestId>();
    id.map(String::from).map_err(|error| Failure::Usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_skipped_by_ctrl_c_is_no_success_even_where_all_others_are() {
        let stop = Stop::default();
        stop.heard_of(Exit::Success, true);
        stop.heard_of(Exit::Failed, false);
        assert_eq!(stop.0.get(), None, "all go on");
        stop.heard_of(Exit::Failed, true);
        assert_eq!(stop.0.get(), Some(Exit::Success), "the failure is what counts");
        stop.heard_of(Exit::Detached, true);
        stop.heard_of(Exit::Failed, true);
        assert_eq!(stop.0.get(), Some(Exit::Detached));
    }
}
