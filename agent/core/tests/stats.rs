//! The figures of `ripcord stats`, against worlds in which it is known what happened.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use std::collections::BTreeMap;

use model::{
    World, deploy_of,
    moves::a_world,
    sha,
    shorthand::{HEAD, MINUTE, world},
};
use proptest::prelude::*;
use ripcord_core::{
    Deployment, Entry, Environment, Event, FailureKind, Input, Outcome, Phase, Policy, Timestamp,
    Verdict,
    stats::{Spread, Statistics, Tally, Window, phase_durations},
};

const ALWAYS: Window = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };

fn deployments(world: &World) -> Vec<Deployment> {
    let (mut state, mut newest) = (Environment::default(), BTreeMap::new());
    for (entry, at) in world.journal() {
        let changed = state.apply(entry, at);
        newest.extend(changed.map(|deployment| (deployment.number, deployment)));
    }
    newest.into_values().collect()
}

/// The figures as the journal's reader makes them: only what is in the window, and of what came
/// before only what says how things stood.
fn figures(world: &World, window: Window) -> Statistics {
    let mut tally = Tally::new(window);
    let all = deployments(world);
    all.iter().filter(|it| window.contains(it.admitted_at)).for_each(|it| tally.deployment(it));
    for (entry, at) in world.journal() {
        if Tally::EVENTS.contains(&entry.event.name()) {
            tally.record(at, entry);
        }
    }
    tally.finish()
}

fn until_now(world: &World) -> Statistics {
    figures(world, Window { from: Timestamp(0), to: world.now })
}

/// Every step of the deployment takes a second; the verdict takes a minute.
fn slowly(world: &mut World, of: u8, verdict: Verdict) -> u64 {
    world.deploy(of);
    slow_steps(world);
    let number = world.environment.last.0;
    world.later(MINUTE);
    world.verdict(number, verdict);
    number
}

fn slow_steps(world: &mut World) {
    while world.environment.wanted().is_some() {
        world.later(1000);
        world.step_good();
    }
}

#[test]
fn nothing_happened_is_told_as_nothing_and_never_as_zero_percent() {
    let figures = Tally::new(ALWAYS).finish();
    assert_eq!((figures.deployments, figures.unvalidated_live_ms), (0, 0));
    assert_eq!((figures.to_live.median_ms(), figures.to_live.p95_ms()), (None, None));
    assert_eq!((figures.rollbacks.success_rate(), figures.uptime), (None, None));
    assert!(figures.outcomes.is_empty() && figures.phases.is_empty());
}

#[test]
fn one_good_deployment_says_how_long_each_phase_took() {
    let mut world = world();
    slowly(&mut world, 1, Verdict::Success);
    let figures = until_now(&world);
    assert_eq!(figures.deployments, 1);
    assert_eq!(figures.outcomes, BTreeMap::from([(Outcome::Validated, 1)]));
    assert_eq!(figures.to_live.median_ms(), Some(4000), "prepare, reset, restart and probe");
    assert_eq!(figures.to_verdict.median_ms(), Some(MINUTE));
    for phase in [Phase::Preparing, Phase::Resetting, Phase::Restarting, Phase::Probing] {
        assert_eq!(figures.phases[&phase].median_ms(), Some(1000), "{phase:?}");
    }
    assert_eq!(figures.phases[&Phase::Watching].p95_ms(), Some(MINUTE));
    assert_eq!(figures.unvalidated_live_ms, MINUTE);
}

#[test]
fn a_red_commit_counts_as_unvalidated_until_the_older_one_serves_again() {
    let mut world = world();
    slowly(&mut world, 1, Verdict::Success);
    let before = until_now(&world).unvalidated_live_ms;
    slowly(&mut world, 2, Verdict::Failure);
    slow_steps(&mut world);
    world.later(60 * MINUTE);
    let figures = until_now(&world);
    assert_eq!(figures.unvalidated_live_ms - before, MINUTE + 3000, "reset, restart and probe");
    assert_eq!(figures.to_roll_back.median_ms(), Some(3000));
    assert_eq!(figures.rollbacks.automatic, 1);
    assert_eq!(figures.rollbacks.success_rate(), Some(1.0));
    assert_eq!((figures.rollbacks.manual, figures.rollbacks.false_alarms), (0, 0));
    assert_eq!(figures.deployments, 2, "a rollback is not a deployment of a commit");
    assert_eq!(figures.outcomes[&Outcome::RolledBack], 1);
}

