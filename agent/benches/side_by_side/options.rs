//! What a run is told by its environment.

use std::env;

use crate::scenarios::SCENARIOS;

/// What to run, and how thoroughly.
pub(crate) struct Options {
    /// `BENCH_QUICK=1`: a few rounds of everything, to see that it works.
    pub(crate) quick: bool,
    /// `BENCH_PUBLISH=1`: picture and table are written into the repository.
    pub(crate) publish: bool,
    /// `BENCH_ONLY=deploy,status`: these scenarios; empty: all.
    only: Vec<String>,
    /// `BENCH_ROUNDS=30`: so many rounds wherever there are rounds.
    rounds: Option<usize>,
}

impl Options {
    /// # Errors
    /// Says which variable cannot be understood.
    pub(crate) fn read() -> Result<Self, String> {
        let is_set = |name| env::var(name).is_ok_and(|value| !value.is_empty() && value != "0");
        let only = env::var("BENCH_ONLY").unwrap_or_default();
        let only = only.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned);
        let options = Self {
            quick: is_set("BENCH_QUICK"),
            publish: is_set("BENCH_PUBLISH"),
            only: only.collect(),
            rounds: rounds()?,
        };
        if options.publish && options.is_partial() {
            return Err(
                "BENCH_PUBLISH: only a whole run is published, without BENCH_QUICK, _ONLY and _ROUNDS".to_owned()
            );
        }
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        match options.only.iter().find(|name| !names.contains(&name.as_str())) {
            Some(name) => Err(format!("BENCH_ONLY: no {name}; there are {}", names.join(", "))),
            None => Ok(options),
        }
    }

    /// Whether its figures are not to be shown to anybody.
    fn is_partial(&self) -> bool {
        self.quick || self.rounds.is_some() || !self.only.is_empty()
    }

    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == scenario)
    }

    /// How often something is done, unless the environment says otherwise.
    pub(crate) fn rounds(&self, usual: usize, quick: usize) -> usize {
        self.rounds.unwrap_or_else(|| self.either(usual, quick))
    }

    /// The first in a usual run, the second in a quick one.
    pub(crate) fn either<T>(&self, usual: T, quick: T) -> T {
        if self.quick { quick } else { usual }
    }
}

fn rounds() -> Result<Option<usize>, String> {
    let Ok(text) = env::var("BENCH_ROUNDS") else { return Ok(None) };
    match text.parse() {
        Ok(rounds) if rounds > 0 => Ok(Some(rounds)),
        _ => Err(format!("BENCH_ROUNDS: {text} is no number of rounds")),
    }
}
