//! Each change as one line of JSON on standard output.

use serde_json::{Value, json};

use super::Watcher;
use crate::{check::report::Step, out};

/// The schema of a line.
const SCHEMA: &str = "ripcord/v1/check_event";

pub(super) struct Events;

impl Events {
    /// A reader that went away misses the story; the exit code still tells the end.
    fn tell(event: &Value) {
        let _ = out::json(event);
    }
}

impl Watcher for Events {
    fn began(&mut self, name: &str) {
        Self::tell(&json!({ "schema": SCHEMA, "event": "began", "name": name }));
    }

    fn ended(&mut self, step: &Step) {
        Self::tell(&json!({ "schema": SCHEMA, "event": "ended", "step": step }));
    }

    fn beat(&mut self) {}
}
