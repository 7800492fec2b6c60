//! GitHub Actions: one flat group for each step, when it is over, and nothing in it can speak to
//! the log. Between the groups, the lines of who runs.

use uuid::Uuid;

use super::{Watcher, headline, lines, plain::Plain};
use crate::{check::report::Step, out, render::github};

pub(super) struct Actions {
    plain: Plain,
}

impl Actions {
    pub(super) fn new(plain: Plain) -> Self {
        Self { plain }
    }
}

impl Watcher for Actions {
    fn began(&mut self, name: &str) {
        self.plain.began(name);
    }

    fn ended(&mut self, step: &Step) {
        self.plain.forget(step);
        out::say(&github::group(&headline(step)));
        if !step.output.is_empty() {
            // Made after the step is over, so that it cannot have known it.
            let token = Uuid::now_v7().simple().to_string();
            out::say(&github::stop(&token));
            lines(&step.output).for_each(|line| out::say(&line));
            out::say(&github::resume(&token));
        }
        out::say(github::END_GROUP);
    }

    fn beat(&mut self) {
        self.plain.beat();
    }
}
