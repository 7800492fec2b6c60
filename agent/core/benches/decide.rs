//! What deciding costs: one decision, and the reading of a long story.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/model/mod.rs"]
mod model;

use divan::{Bencher, counter::ItemsCount};
use model::{World, deploy_of, sha, shorthand::world};
use ripcord_core::{Entry, Environment, Input, StepDone, Timestamp, Verdict, VerdictReport};

/// How many commits there are; after the last one the first is deployed again.
const COMMITS: u64 = 90;

fn main() {
    divan::main();
}

/// An environment in which so many deployments went live and were validated.
fn lived(deployments: u64) -> World {
    let mut world = world();
    for number in 0..deployments {
        world.validated((number % COMMITS) as u8);
        world.later(60_000);
    }
    world
}

fn story(world: &World) -> Vec<(Entry, Timestamp)> {
    let entries = |turn: &model::Turn| {
        let at = turn.now;
        turn.decision.entries.iter().cloned().map(|entry| (entry, at)).collect::<Vec<_>>()
    };
    world.turns.iter().flat_map(entries).collect()
}

#[divan::bench(args = [1, 100])]
fn admit_a_deployment(bencher: Bencher<'_, '_>, before: u64) {
    let world = lived(before);
    let input = Input::Deploy(deploy_of(sha(95)));
    bencher
        .with_inputs(|| input.clone())
        .bench_values(|input| world.environment.on(input, &world.policy, world.now).unwrap());
}

#[divan::bench(args = [1, 100])]
fn end_a_step(bencher: Bencher<'_, '_>, before: u64) {
    let mut world = lived(before);
    world.deploy(95);
    while world.environment.wanted().unwrap().step != ripcord_core::Step::Restart {
        world.step_good();
    }
    let deployment = world.environment.wanted().unwrap().deployment;
    let result = Ok(StepDone::Restarted { detail: "restarted".to_owned() });
    let input = Input::StepEnded { deployment, result };
    bencher
        .with_inputs(|| input.clone())
        .bench_values(|input| world.environment.on(input, &world.policy, world.now).unwrap());
}

#[divan::bench(args = [1, 100])]
fn hear_a_red_verdict(bencher: Bencher<'_, '_>, before: u64) {
    let mut world = lived(before);
    world.goes_live(95);
    let deployment = world.environment.last;
    let input = Input::Verdict { deployment, report: VerdictReport::of(Verdict::Failure) };
    bencher
        .with_inputs(|| input.clone())
        .bench_values(|input| world.environment.on(input, &world.policy, world.now).unwrap());
}

#[divan::bench(args = [10, 1000])]
fn read_a_story(bencher: Bencher<'_, '_>, deployments: u64) {
    let story = story(&lived(deployments));
    bencher.counter(ItemsCount::new(story.len())).bench(|| {
        let mut environment = Environment::default();
        for (entry, at) in &story {
            environment.apply(entry, *at);
        }
        environment
    });
}
