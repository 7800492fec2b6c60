//! Shell lines that are one step: a job with its setup, a fix, or the setup of a group. Says what became
//! of them, and why.

use std::{path::Path, time::Duration};

use tokio::time::Instant;

use super::{
    capture::Capture,
    process::{self, Ending, Surroundings},
    report::{Outcome, Step},
    run::STOPPED,
};
use crate::render::duration;

/// How a shell says that a program is not there.
const NOT_FOUND: i32 = 127;

/// Lines that run one behind the other under one name, as one step.
pub(super) struct Lines<'a> {
    pub(super) name: String,
    pub(super) dir: &'a Path,
    pub(super) lines: Vec<&'a str>,
    pub(super) timeout: Duration,
    pub(super) allow_failure: bool,
}

impl Lines<'_> {
    /// Runs them until one fails.
    pub(super) async fn run(self, surroundings: &Surroundings) -> Step {
        let (began, mut output) = (Instant::now(), Capture::default());
        let deadline = began + self.timeout;
        let mut exit_code = None;
        let mut wrong = None;
        for line in &self.lines {
            let ending = process::run(line, self.dir, surroundings, deadline, &mut output).await;
            exit_code = if let Ending::Exit(code) = ending { Some(code) } else { None };
            if let Some(reason) = self.reason(&ending) {
                let which =
                    if self.lines.len() > 1 { format!("`{line}`: ") } else { String::new() };
                wrong = Some((self.outcome(&ending), format!("{which}{reason}")));
                break;
            }
        }
        let (outcome, reason) = match wrong {
            None => (Outcome::Passed, None),
            Some((outcome, reason)) => (outcome, Some(reason)),
        };
        let (name, output) = (self.name, output.text());
        Step { name, outcome, reason, exit_code, took: began.elapsed(), output }
    }

    fn outcome(&self, ending: &Ending) -> Outcome {
        match ending {
            Ending::Stopped => Outcome::Cancelled,
            Ending::Exit(_) | Ending::Signal(_) | Ending::TooLate | Ending::NotStarted(_) => {
                if self.allow_failure { Outcome::Warning } else { Outcome::Failed }
            }
        }
    }

    /// Why `ending` is not good; none when it is.
    fn reason(&self, ending: &Ending) -> Option<String> {
        Some(match ending {
            Ending::Exit(0) => return None,
            Ending::Exit(NOT_FOUND) => {
                format!("exit code {NOT_FOUND}: a program is missing; does setup install it?")
            }
            Ending::Exit(code) => format!("exit code {code}"),
            Ending::Signal(signal) => format!("ended by signal {signal}"),
            Ending::TooLate => format!("no end within {}; stopped", duration(self.timeout)),
            Ending::Stopped => STOPPED.to_owned(),
            Ending::NotStarted(error) => {
                format!("cannot run in {}: {error}", shown(self.dir).display())
            }
        })
    }
}

/// The root has no name of its own.
fn shown(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() { Path::new(".") } else { dir }
}
