//! What happens to a deployment that is not allowed any more before it touched anything, and to a
//! request whose id was used before.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use model::{World, deploy_of, person, rollback_to, sha};
use ripcord_core::{
    Answer, DeployRequest, DeploymentNumber, Input, Outcome, Phase, Policy, Refusal,
    RollbackRequest, Verdict, VerifyWhen,
};

fn hold() -> Input {
    Input::Hold { by: person(), reason: "an incident".to_owned() }
}

#[test]
fn a_hold_stops_what_waits_at_the_gate() {
    let policy = Policy { when: VerifyWhen::Before, ..Policy::default() };
    let mut world = World::new(policy, Some(sha(9)));
    world.deploy(1).unwrap();
    world.steps_good();
    assert_eq!(world.environment.active_deployment().unwrap().phase, Phase::Gating);
    world.give(hold()).unwrap();
    world.verdict(1, Verdict::Success).unwrap();
    assert_eq!(world.outcomes(DeploymentNumber(1)), [Outcome::Refused]);
    assert_eq!((world.environment.wanted(), world.runs), (None, Some(sha(9))));
}

#[test]
fn a_hold_stops_what_is_still_being_fetched() {
    let mut world = World::new(Policy::default(), Some(sha(9)));
    world.deploy(1).unwrap();
    world.give(hold()).unwrap();
    world.steps_good();
    assert_eq!(world.outcomes(DeploymentNumber(1)), [Outcome::Refused]);
    assert_eq!(world.runs, Some(sha(9)));
}

#[test]
fn a_hold_leaves_what_has_begun_to_touch() {
    let mut world = World::new(Policy::default(), Some(sha(9)));
    world.deploy(1).unwrap();
    world.step_good();
    world.give(hold()).unwrap();
    world.steps_good();
    assert_eq!(world.environment.live.unwrap().sha, sha(1));
}

#[test]
fn a_request_id_joins_its_own_request_and_no_other() {
    let mut world = World::new(Policy::default(), Some(sha(9)));
    let request_id = Some("run-7".parse().unwrap());
    let named = |index| DeployRequest { request_id: request_id.clone(), ..deploy_of(sha(index)) };
    world.give(Input::Deploy(named(1))).unwrap();
    let joined = Answer::Joined(DeploymentNumber(1));
    let taken = Answer::Refused(Refusal::RequestIdTaken { deployment: DeploymentNumber(1) });
    assert_eq!(world.give(Input::Deploy(named(1))).unwrap().answer, joined);
    assert_eq!(world.give(Input::Deploy(named(2))).unwrap().answer, taken);
    let rollback = RollbackRequest { request_id: request_id.clone(), ..rollback_to(None) };
    world.steps_good();
    assert_eq!(world.give(Input::Rollback(rollback)).unwrap().answer, taken);
}
