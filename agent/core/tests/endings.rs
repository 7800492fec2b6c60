//! Nobody waits for ever: whatever happened, once everything is delivered each deployment has ended.
#![allow(missing_docs, clippy::unwrap_used)]

mod checks;
mod model;

use std::collections::BTreeSet;

use checks::endings::{every_deployment_ended_once, nothing_condemned_is_left_live};
use model::{Delivery, World, moves::a_world, sha};
use proptest::prelude::*;
use ripcord_core::{Answer, Outcome, Phase, Policy};

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() }
}

/// Everything was delivered: nobody has anything to listen for.
fn nobody_listens(world: &World) -> Result<(), TestCaseError> {
    prop_assert!(world.environment.open.is_empty(), "{:?}", world);
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
        nobody_listens(&world)?;
        nothing_condemned_is_left_live(&world)?;
    }

    #[test]
    fn every_deployment_ends_once_when_all_goes_wrong(mut world in a_world()) {
        world.drain(|| Delivery::AllBad);
        every_deployment_ended_once(&world)?;
        nobody_listens(&world)?;
        nothing_condemned_is_left_live(&world)?;
    }

    #[test]
    fn every_deployment_ends_once_when_the_verdict_never_comes(mut world in a_world()) {
        world.drain(|| Delivery::NoVerdict);
        every_deployment_ended_once(&world)?;
        nobody_listens(&world)?;
        nothing_condemned_is_left_live(&world)?;
    }

    #[test]
    fn every_deployment_ends_once_in_any_mixture(
        mut world in a_world(),
        deliveries in any_delivery(),
    ) {
        let mut next = deliveries.iter().copied().cycle();
        world.drain(|| next.next().unwrap());
        every_deployment_ended_once(&world)?;
        nobody_listens(&world)?;
        nothing_condemned_is_left_live(&world)?;
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
        nobody_listens(&world)?;
        for number in answered {
            let outcome = world.outcomes(number)[0];
            prop_assert!(matches!(outcome, Outcome::Validated | Outcome::Superseded));
        }
        let live = world.environment.live.unwrap().deployment;
        prop_assert_eq!(live, Some(world.environment.last));
    }
}
