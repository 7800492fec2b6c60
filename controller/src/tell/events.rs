//! Each event as one line of JSON on standard output; the connection's fate on standard error.

use ripcord_proto::v1::{Activity, Admitted, Event};

use super::Teller;
use crate::{out, render::json};

pub(super) struct Events {
    quiet: bool,
    /// Whose events, where there are several agents.
    agent: Option<String>,
}

impl Events {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, agent: None }
    }

    pub(super) fn of_agent(quiet: bool, name: &str) -> Self {
        Self { quiet, agent: Some(name.to_owned()) }
    }
}

impl Teller for Events {
    fn admitted(&mut self, _admitted: &Admitted) {}

    fn event(&mut self, event: &Event) {
        let mut object = json::event(event);
        if let Some(agent) = &self.agent {
            object["agent"] = agent.as_str().into();
        }
        // A reader that went away misses the story; the exit code still tells the end.
        let _ = out::json(&object);
    }

    fn activity(&mut self, _activity: &Activity) {}

    fn notice(&mut self, text: &str) {
        if !self.quiet {
            match &self.agent {
                Some(agent) => out::complain(&format!("{agent}: {text}")),
                None => out::complain(text),
            }
        }
    }

    fn beat(&mut self) {}

    fn end(&mut self, _badly: bool) {}
}
