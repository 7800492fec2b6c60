//! What the simulated days reached: a simulation in which nothing goes wrong shows nothing.

use std::{collections::BTreeMap, fmt};

use ripcord_core::{Deployment, Environment, Event, Input, Kind, Refusal, Step, Verdict};

use crate::town::Town;

/// What must be reached in any run of the usual length.
const EXPECTED: &[&str] = &[
    "answered Unknown",
    "automatic rollback",
    "baked",
    "bake failed",
    "backed up",
    "backup failed",
    "flapping hold",
    "killed in a step",
    "killed while it baked",
    "killed while it saved",
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
    "refused PlanChanged",
    "refused Quarantined",
    "replaced while it baked",
    "retargeted",
    "rollback to a backup",
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
            coverage.input(&turn.input, &turn.before);
            for entry in &turn.decision.entries {
                coverage.event(&entry.event);
                let before = entry.deployment.and_then(|number| turn.before.open.get(&number));
                let ended = before.is_some_and(|before| before.outcome.is_some());
                let baking = before.is_some_and(Deployment::is_baking);
                match entry.event {
                    Event::Superseded { .. } if baking => {
                        coverage.count("replaced while it baked", 1);
                    }
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

    fn input(&mut self, input: &Input, before: &Environment) {
        let saves = matches!(before.wanted().map(|it| it.step), Some(Step::BackUp { .. }));
        match input {
            Input::AgentStarted { .. } => {
                self.count("killed in a step", u64::from(before.wanted().is_some()));
                self.count("killed while it saved", u64::from(saves));
                let bakes = before.bakes().next().is_some();
                self.count("killed while it baked", u64::from(bakes));
            }
            Input::Baked { result: Ok(()), .. } => self.count("baked", 1),
            Input::Baked { result: Err(_), .. } => self.count("bake failed", 1),
            Input::StepEnded { result: Err(_), .. } if saves => self.count("backup failed", 1),
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
            Event::BackedUp(_) => self.count("backed up", 1),
            Event::Admitted { kind: Kind::Rollback { backup: Some(_), .. }, .. } => {
                self.count("rollback to a backup", 1);
            }
            Event::Refused { refusal: Refusal::PlanChanged { .. }, .. } => {
                self.count("refused PlanChanged", 1);
            }
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