#[test]
fn a_rollback_is_a_false_alarm_once_its_ci_turned_green() {
    let mut world =
        World::new(Policy { late_verdicts: true, ..Policy::default() }, Some(sha(HEAD)));
    world.validated(1);
    world.goes_live(2);
    world.verdict(2, Verdict::Failure);
    world.steps_good();
    assert_eq!(until_now(&world).rollbacks.false_alarms, 0);
    world.verdict(2, Verdict::Success);
    world.later(1);
    assert_eq!(until_now(&world).rollbacks.false_alarms, 1);
}

#[test]
fn a_rollback_is_a_false_alarm_once_a_person_overruled_it() {
    let mut world = world();
    world.validated(1);
    world.goes_live(2);
    world.verdict(2, Verdict::Failure);
    world.steps_good();
    let mut request = deploy_of(sha(2));
    request.override_quarantine = true;
    request.reason = Some("the runner was broken".to_owned());
    world.give(Input::Deploy(request));
    world.later(1);
    assert_eq!(until_now(&world).rollbacks.false_alarms, 1);
}

#[test]
fn a_failed_probe_is_a_false_alarm_when_the_same_commit_was_fine_the_next_time() {
    let mut world = world();
    world.validated(1);
    world.deploy(2);
    for _ in ["prepare", "reset", "restart"] {
        world.step_good();
    }
    world.step_bad(FailureKind::Unhealthy);
    world.steps_good();
    world.later(1);
    let figures = until_now(&world);
    assert_eq!((figures.rollbacks.automatic, figures.rollbacks.false_alarms), (1, 0));
    assert_eq!(figures.outcomes[&Outcome::Failed], 1);
    world.validated(2);
    world.later(1);
    assert_eq!(until_now(&world).rollbacks.false_alarms, 1);
}

#[test]
fn a_rollback_that_failed_spoils_the_rate_and_one_by_a_person_does_not_count() {
    let mut world = world();
    world.validated(1);
    world.validated(2);
    world.rollback();
    world.steps_good();
    world.goes_live(3);
    world.verdict(4, Verdict::Failure);
    while world.step_bad(FailureKind::Runtime) {}
    world.later(1);
    let figures = until_now(&world);
    assert_eq!((figures.rollbacks.manual, figures.rollbacks.automatic), (1, 1));
    assert_eq!((figures.rollbacks.failed, figures.rollbacks.success_rate()), (1, Some(0.0)));
}

#[test]
fn a_window_counts_what_began_in_it_and_cuts_what_reaches_into_it() {
    let mut world = world();
    world.goes_live(1);
    world.later(10 * MINUTE);
    let window = Window { from: Timestamp(world.now.0 - 60_000), to: world.now };
    let figures = figures(&world, window);
    assert_eq!(figures.deployments, 0);
    assert_eq!(
        figures.unvalidated_live_ms, 60_000,
        "it was live all the time, but for a minute here"
    );
}

fn story(parts: &[(i64, Event)]) -> Vec<(Timestamp, Entry)> {
    let entry = |event: &Event| Entry { deployment: None, event: event.clone() };
    parts.iter().map(|(at, event)| (Timestamp(*at), entry(event))).collect()
}

fn down() -> Event {
    Event::WentDown { status: None, wrong_content: false, detail: "no answer".to_owned() }
}

fn up() -> Event {
    Event::CameBack { down_ms: 0 }
}

