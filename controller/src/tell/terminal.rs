//! A terminal: one line that moves, and a line left behind by each phase that is over.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ripcord_proto::v1::{Activity, Admitted, Event, Phase, Severity};

use super::{Teller, backlog::Backlog, opening_words};
use crate::render::{plain, sanitize::sanitize, terminal};

const FRAME: Duration = Duration::from_millis(100);

pub(super) struct Terminal {
    verbose: bool,
    bar: ProgressBar,
    backlog: Backlog,
    own: u64,
    phase: Phase,
    since: Instant,
    detail: String,
    failed: bool,
    activity: Option<Activity>,
}

impl Terminal {
    pub(super) fn new(verbose: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        // The default style is nearly the same: a template that does not parse is no reason to stop.
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_message("asking the agent");
        bar.enable_steady_tick(FRAME);
        Self {
            verbose,
            bar,
            backlog: Backlog::default(),
            own: 0,
            phase: Phase::Unspecified,
            since: Instant::now(),
            detail: String::new(),
            failed: false,
            activity: None,
        }
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase != Phase::Unspecified {
            let took = self.since.elapsed();
            let line = terminal::phase_line(self.phase, took, &self.detail, self.failed);
            self.bar.println(line);
        }
        self.phase = phase;
        self.since = Instant::now();
        self.detail.clear();
        self.failed = false;
        self.activity = None;
    }

    fn refresh(&self) {
        if self.phase == Phase::Unspecified {
            return;
        }
        let took = self.since.elapsed();
        let line = terminal::moving_line(self.phase, took, self.activity.as_ref(), &self.detail);
        self.bar.set_message(line);
    }

    fn output(&mut self, event: &Event) {
        let line = terminal::remark_line(" ", &plain::event_text(event));
        if self.verbose {
            self.bar.println(line);
        } else {
            self.backlog.keep(line);
        }
    }

    fn remark(&self, event: &Event) {
        let mark = match event.severity() {
            Severity::Error => "✘",
            Severity::Warning => "!",
            Severity::Info | Severity::Unspecified => "·",
        };
        let number = plain::other_number(event, self.own);
        let text = format!("{number}{}", sanitize(&event.message));
        self.bar.println(terminal::remark_line(mark, &text));
    }
}

impl Teller for Terminal {
    fn admitted(&mut self, admitted: &Admitted) {
        self.own = admitted.deployment;
        self.bar.println(opening_words(admitted));
    }

    fn event(&mut self, event: &Event) {
        if event.output.is_some() {
            return self.output(event);
        }
        let phase = event.phase();
        if phase != Phase::Unspecified && phase != self.phase {
            self.enter(phase);
        }
        match event.severity() {
            Severity::Warning => self.remark(event),
            Severity::Error => {
                self.failed = true;
                self.remark(event);
            }
            Severity::Info | Severity::Unspecified => self.detail.clone_from(&event.message),
        }
        self.refresh();
    }

    fn activity(&mut self, activity: &Activity) {
        self.activity = Some(activity.clone());
        self.refresh();
    }

    fn notice(&mut self, text: &str) {
        self.bar.println(terminal::remark_line("!", &sanitize(text)));
    }

    fn beat(&mut self) {
        self.refresh();
    }

    fn end(&mut self, badly: bool) {
        let kept = self.backlog.take();
        kept.iter().filter(|_| badly).for_each(|line| self.bar.println(line));
        self.bar.finish_and_clear();
    }
}
