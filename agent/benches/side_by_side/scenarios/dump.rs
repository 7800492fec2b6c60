//! A whole log on the way to whoever reads it: `ripcord logs` over mutual TLS, and `docker logs`.

use std::{fs, process::Command};

use crate::{
    agent::{Agent, Certs},
    docker::docker,
    findings::Findings,
    interrupt::wait_until,
    options::Options,
    place::Scene,
    targets,
    tls_proxy::TlsProxy,
    turns::{Cold, cold_starts},
};

/// A line without its end: its number, and what fills it up to 120 bytes.
const FILL: usize = 111;

const SERVICE: &str = "command: [/bin/busybox, sh, /www/lines.sh]";

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    let count = options.either(1_000_000, 100_000);
    let scene = Scene::new();
    let script = format!(
        "busybox awk 'BEGIN {{ for (n = 1; n <= {count}; n++) print sprintf(\"%08d\", n) \" {}\" }}'\n\
         exec busybox sleep 1000000\n",
        "x".repeat(FILL)
    );
    fs::write(scene.git.work.join("lines.sh"), script).unwrap();
    scene.git.pushed("talks");
    let place = scene.place("ripcord", SERVICE);
    let container = place.project.container();
    let fill = "x".repeat(FILL);
    let expected: String = (1..=count).map(|number| format!("{number:08} {fill}\n")).collect();
    let last = format!("{count:08} {fill}\n");
    wait_until("all lines are written", || {
        docker(["logs", "--tail", "1", &container]).stdout == last.as_bytes()
    });
    let certs = Certs::new(scene.folder.path());
    let environment = place.environment("bench", "when = \"none\"");
    let agent = Agent::start(&scene.folder.path().join("agent"), &certs, &environment);
    let proxy = TlsProxy::start(&certs);
    let all = || Box::new(|said: &[u8]| said == expected.as_bytes());
    let here = || {
        let mut docker = Command::new("docker");
        docker.args(["logs", &container]);
        docker
    };
    let commands = [
        Cold { name: "docker logs", command: Box::new(here), is_right: all() },
        Cold {
            name: "docker logs, mTLS",
            command: Box::new(|| proxy.docker(&["logs", &container])),
            is_right: all(),
        },
        Cold {
            name: "ripcord logs, mTLS",
            command: Box::new(|| agent.controller(&["logs", "bench"])),
            is_right: all(),
        },
    ];
    let series = cold_starts(&commands, options.rounds(5, 1).min(9));
    findings.show(&series.iter().collect::<Vec<_>>());
    if options.quick {
        findings.note(format!("the dump had {count} lines only"));
    }
    findings.compare(&targets::DUMP, &series[2], &series[0]);
}
