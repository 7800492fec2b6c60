//! What people are told of an application that goes down, and of certificates that end.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use model::{
    World,
    moves::a_world,
    sha,
    shorthand::{MINUTE, world},
};
use proptest::prelude::*;
use ripcord_core::{
    Ends, Environment, Event, FailureKind, Input, Looked, Monitored, Policy, Timestamp,
};

const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A monitored world in which commit 1 is live, and what it has told of outages so far.
fn watched() -> World {
    let mut world = World::new(Policy { monitored: true, ..Policy::default() }, Some(sha(99)));
    world.validated(1);
    world.looked(true);
    world
}

fn told(world: &World) -> Vec<&Event> {
    let outage = |event: &&Event| matches!(event, Event::WentDown { .. } | Event::CameBack { .. });
    world.journal().map(|(entry, _)| &entry.event).filter(outage).collect()
}

fn names(world: &World) -> Vec<&'static str> {
    told(world).into_iter().map(Event::name).collect()
}

#[test]
fn a_night_of_being_down_is_told_once_and_its_end_once_with_its_length() {
    let mut world = watched();
    for _ in 0..8 {
        world.looked(false);
        world.later(HOUR);
    }
    world.looked(true);
    world.looked(true);
    assert_eq!(names(&world), ["went_down", "came_back"]);
    assert_eq!(told(&world)[1], &Event::CameBack { down_ms: 8 * HOUR });
}

#[test]
fn nothing_is_told_while_a_deployment_restarts_the_application() {
    let mut world = watched();
    world.deploy(2);
    while !world.environment.is_touched() {
        assert!(world.step_good());
    }
    world.looked(false);
    world.steps_good();
    world.looked(true);
    assert_eq!(told(&world), [] as [&Event; 0]);
}

#[test]
fn a_deployment_that_becomes_healthy_ends_the_outage_without_waiting_for_the_next_look() {
    let mut world = watched();
    world.looked(false);
    world.later(20 * MINUTE);
    world.goes_live(2);
    assert_eq!(told(&world)[1], &Event::CameBack { down_ms: 20 * MINUTE });
    world.looked(true);
    assert_eq!(names(&world), ["went_down", "came_back"]);
}

#[test]
fn a_stranded_environment_goes_on_being_monitored() {
    let mut world = watched();
    world.deploy(2);
    while !world.environment.is_touched() {
        world.step_good();
    }
    while world.environment.wanted().is_some() {
        world.step_bad(FailureKind::Unhealthy);
    }
    assert!(world.environment.stranded.is_some());
    world.looked(false);
    world.looked(true);
    assert_eq!(names(&world), ["went_down", "came_back"]);
}

#[test]
fn a_place_that_is_still_empty_is_not_down() {
    let mut world = world();
    world.looked(false);
    assert_eq!((told(&world).len(), world.environment.monitored), (0, None));
    world.looked(true);
    world.looked(false);
    assert_eq!(names(&world), ["went_down"], "what ran before ripcord came is monitored too");
}

#[test]
fn an_outage_survives_the_agents_restart_and_time_without_an_agent_does_not_count() {
    let mut world = watched();
    let since = world.environment.monitored.unwrap().since;
    world.looked(false);
    world.later(10 * MINUTE);
    let alive_until = Some(world.now);
    world.now = world.now.plus(3 * HOUR);
    world.give(Input::AgentStarted { alive_until });
    world.looked(false);
    world.later(5 * MINUTE);
    world.looked(true);
    assert_eq!(names(&world), ["went_down", "came_back"]);
    assert_eq!(told(&world)[1], &Event::CameBack { down_ms: 15 * MINUTE });
    let moved = Monitored { since: since.plus(3 * HOUR), down_since: None };
    assert_eq!(world.environment.monitored, Some(moved));
}

#[test]
fn a_monitor_that_is_taken_out_of_the_configuration_leaves_no_outage_open() {
    let mut world = watched();
    world.looked(false);
    world.policy.monitored = false;
    world.crash();
    assert_eq!(world.environment.monitored, None);
}

#[test]
fn a_state_of_an_older_agent_is_one_that_nobody_monitored() {
    let mut stored = serde_json::to_value(Environment::default()).unwrap();
    stored.as_object_mut().unwrap().remove("monitored").unwrap();
    let read: Environment = serde_json::from_value(stored).unwrap();
    assert_eq!(read, Environment::default());
}

/// What an application that is looked at says, as the states of the world have it.
fn is_quiet(looked: &Input, before: &Environment) -> bool {
    matches!(looked, Input::Looked(Looked { .. })) && before.is_touched()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn down_and_up_are_told_in_turns_and_an_outage_is_never_longer_than_it_was(world in a_world()) {
        let mut down_since = None;
        for (entry, at) in world.journal() {
            match &entry.event {
                Event::WentDown { .. } => prop_assert_eq!(down_since.replace(at), None),
                Event::CameBack { down_ms } => {
                    let since = down_since.take();
                    prop_assert!(since.is_some_and(|since| *down_ms <= at.since(since)));
                }
                Event::MonitorEnded => down_since = None,
                _ => {}
            }
        }
        let known = world.environment.monitored.and_then(|it| it.down_since);
        prop_assert_eq!(known.is_some(), down_since.is_some());
    }

    #[test]
    fn no_look_is_believed_while_something_is_being_changed(world in a_world()) {
        for turn in world.turns.iter().filter(|turn| is_quiet(&turn.input, &turn.before)) {
            prop_assert!(turn.decision.entries.is_empty());
        }
    }
}

fn lives(days: u64) -> Ends {
    let from = Timestamp(0);
    Ends { whose: "agent certificate".to_owned(), from, until: from.plus(days * DAY) }
}

/// The days at which a certificate that lives for `days` is told, when it is looked at daily.
fn told_of(days: u64) -> Vec<i64> {
    let (ends, policy) = (lives(days), Policy::default());
    let mut agent = Environment::default();
    let mut told = Vec::new();
    for day in 0..days + 5 {
        let now = ends.from.plus(day * DAY + 1);
        for _ in 0..2 {
            let decision = agent.on(Input::CertificateSeen(ends.clone()), &policy, now).unwrap();
            agent = decision.environment;
            told.extend(decision.entries.into_iter().filter_map(|entry| match entry.event {
                Event::CertificateExpires { days, .. } => Some(days),
                _ => None,
            }));
        }
    }
    told
}

#[test]
fn a_certificate_is_told_once_at_30_7_and_1_days_and_when_it_has_ended() {
    assert_eq!(told_of(365), [30, 7, 1, 0]);
}

#[test]
fn a_certificate_that_lives_for_a_day_is_not_about_to_end_all_its_life() {
    assert_eq!((told_of(1), told_of(10), told_of(14)), (vec![0], vec![1, 0], vec![7, 1, 0]));
}

#[test]
fn an_agent_that_was_away_tells_only_the_step_that_counts_now() {
    let ends = lives(365);
    let now = ends.from.plus(360 * DAY);
    assert_eq!((ends.due(now, None), ends.due(now, Some(30))), (Some(5), Some(5)));
    assert_eq!(ends.due(now, Some(6)), None, "seven days were told already");
}

#[test]
fn a_renewed_certificate_is_told_anew_and_a_clock_set_back_tells_nothing() {
    let ends = lives(365);
    let at = |day: u64| ends.from.plus(day * DAY + 1);
    assert_eq!(ends.due(at(335), Some(1)), Some(30), "the old one was told at its last day");
    assert_eq!(ends.due(at(357), Some(7)), None);
}
