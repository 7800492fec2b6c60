//! A terminal: a line that moves for each step that runs, and one left behind by each that is over.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Watcher, headline, is_shown, lines};
use crate::{check::report::Step, render::sanitize::sanitize};

const FRAME: Duration = Duration::from_millis(100);

pub(super) struct Terminal {
    verbose: bool,
    bars: MultiProgress,
    running: Vec<(String, ProgressBar)>,
}

impl Terminal {
    pub(super) fn new(verbose: bool) -> Self {
        Self { verbose, bars: MultiProgress::new(), running: Vec::new() }
    }

    fn leave(&self, line: &str) {
        // A terminal that went away misses the line; the exit code still tells the end.
        let _ = self.bars.println(line);
    }
}

impl Watcher for Terminal {
    fn began(&mut self, name: &str) {
        let bar = self.bars.add(ProgressBar::new_spinner());
        // The default style is nearly the same: a template that does not parse is no reason to stop.
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {elapsed:>4} {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_message(sanitize(name).into_owned());
        bar.enable_steady_tick(FRAME);
        self.running.push((name.to_owned(), bar));
    }

    fn ended(&mut self, step: &Step) {
        if let Some(at) = self.running.iter().position(|(name, _)| *name == step.name) {
            let (_, bar) = self.running.remove(at);
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        self.leave(&format!("  {}", headline(step)));
        if is_shown(step, self.verbose) {
            lines(&step.output).for_each(|line| self.leave(&format!("      {line}")));
        }
    }

    fn beat(&mut self) {}

    fn finish(&mut self) {
        // Nothing is left that could fail to be cleared but a terminal that went away.
        let _ = self.bars.clear();
    }
}
