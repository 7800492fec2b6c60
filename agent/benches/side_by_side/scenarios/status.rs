//! One question from a cold process: what runs there? Asked with `ripcord status`, with `docker ps`
//! over mutual TLS, and through an ssh connection that is open already.

use std::{fs, process::Command};

use crate::{
    agent::{Agent, Certs},
    findings::Findings,
    options::Options,
    place::{OBEDIENT, Scene},
    ssh::Ssh,
    targets,
    tls_proxy::TlsProxy,
    turns::{Cold, cold_starts},
    ways::{Ripcord, Way as _},
};

/// How the ratio to docker has to be read.
const NOTE: &str = "docker over mTLS: TLS ends in a proxy in front of the engine's socket, on the same \
                    machine, so that the engine need not be restarted";

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    let scene = Scene::new();
    let place = scene.place("ripcord", OBEDIENT);
    let certs = Certs::new(scene.folder.path());
    let environment = place.environment("bench", "when = \"none\"");
    let agent = Agent::start(&scene.folder.path().join("agent"), &certs, &environment);
    let sha = scene.git.pushed("deployed");
    Ripcord { place: &place, agent: &agent, environment: "bench" }.deploy(&sha);
    let proxy = TlsProxy::start(&certs);
    let ssh = Ssh::start(scene.folder.path());
    let file = scene.folder.path().join("status");
    fs::write(&file, &sha).unwrap();
    let container = place.project.container();
    let names = |said: &[u8], name: &str| String::from_utf8_lossy(said).contains(name);
    let shows_container = || Box::new(|said: &[u8]| names(said, &container));
    let mut commands = vec![
        Cold {
            name: "docker ps, mTLS",
            command: Box::new(|| proxy.docker(&["ps"])),
            is_right: shows_container(),
        },
        Cold {
            name: "ripcord status, mTLS",
            command: Box::new(|| agent.controller(&["status"])),
            is_right: Box::new(|said| names(said, &sha[..7])),
        },
        Cold {
            name: "/bin/true",
            command: Box::new(|| Command::new("/bin/true")),
            is_right: Box::new(<[u8]>::is_empty),
        },
    ];
    if let Some(ssh) = &ssh {
        commands.push(Cold {
            name: "ssh, multiplexed: cat of a file",
            command: Box::new(|| ssh.command(&format!("cat {}", file.display()))),
            is_right: Box::new(|said| said == sha.as_bytes()),
        });
        commands.push(Cold {
            name: "ssh, multiplexed: docker ps",
            command: Box::new(|| ssh.command("docker ps")),
            is_right: shows_container(),
        });
    }
    let series = cold_starts(&commands, options.rounds(100, 20));
    findings.show(&series.iter().collect::<Vec<_>>());
    findings.note(NOTE);
    findings.compare(&targets::STATUS, &series[1], &series[0]);
    if let Some(ssh) = series.get(3) {
        findings.compare(&targets::STATUS_SSH, &series[1], ssh);
    }
}
