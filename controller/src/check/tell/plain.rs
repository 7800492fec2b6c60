//! A line per change, and a sign of life when nothing changes for a while. No cursor movement.

use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};

use super::{Watcher, headline, is_shown, lines};
use crate::{
    check::report::Step,
    out,
    render::{duration, github, plain::clock, sanitize::sanitize},
    tell::in_github_actions,
    zone,
};

/// Workflow logs and people lose faith in a command that is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The lines without what steps print.
pub(super) struct Plain {
    zone: TimeZone,
    running: Vec<(String, Instant)>,
    last_line: Instant,
}

impl Default for Plain {
    fn default() -> Self {
        Self { zone: zone::local(), running: Vec::new(), last_line: Instant::now() }
    }
}

impl Plain {
    fn line(&mut self, text: &str) {
        self.last_line = Instant::now();
        let line = format!("{}  {text}", clock(Timestamp::now(), &self.zone));
        out::say(&if in_github_actions() { github::defused(&line) } else { line });
    }

    /// The step runs no more.
    pub(super) fn forget(&mut self, step: &Step) {
        self.running.retain(|(name, _)| *name != step.name);
        self.last_line = Instant::now();
    }
}

impl Watcher for Plain {
    fn began(&mut self, name: &str) {
        self.running.push((name.to_owned(), Instant::now()));
        self.line(&format!("{} begins", sanitize(name)));
    }

    fn ended(&mut self, step: &Step) {
        self.forget(step);
        self.line(&headline(step));
    }

    fn beat(&mut self) {
        if self.last_line.elapsed() < HEARTBEAT {
            return;
        }
        let running = self.running.iter();
        let running = running
            .map(|(name, since)| format!("{} ({})", sanitize(name), duration(since.elapsed())));
        let running = running.collect::<Vec<_>>().join(", ");
        self.line(&format!("… still running: {running}"));
    }
}

/// The lines, and under them what steps print.
pub(super) struct WithOutput {
    plain: Plain,
    verbose: bool,
}

impl WithOutput {
    pub(super) fn new(plain: Plain, verbose: bool) -> Self {
        Self { plain, verbose }
    }
}

impl Watcher for WithOutput {
    fn began(&mut self, name: &str) {
        self.plain.began(name);
    }

    fn ended(&mut self, step: &Step) {
        self.plain.ended(step);
        if is_shown(step, self.verbose) {
            lines(&step.output).for_each(|line| out::say(&format!("    {line}")));
        }
    }

    fn beat(&mut self) {
        self.plain.beat();
    }
}
