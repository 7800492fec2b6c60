//! What is known of an environment stays small, however much happens there: it is written at every step.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use model::{World, shorthand::world};
use ripcord_core::{CommitSha, Input, Verdict, limits};

fn commit(round: u32) -> CommitSha {
    let mut bytes = [7; 20];
    bytes[..4].copy_from_slice(&round.to_be_bytes());
    CommitSha::from_bytes(bytes)
}

/// One deployment of every fate there is, one after the other.
fn one_more(world: &mut World, round: u32) {
    world.now = world.now.plus(7 * 60_000);
    world.give(Input::Deploy(model::deploy_of(commit(round))));
    world.give(Input::Resume { by: model::person() });
    let number = world.environment.last.0;
    match round % 7 {
        0 => drop(world.step_good()),
        1 => world.steps_good(),
        2 => {
            world.steps_good();
            world.verdict(number, Verdict::Failure);
            world.steps_good();
        }
        3 => {
            world.steps_good();
            world.verdict(number, Verdict::Cancelled);
        }
        4 => {
            world.steps_good();
            world.verdict(number, Verdict::Success);
            world.rollback();
            world.steps_good();
        }
        _ => {
            world.steps_good();
            world.verdict(number, Verdict::Success);
        }
    }
    // What happened is not what is asked here, and would be most of the memory.
    world.turns.clear();
}

#[test]
fn the_state_of_an_environment_does_not_grow_with_its_history() {
    let mut world = world();
    let (mut sizes, mut most_open) = (Vec::new(), 0);
    for round in 1..=4000 {
        one_more(&mut world, round);
        most_open = most_open.max(world.environment.open.len());
        if round % 2000 == 0 {
            sizes.push(serde_json::to_string(&world.environment).unwrap().len());
        }
    }
    assert!(world.environment.last.0 > 4000, "each round deployed: {}", world.environment.last.0);
    assert_eq!(world.environment.validated.len(), limits::ROLLBACK_TARGETS, "as many as may be");
    assert!(world.environment.quarantined.len() == limits::QUARANTINED, "as many as may be");
    assert!(most_open <= limits::ENDED_LISTENING + 4, "{most_open} deployments are remembered");
    assert!(sizes.iter().all(|size| *size < 96 * 1024), "{sizes:?} bytes");
    assert!(sizes[1] < sizes[0] * 11 / 10, "{sizes:?} bytes");
}
