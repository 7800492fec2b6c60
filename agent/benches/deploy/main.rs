//! How fast the whole is, side by side with what it must be measured against: a deployment of a
//! small change to a compose container, `ripcord status` from a cold start, and an idle agent.
//!
//! Prepares everything itself, in a temporary folder, on the Docker engine of this machine; checks
//! the served page after every deployment; prints medians and ratios, and asserts no time.
//! `BENCH_ROUNDS` sets how often each way deploys.
#![allow(missing_docs, clippy::unwrap_used)]

mod contestants;
mod report;
mod scene;

#[path = "../../tests/support/docker.rs"]
mod docker;
#[path = "../../tests/support/git.rs"]
mod git;

use std::{
    env,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use contestants::{ByHand, Contestant, Ripcord, Script};
use report::{Series, heading};
use scene::Scene;

/// How often each way deploys, unless `BENCH_ROUNDS` says otherwise.
const ROUNDS: usize = 15;
/// How often a program is started cold.
const STARTS: usize = 100;
/// How long the agent is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(10);

fn main() {
    let rounds = env::var("BENCH_ROUNDS").ok().and_then(|text| text.parse().ok());
    let Some(scene) = Scene::new() else { return };
    let mut ripcord = Ripcord::start(&scene);
    idle(&ripcord, "fresh");
    deployments(&scene, &mut ripcord, rounds.unwrap_or(ROUNDS));
    cold_starts(&ripcord);
    idle(&ripcord, "after the deployments");
}

fn deployments(scene: &Scene, ripcord: &mut Ripcord, rounds: usize) {
    heading(&format!("a small change, deployed to a compose container ({rounds} rounds)"));
    let mut by_hand = ByHand::new(&scene.by_hand);
    let mut script = Script::new(&scene.script);
    let ways: [&mut dyn Contestant; 3] = [&mut by_hand, ripcord, &mut script];
    let mut series: Vec<Series> = ways.iter().map(|way| Series::new(way.name())).collect();
    // The first round only warms up.
    for round in 0..=rounds {
        for turn in 0..ways.len() {
            // By turns, and each begins as often as the others.
            let at = (turn + round) % ways.len();
            let page = format!("round {round} of {}", ways[at].name());
            let sha = scene.git.pushed(&page);
            let took = measured(ways[at], &sha);
            assert_eq!(ways[at].place().page(), page, "{} did not deploy", ways[at].name());
            if round > 0 {
                series[at].add(took);
            }
        }
    }
    let floor = series[0].median();
    series.iter().for_each(|series| series.print(floor));
    by_hand.parts().iter().chain(ripcord.parts()).for_each(Series::print_part);
    let pairs = series[1].of_each(&series[0]);
    println!(
        "  ripcord / by hand, median of the rounds' ratios: {pairs:.2} (wanted: 1.20 or less)"
    );
}

fn measured(way: &mut dyn Contestant, sha: &str) -> Duration {
    let began = Instant::now();
    way.deploy(sha);
    began.elapsed()
}

fn cold_starts(ripcord: &Ripcord) {
    heading(&format!("one command, from a cold start to its end ({STARTS} starts)"));
    let mut nothing = Series::new("/bin/true");
    let mut status = Series::new("ripcord status");
    let mut version = Series::new("ripcord --version (no agent is asked)");
    for _ in 0..STARTS {
        nothing.add(started(&mut Command::new("/bin/true")));
        status.add(started(&mut ripcord.controller(&["status"])));
        version.add(started(&mut ripcord.controller(&["--version"])));
    }
    [nothing, version, status].iter().for_each(Series::print_milliseconds);
    println!("  (wanted: ripcord status within 8 ms)");
}

fn started(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    assert!(command.status().unwrap().success(), "{command:?}");
    began.elapsed()
}

fn idle(ripcord: &Ripcord, when: &str) {
    heading(&format!("the agent, left alone for 10 s, {when}"));
    let before = ripcord.cpu_ticks();
    sleep(IDLE);
    let megabytes = |field| ripcord.memory_kib(field) as f64 * 1024.0 / 1e6;
    let (all, own) = (megabytes("VmRSS:"), megabytes("RssAnon:"));
    println!("  resident: {all:.1} MB, {own:.1} MB of it not pages of files (wanted: 20 or less)");
    // A tick is 10 ms on every Linux that this runs on.
    println!("  processor time: {} ms in 10 s", (ripcord.cpu_ticks() - before) * 10);
}
