//! One question to a hundred machines: `ripcord status` with a hundred agents, and `docker ps` a
//! hundred times over mutual TLS, twenty at a time.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    agent::{Agent, Certs, plain_controller},
    findings::Findings,
    interrupt,
    options::Options,
    place::{OBEDIENT, Scene},
    targets,
    tls_proxy::TlsProxy,
    turns::{Cold, cold_starts},
};

const AGENTS: usize = 100;

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    let scene = Scene::new();
    let place = scene.place("ripcord", OBEDIENT);
    let container = place.project.container();
    let certs = Certs::new(scene.folder.path());
    let environment = place.environment("bench", "when = \"none\"");
    let start = |number| {
        interrupt::check();
        let folder = scene.folder.path().join(format!("agent-{number}"));
        Agent::start(&folder, &certs, &environment)
    };
    let agents: Vec<_> = (0..AGENTS).map(start).collect();
    let config = configure(scene.folder.path(), &certs, &agents);
    let status = || {
        let mut status = plain_controller(&certs, &["status", "--config"]);
        for said_in_the_file in ["RIPCORD_CA", "RIPCORD_CERT", "RIPCORD_KEY"] {
            status.env_remove(said_in_the_file);
        }
        status.arg(&config);
        status
    };
    let proxy = TlsProxy::start(&certs);
    let docker = || {
        let line =
            format!("seq {AGENTS} | xargs -P 20 -I % docker {} ps", proxy.options().join(" "));
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]);
        shell
    };
    let count = |said: &[u8], word: &str| String::from_utf8_lossy(said).matches(word).count();
    let commands = [
        Cold {
            name: "docker ps, mTLS, 100 times, 20 at a time",
            command: Box::new(docker),
            is_right: Box::new(|said| count(said, &container) == AGENTS),
        },
        Cold {
            name: "ripcord status, 100 agents",
            command: Box::new(status),
            is_right: Box::new(|said| (0..AGENTS).all(|number| count(said, &name(number)) > 0)),
        },
    ];
    let series = cold_starts(&commands, options.rounds(20, 2));
    findings.show(&[&series[0], &series[1]]);
    findings.compare(&targets::FLEET, &series[1], &series[0]);
}

fn name(number: usize) -> String {
    format!("vm{number:03}")
}

/// A `ripcord.toml` that names them all.
fn configure(folder: &Path, certs: &Certs, agents: &[Agent]) -> PathBuf {
    let path = |name| certs.file(name).display().to_string();
    let mut text = format!(
        "ca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n",
        path("agent-ca.pem"),
        path("operator.pem"),
        path("operator.key")
    );
    for (number, agent) in agents.iter().enumerate() {
        let url = format!("https://localhost:{}", agent.port);
        // Writing to a text cannot fail.
        let _ = write!(text, "[agents.{}]\nurl = \"{url}\"\n", name(number));
    }
    let file = folder.join("ripcord.toml");
    fs::write(&file, text).unwrap();
    file
}
