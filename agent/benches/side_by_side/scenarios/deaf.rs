//! The same deployment where the container's first process never hears its stop signal: whoever
//! waits for it waits in vain until the time is up.

use crate::{
    agent::{Agent, Certs},
    findings::Findings,
    options::Options,
    place::{DEAF, Scene},
    targets,
    turns::deployments,
    ways::{Ripcord, Shell},
};

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    let scene = Scene::new();
    let (script, ours) = (scene.place("script", DEAF), scene.place("ripcord", DEAF));
    let agent = Agent::start(
        &scene.folder.path().join("agent"),
        &Certs::new(scene.folder.path()),
        &ours.environment("bench", "when = \"none\""),
    );
    let mut script = Shell::compose(&script);
    let mut ours = Ripcord { place: &ours, agent: &agent, environment: "bench" };
    let series = deployments(&scene, &mut [&mut script, &mut ours], 0, options.rounds(4, 1).min(4));
    findings.show(&[&series[0], &series[1]]);
    findings.compare(&targets::DEAF, &series[1], &series[0]);
}
