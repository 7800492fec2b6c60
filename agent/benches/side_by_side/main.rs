//! How fast ripcord is where users feel it, side by side with what they use instead: the script
//! with docker-compose, the docker program, the engine's API by curl, ssh, `docker logs`, git.
//!
//! Prepares everything itself, in temporary folders and with containers of its own, on this machine's
//! Docker engine; takes turns; compares every result byte for byte; prints medians and ratios, and
//! judges no time: a run succeeds when everything worked. `just bench`; see `options.rs`.
#![allow(missing_docs, clippy::unwrap_used)]

mod agent;
mod chatter;
mod findings;
mod interrupt;
mod listener;
mod machine;
mod options;
mod page;
mod picture;
mod place;
mod publish;
mod scenarios;
mod series;
mod ssh;
mod table;
mod targets;
mod tls_proxy;
mod turns;
mod ways;

#[path = "../../tests/support/docker.rs"]
mod docker;
#[path = "../../tests/support/git.rs"]
mod git;
#[path = "../../tests/support/github/mod.rs"]
mod github;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use findings::Findings;
use options::Options;
use scenarios::{SCENARIOS, Scenario};

fn main() -> ExitCode {
    if let [_, chatter, lines] = &env::args().collect::<Vec<_>>()[..]
        && chatter == "chatter"
    {
        return chatter::run(lines.parse().unwrap())
            .map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let options = match Options::read() {
        Ok(options) => options,
        Err(message) => return refused(&message),
    };
    let missing = machine::missing();
    if !missing.is_empty() {
        let packages = missing.join(" ");
        return refused(&format!("missing here; as root: apt-get install {packages}"));
    }
    if ["ripcord", "ripcord-agent"].iter().any(|name| !agent::binary(name).exists()) {
        return refused("the binaries are not here: run `just bench`, or what it runs");
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    interrupt::listen();
    let mut findings = match machine::description() {
        Ok(machine) => Findings::of(machine),
        Err(message) => return refused(&message),
    };
    let chosen = SCENARIOS.iter().filter(|scenario| options.wants(scenario.name));
    let failed: Vec<&str> = chosen
        .filter(|scenario| !interrupt::is_asked() && !succeeds(scenario, &options, &mut findings))
        .map(|scenario| scenario.name)
        .collect();
    publish::all(&findings, options.publish && failed.is_empty());
    if failed.is_empty() && !interrupt::is_asked() {
        return ExitCode::SUCCESS;
    }
    eprintln!("failed or interrupted: {}", failed.join(", "));
    ExitCode::FAILURE
}

/// Whether everything in it worked. What panics has cleaned up behind itself.
fn succeeds(scenario: &Scenario, options: &Options, findings: &mut Findings) -> bool {
    println!("\n{}: {}", scenario.name, scenario.title);
    findings.begin(scenario.name);
    catch_unwind(AssertUnwindSafe(|| (scenario.run)(options, findings))).is_ok()
}

fn refused(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(2)
}
