//! What an agent costs that has nothing to do: memory, processor time, and the size of its binary.

use std::{fs, time::Duration};

use crate::{
    agent::{Agent, Certs, binary},
    findings::Findings,
    interrupt,
    options::Options,
    place::{OBEDIENT, Scene},
    series::Series,
    targets,
    ways::{Ripcord, Way as _},
};

/// Others' figures are not measured here.
const NOTE: &str =
    "* Komodo's figures were measured once on a machine of this kind, not in this run";

/// Until what a deployment leaves to be done is done, and threads that helped have ended.
const SETTLE: Duration = Duration::from_secs(15);

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    let scene = Scene::new();
    let place = scene.place("ripcord", OBEDIENT);
    let agent = Agent::start(
        &scene.folder.path().join("agent"),
        &Certs::new(scene.folder.path()),
        &place.environment("bench", "when = \"none\""),
    );
    let mut ours = Ripcord { place: &place, agent: &agent, environment: "bench" };
    for number in 0..3 {
        ours.deploy(&scene.git.pushed(&format!("page {number}")));
    }
    interrupt::wait(SETTLE);
    let alone = Duration::from_secs(options.either(60, 10));
    let a_minute = agent.processor_time(alone) * 60.0 / alone.as_secs_f64();
    let megabytes = |bytes: f64| bytes / 1e6;
    let binary = fs::metadata(binary("ripcord-agent")).unwrap().len() as f64;
    let figures = [
        ("resident", megabytes(agent.memory("VmRSS:")), "MB"),
        ("… of it not pages of files", megabytes(agent.memory("RssAnon:")), "MB"),
        ("processor time a minute", a_minute, "ms"),
        ("binary", megabytes(binary), "MB"),
    ];
    for (name, value, unit) in figures {
        let mut series = Series::new(name, unit);
        series.push(value);
        findings.show(&[&series]);
    }
    findings.note(NOTE);
    findings.figure(&targets::IDLE_MEMORY, figures[0].1);
    findings.figure(&targets::IDLE_TIME, a_minute);
    findings.figure(&targets::BINARY, figures[3].1);
}