fn uptime(window: Window, since: i64, parts: &[(i64, Event)]) -> Option<(u64, u64, u64)> {
    let mut tally = Tally::new(window);
    tally.record(
        Timestamp(since),
        &Entry { deployment: None, event: Event::MonitorBegan { unwatched_ms: 0 } },
    );
    story(parts).iter().for_each(|(at, entry)| tally.record(*at, entry));
    tally.finish().uptime.map(|up| (up.monitored_ms, up.down_ms, up.outages))
}

#[test]
fn uptime_is_what_the_monitor_saw_of_the_window() {
    let window = Window { from: Timestamp(1000), to: Timestamp(11_000) };
    assert_eq!(uptime(window, 0, &[]), Some((10_000, 0, 0)));
    assert_eq!(uptime(window, 6000, &[]), Some((5000, 0, 0)), "watched since half of it");
    assert_eq!(uptime(window, 0, &[(2000, down()), (2500, up())]), Some((10_000, 500, 1)));
    let across = [(500, down()), (1500, up()), (10_000, down()), (10_100, down())];
    assert_eq!(uptime(window, 0, &across), Some((10_000, 1500, 2)));
    assert_eq!(uptime(window, 0, &[(100, down()), (900, up())]), Some((10_000, 0, 0)));
    assert_eq!(uptime(window, 20_000, &[]), None, "nobody watched");
}

#[test]
fn time_in_which_nobody_looked_is_neither_up_nor_down() {
    let window = Window { from: Timestamp(0), to: Timestamp(10_000) };
    let began = |unwatched_ms| Event::MonitorBegan { unwatched_ms };
    assert_eq!(uptime(window, 0, &[(5000, began(2000))]), Some((8000, 0, 0)));
    let down_all_along = [(1000, down()), (5000, began(2000)), (6000, up())];
    assert_eq!(uptime(window, 0, &down_all_along), Some((8000, 3000, 1)));
    assert_eq!(uptime(window, 0, &[(4000, Event::MonitorEnded)]), Some((4000, 0, 0)));
}

#[test]
fn a_clock_that_goes_back_makes_no_time_out_of_nothing() {
    let window = Window { from: Timestamp(0), to: Timestamp(10_000) };
    let back = [(5000, down()), (3000, up()), (4000, down()), (1_000_000_000, up())];
    assert_eq!(uptime(window, 0, &back), Some((10_000, 6000, 2)));
    let mut world = world();
    world.goes_live(1);
    world.now = Timestamp(world.now.0 - 500_000);
    world.verdict(1, Verdict::Success);
    let figures = figures(&world, ALWAYS);
    assert_eq!((figures.unvalidated_live_ms, figures.to_verdict.median_ms()), (0, Some(0)));
}

#[test]
fn the_middle_and_the_slowest_few_are_durations_that_were_measured() {
    let spread = Spread::of((1..=100).rev());
    assert_eq!((spread.count(), spread.median_ms(), spread.p95_ms()), (100, Some(50), Some(95)));
    let two = Spread::of([7, 900]);
    assert_eq!((two.median_ms(), two.p95_ms()), (Some(7), Some(900)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_happens_the_figures_add_up(world in a_world()) {
        let figures = until_now(&world);
        let all = deployments(&world);
        let deploys = all.iter().filter(|it| !it.is_rollback() && it.admitted_at <= world.now);
        let rollbacks = figures.rollbacks;
        prop_assert_eq!(figures.deployments, deploys.count() as u64);
        prop_assert!(figures.outcomes.values().sum::<u64>() <= figures.deployments);
        prop_assert!(rollbacks.succeeded + rollbacks.failed <= rollbacks.automatic);
        prop_assert!(rollbacks.false_alarms <= rollbacks.automatic);
        prop_assert!(figures.unvalidated_live_ms <= world.now.since(Timestamp(0)));
        let median = figures.to_live.median_ms();
        prop_assert!(median <= figures.to_live.p95_ms());
        for deployment in &all {
            let total: u64 = phase_durations(deployment).map(|(_, lasted)| lasted).sum();
            let longest = deployment.timings_ms.values().max().copied().unwrap_or(0);
            prop_assert!(total <= longest, "{:?}", deployment.timings_ms);
        }
    }
}
