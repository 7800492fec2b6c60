//! Nobody waits for ever: whatever happened, once everything is delivered each deployment has ended.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use std::collections::BTreeSet;

use model::{Delivery, World, moves::a_world, sha};
use proptest::prelude::*;
use ripcord_core::{Answer, Event, Kind, Outcome, Phase, Policy};

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() }
}

fn every_deployment_ended_once(world: &World) -> Result<(), TestCaseError> {
    let environment = &world.environment;
    prop_assert_eq!((environment.active, environment.queued), (None, None));
    prop_assert!(environment.open.is_empty(), "{:?}", environment.open);
    for number in world.numbers() {
        let outcomes = world.outcomes(number);
        let once = outcomes.len() == 1 || was_undone_late(&outcomes);
        prop_assert!(once, "{} ended {:?} in {:?}", number, outcomes, world);
    }
    Ok(())
}

/// What was kept live without a verdict, and is undone when a red one comes after all.
fn was_undone_late(outcomes: &[Outcome]) -> bool {
    matches!(outcomes, [Outcome::Live, Outcome::RolledBack | Outcome::Stranded])
}

/// What its own verdict condemned runs on only where people were told that there is no way back.
fn nothing_red_is_left_live(world: &World) -> Result<(), TestCaseError> {
    let environment = &world.environment;
    let Some(live) = environment.live.and_then(|live| live.deployment) else { return Ok(()) };
    let story = world.story(live);
    let is_rollback = story
        .iter()
        .any(|event| matches!(event, Event::Admitted { kind: Kind::Rollback { .. }, .. }));
    let condemned = story.iter().any(|event| matches!(event, Event::Condemned { .. }));
    let validated = story.contains(&&Event::Validated);
    let red = condemned && !validated && !is_rollback;
    prop_assert!(!red || environment.stranded.is_some(), "{:?}", world);
    Ok(())
}

fn any_delivery() -> impl Strategy<Value = Vec<Delivery>> {
    let one =
        prop_oneof![Just(Delivery::AllGood), Just(Delivery::AllBad), Just(Delivery::NoVerdict),];
    proptest::collection::vec(one, 1..20)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_deployment_ends_once_when_all_goes_well(mut world in a_world()) {
        world.drain(|| Delivery::AllGood);
        every_deployment_ended_once(&world)?;
        nothing_red_is_left_live(&world)?;
    }

    #[test]
    fn every_deployment_ends_once_when_all_goes_wrong(mut world in a_world()) {
        world.drain(|| Delivery::AllBad);
        every_deployment_ended_once(&world)?;
        nothing_red_is_left_live(&world)?;
    }

    #[test]
    fn every_deployment_ends_once_when_the_verdict_never_comes(mut world in a_world()) {
        world.drain(|| Delivery::NoVerdict);
        every_deployment_ended_once(&world)?;
        nothing_red_is_left_live(&world)?;
    }

    #[test]
    fn every_deployment_ends_once_in_any_mixture(
        mut world in a_world(),
        deliveries in any_delivery(),
    ) {
        let mut next = deliveries.iter().copied().cycle();
        world.drain(|| next.next().unwrap());
        every_deployment_ended_once(&world)?;
        nothing_red_is_left_live(&world)?;
    }

    #[test]
    fn fifty_deploys_at_once_each_get_a_definite_outcome(
        order in proptest::collection::vec(0..40u8, 50),
        steps_between in proptest::collection::vec(0..2u8, 50),
    ) {
        let mut world = World::new(Policy::default(), Some(sha(99)));
        let mut answered = BTreeSet::new();
        for (of, steps) in order.iter().zip(&steps_between) {
            match world.deploy(*of).unwrap().answer {
                Answer::Admitted(number) | Answer::Joined(number) => answered.insert(number),
                ref other => panic!("{other:?}"),
            };
            (0..*steps).for_each(|_| { world.step_good(); });
            let waiting = world.environment.open.values().filter(|d| d.phase == Phase::Queued);
            prop_assert!(waiting.count() <= 1);
        }
        world.drain(|| Delivery::AllGood);
        every_deployment_ended_once(&world)?;
        for number in answered {
            let outcome = world.outcomes(number)[0];
            prop_assert!(matches!(outcome, Outcome::Validated | Outcome::Superseded));
        }
        let live = world.environment.live.unwrap().deployment;
        prop_assert_eq!(live, Some(world.environment.last));
    }
}
