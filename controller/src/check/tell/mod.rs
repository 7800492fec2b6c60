//! Telling a run while it happens, in the way that suits whoever reads standard error.

mod actions;
mod events;
mod plain;
mod terminal;

use super::report::Step;
use crate::{
    cli::{Format, Global},
    out,
    render::{duration, sanitize::sanitize},
    tell::in_github_actions,
};

/// Somebody who is told what happens to the steps of a run.
pub(crate) trait Watcher {
    /// A step runs.
    fn began(&mut self, name: &str);
    /// A step is over, or will never begin.
    fn ended(&mut self, step: &Step);
    /// A second passed.
    fn beat(&mut self);
    /// The run is over.
    fn finish(&mut self) {}
}

/// The watcher that the flags and the surroundings ask for.
pub(crate) fn watcher(global: &Global) -> Box<dyn Watcher> {
    let plain = plain::Plain::default;
    if global.format() == Format::Ndjson {
        Box::new(events::Events)
    } else if global.quiet {
        Box::new(Silent)
    } else if in_github_actions() {
        Box::new(actions::Actions::new(plain()))
    } else if out::stderr_is_terminal() {
        Box::new(terminal::Terminal::new(global.verbose))
    } else {
        Box::new(plain::WithOutput::new(plain(), global.verbose))
    }
}

/// Tells nothing.
struct Silent;

impl Watcher for Silent {
    fn began(&mut self, _name: &str) {}
    fn ended(&mut self, _step: &Step) {}
    fn beat(&mut self) {}
}

/// What a step that is over leaves behind: `❌ flake8 failed in 2.1 s: exit code 1`.
fn headline(step: &Step) -> String {
    let mut line = format!("{} {} {}", step.outcome.mark(), sanitize(&step.name), step.outcome);
    if !step.took.is_zero() {
        line.push_str(&format!(" in {}", duration(step.took)));
    }
    if let Some(reason) = &step.reason {
        line.push_str(&format!(": {}", sanitize(reason)));
    }
    line
}

/// The lines of a text from outside, each safe to print.
fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| sanitize(line).into_owned())
}

/// Whether what `step` printed is shown.
fn is_shown(step: &Step, verbose: bool) -> bool {
    (verbose || step.outcome.is_worth_reading()) && !step.output.is_empty()
}
