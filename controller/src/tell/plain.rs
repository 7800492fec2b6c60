//! A line per change, and a sign of life when nothing changes for a while.

use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};
use ripcord_proto::v1::{Activity, Admitted, Event, Phase};

use super::{Teller, backlog::Backlog, opening_words};
use crate::{
    out,
    render::{github, plain, sanitize::sanitize},
    zone,
};

/// Workflow logs and people lose faith in a command that is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) struct Plain {
    /// What every line begins with.
    prefix: String,
    verbose: bool,
    zone: TimeZone,
    backlog: Backlog,
    own: u64,
    phase: Phase,
    phase_since: Instant,
    last_line: Instant,
    activity: Option<Activity>,
}

impl Plain {
    pub(super) fn new(verbose: bool) -> Self {
        let now = Instant::now();
        Self {
            prefix: String::new(),
            verbose,
            zone: zone::local(),
            backlog: Backlog::default(),
            own: 0,
            phase: Phase::Queued,
            phase_since: now,
            last_line: now,
            activity: None,
        }
    }

    /// The lines of one of several agents.
    pub(super) fn prefixed(verbose: bool, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..Self::new(verbose) }
    }

    fn line(&mut self, line: &str) {
        self.last_line = Instant::now();
        self.say(line);
    }

    /// Nothing else keeps the lines of several agents from speaking to a workflow's log.
    fn say(&self, line: &str) {
        let line = format!("{}{line}", self.prefix);
        let is_open = !self.prefix.is_empty() && super::in_github_actions();
        out::say(&if is_open { github::defused(&line) } else { line });
    }

    fn now(&self, text: &str) -> String {
        format!("{}  {text}", plain::clock(Timestamp::now(), &self.zone))
    }
}

impl Teller for Plain {
    fn admitted(&mut self, admitted: &Admitted) {
        self.own = admitted.deployment;
        let line = self.now(&opening_words(admitted));
        self.line(&line);
    }

    fn event(&mut self, event: &Event) {
        let phase = event.phase();
        if phase != Phase::Unspecified && phase != self.phase {
            self.phase = phase;
            self.phase_since = Instant::now();
            self.activity = None;
        }
        let line = plain::event_line(event, self.own, &self.zone);
        if event.output.is_some() && !self.verbose {
            self.backlog.keep(line);
        } else {
            self.line(&line);
        }
    }

    fn activity(&mut self, activity: &Activity) {
        self.activity = Some(activity.clone());
    }

    fn notice(&mut self, text: &str) {
        let line = self.now(&sanitize(text));
        self.line(&line);
    }

    fn beat(&mut self) {
        if self.last_line.elapsed() >= HEARTBEAT {
            let (waited, activity) = (self.phase_since.elapsed(), self.activity.as_ref());
            let line = self.now(&plain::heartbeat(self.phase, waited, activity));
            self.line(&line);
        }
    }

    fn end(&mut self, badly: bool) {
        let kept = self.backlog.take();
        kept.iter().filter(|_| badly).for_each(|line| self.say(line));
    }
}
