//! What the simulated days reached: a simulation in which nothing goes wrong shows nothing.

use std::{collections::BTreeMap, fmt};

use ripcord_core::{Event, Input, Kind, Refusal, Verdict};

use crate::town::Town;

/// What must be reached in any run of the usual length.
const EXPECTED: &[&str] = &[
    "answered Unknown",
    "automatic rollback",
    "flapping hold",
    "killed in a step",
    "late validation",
    "outcome failed",
    "outcome live",
    "outcome refused",
    "outcome rolled_back",
    "outcome stranded",
    "outcome superseded",
    "outcome validated",
    "override",
    "quarantine lifted",
    "refused Quarantined",
    "retargeted",
    "rolled back after it was kept live",
    "stray message",
    "time ran out",
    "turns",
];

#[derive(Default)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    pub fn of(town: &Town) -> Self {
        let mut coverage = Self::default();
        coverage.count("stray message", town.strays);
        for turn in &town.world.turns {
            coverage.count("turns", 1);
            coverage.input(&turn.input, turn.before.wanted().is_some());
            for entry in &turn.decision.entries {
                coverage.event(&entry.event);
                let before = entry.deployment.and_then(|number| turn.before.open.get(&number));
                let ended = before.is_some_and(|before| before.outcome.is_some());
                match entry.event {
                    Event::Validated if ended => coverage.count("late validation", 1),
                    Event::Condemned { .. } if ended => {
                        coverage.count("rolled back after it was kept live", 1);
                    }
                    Event::Condemned { .. } if turn.input == Input::Tick => {
                        coverage.count("time ran out", 1);
                    }
                    _ => {}
                }
            }
        }
        coverage
    }

    fn input(&mut self, input: &Input, in_step: bool) {
        match input {
            Input::AgentStarted { .. } if in_step => self.count("killed in a step", 1),
            Input::Verdict { report, .. } if report.value == Verdict::Unknown => {
                self.count("answered Unknown", 1);
            }
            _ => {}
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Ended { outcome, .. } => self.count(&format!("outcome {}", outcome.as_str()), 1),
            Event::Superseded { .. } => self.count("outcome superseded", 1),
            Event::Retargeted { .. } => self.count("retargeted", 1),
            Event::QuarantineLifted { .. } => self.count("quarantine lifted", 1),
            Event::Held { reason, .. } if reason.starts_with("flap") => {
                self.count("flapping hold", 1);
            }
            Event::Admitted { kind: Kind::Rollback { automatic: true, .. }, .. } => {
                self.count("automatic rollback", 1);
            }
            Event::Admitted { kind: Kind::Deploy { overriding: true, .. }, .. } => {
                self.count("override", 1);
            }
            Event::Refused { refusal: Refusal::Quarantined { .. }, .. } => {
                self.count("refused Quarantined", 1);
            }
            _ => {}
        }
    }

    fn count(&mut self, what: &str, times: u64) {
        *self.0.entry(what.to_owned()).or_default() += times;
    }

    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.count(what, *times);
        }
    }

    pub fn assert_complete(&self) {
        let never = |what: &&&str| self.0.get(**what).copied().unwrap_or_default() == 0;
        let missing: Vec<_> = EXPECTED.iter().filter(never).collect();
        assert!(missing.is_empty(), "never happened: {missing:?}; the days are too quiet");
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, times)| writeln!(f, "{times:>9} {what}"))
    }
}
