//! What is measured, in this order; a file each.

mod deaf;
mod deploy;
mod idle;
mod status;

use crate::{findings::Findings, options::Options};

/// One thing that users feel.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) run: fn(&Options, &mut Findings),
}

/// All of them.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "deploy",
        title: "a small change, deployed to a compose container",
        run: deploy::run,
    },
    Scenario {
        name: "deaf",
        title: "the same, where PID 1 ignores that it shall stop",
        run: deaf::run,
    },
    Scenario {
        name: "status",
        title: "one question, from the start of a process to its end",
        run: status::run,
    },
    Scenario { name: "idle", title: "an agent that has nothing to do", run: idle::run },
];
