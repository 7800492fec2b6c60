//! The whole of a deployment: fetch, exact commit, restart of a compose container, first good probe.

use crate::{
    agent::{Agent, Certs},
    findings::Findings,
    options::Options,
    place::{OBEDIENT, Place, Scene},
    ssh::Ssh,
    targets,
    turns::deployments,
    ways::{Floor, Ripcord, Shell, Way},
};

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    let scene = Scene::new();
    let place = |name| scene.place(name, OBEDIENT);
    let places = ["script", "docker", "curl", "ripcord", "floor"].map(place);
    let [script, docker, curl, ours, floor] = &places;
    let ssh = Ssh::start(scene.folder.path());
    let by_ssh: Option<Place> = ssh.as_ref().map(|_| place("ssh"));
    let agent = Agent::start(
        &scene.folder.path().join("agent"),
        &Certs::new(scene.folder.path()),
        &ours.environment("bench", "when = \"none\""),
    );
    let mut script = Shell::compose(script);
    let (mut docker, mut curl) = (Shell::docker(docker), Shell::engine(curl));
    let mut floor = Floor::new(floor);
    let mut ours = Ripcord { place: ours, agent: &agent, environment: "bench" };
    let mut by_ssh =
        by_ssh.as_ref().zip(ssh.as_ref()).map(|(place, ssh)| Shell::compose_by_ssh(place, ssh));
    let mut ways: Vec<&mut dyn Way> =
        vec![&mut script, &mut docker, &mut curl, &mut ours, &mut floor];
    match &mut by_ssh {
        Some(by_ssh) => ways.push(by_ssh),
        None => {
            findings.note("without ssh: it needs the packages openssh-server and openssh-client");
        }
    }
    // The engine's restart varies by more than what is above it.
    let series = deployments(&scene, &mut ways, 1, options.rounds(40, 3));
    findings.show(&series.iter().collect::<Vec<_>>());
    let [script, _, curl, ours, floor, ..] = &series[..] else { unreachable!("five at least") };
    let above = [ours.above(floor), curl.above(floor), script.above(floor)];
    findings.show(&above.iter().collect::<Vec<_>>());
    findings.compare(&targets::DEPLOY, ours, script);
    findings.figure(&targets::OVERHEAD, above[0].median());
    findings.compare(&targets::OVERHEAD_TIMES, &above[0], &above[1]);
}
