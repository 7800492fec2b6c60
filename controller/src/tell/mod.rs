//! Telling a story while it happens, in the way that suits whoever reads standard error.

mod actions;
mod backlog;
mod events;
mod plain;
mod terminal;

use ripcord_proto::v1::{Activity, Admitted, Event};

use crate::{
    cli::{Format, Global},
    out,
};

/// Somebody who is told what happens to a deployment.
pub(crate) trait Teller {
    /// The request has a number.
    fn admitted(&mut self, admitted: &Admitted);
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// A long step got on.
    fn activity(&mut self, activity: &Activity);
    /// Something about the connection, not about the deployment.
    fn notice(&mut self, text: &str);
    /// A second passed.
    fn beat(&mut self);
    /// The story is over; after a bad end, what was held back is told too.
    fn end(&mut self, badly: bool);
}

/// Whether this runs as a step of a GitHub workflow.
pub(crate) fn in_github_actions() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// The teller that the flags and the surroundings ask for.
pub(crate) fn teller(global: &Global, title: &str) -> Box<dyn Teller> {
    let plain = || plain::Plain::new(global.verbose);
    if global.format() == Format::Ndjson {
        Box::new(events::Events::new(global.quiet))
    } else if global.quiet {
        Box::new(Silent)
    } else if in_github_actions() {
        Box::new(actions::Actions::begin(title, plain()))
    } else if out::stderr_is_terminal() {
        Box::new(terminal::Terminal::new(global.verbose))
    } else {
        Box::new(plain())
    }
}

/// The teller of one of several agents: its lines begin with its name, padded to `width`; in a workflow
/// they are a group, where it is `alone` with it.
pub(crate) fn of_agent(
    global: &Global,
    title: &str,
    name: &str,
    width: usize,
    alone: bool,
) -> Box<dyn Teller> {
    if global.format() == Format::Ndjson {
        Box::new(events::Events::of_agent(global.quiet, name))
    } else if global.quiet {
        Box::new(Silent)
    } else if in_github_actions() && alone {
        Box::new(actions::Actions::begin(title, plain::Plain::new(global.verbose)))
    } else {
        Box::new(plain::Plain::prefixed(global.verbose, &format!("{name:<width$} │ ")))
    }
}

/// Tells nothing.
pub(crate) struct Silent;

impl Teller for Silent {
    fn admitted(&mut self, _admitted: &Admitted) {}
    fn event(&mut self, _event: &Event) {}
    fn activity(&mut self, _activity: &Activity) {}
    fn notice(&mut self, _text: &str) {}
    fn beat(&mut self) {}
    fn end(&mut self, _badly: bool) {}
}

/// What is said first.
fn opening_words(admitted: &Admitted) -> String {
    let verb = if admitted.joined { "joined" } else { "admitted as" };
    let sha = crate::render::short(&admitted.sha);
    let text = format!("{} {sha} {verb} #{}", admitted.environment, admitted.deployment);
    crate::render::sanitize::sanitize(&text).into_owned()
}
