//! Each event as one line of JSON on standard output; the connection's fate on standard error.

use ripcord_proto::v1::{Activity, Admitted, Event};

use super::Teller;
use crate::{out, render::json};

pub(super) struct Events {
    quiet: bool,
}

impl Events {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet }
    }
}

impl Teller for Events {
    fn admitted(&mut self, _admitted: &Admitted) {}

    fn event(&mut self, event: &Event) {
        // A reader that went away misses the story; the exit code still tells the end.
        let _ = out::json(&json::event(event));
    }

    fn activity(&mut self, _activity: &Activity) {}

    fn notice(&mut self, text: &str) {
        if !self.quiet {
            out::complain(text);
        }
    }

    fn beat(&mut self) {}

    fn end(&mut self, _badly: bool) {}
}
