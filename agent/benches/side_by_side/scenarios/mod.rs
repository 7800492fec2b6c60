//! What is measured, in this order; a file each.

mod deaf;
mod deploy;
mod dump;
mod fleet;
mod idle;
mod large_git;
mod outage;
mod readers;
mod rollback;
mod status;

use crate::{findings::Findings, options::Options};

/// One thing that users feel.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) run: fn(&Options, &mut Findings),
}

const fn scenario(
    name: &'static str,
    title: &'static str,
    run: fn(&Options, &mut Findings),
) -> Scenario {
    Scenario { name, title, run }
}

/// All of them.
pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario("deploy", "a small change, deployed to a compose container", deploy::run),
    scenario("deaf", "the same, where PID 1 never hears that it shall stop", deaf::run),
    scenario("outage", "the longest silence for visitors during a deployment", outage::run),
    scenario("status", "one question, from the start of a process to its end", status::run),
    scenario("fleet", "the same question to 100 agents", fleet::run),
    scenario("dump", "a whole log", dump::run),
    scenario(
        "readers",
        "a hundred readers of a log that grows by 10,000 lines a second",
        readers::run,
    ),
    scenario("rollback", "from the red verdict to the old version being served", rollback::run),
    scenario("git", "git's part, in a large repository", large_git::run),
    scenario("idle", "an agent that has nothing to do", idle::run),
];
