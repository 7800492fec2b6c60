//! The minutes after going live in which health may still undo a deployment, incident by incident.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use model::{
    World, deploy_of, rollback_to, sha,
    shorthand::{HEAD, MINUTE},
};
use ripcord_core::{
    Answer, DeployRequest, DeploymentNumber, Event, FailureKind, Input, Objection, OnDeadline,
    Outcome, Phase, Policy, Timestamp, Verdict, VerifyWhen,
    stats::{Tally, Window, phase_durations},
};

const BAKE: u64 = 10 * MINUTE;

fn of(policy: Policy) -> World {
    World::new(Policy { bake_ms: BAKE, ..policy }, Some(sha(HEAD)))
}

/// CI is asked, and may change its mind.
fn world() -> World {
    of(Policy { late_verdicts: true, ..Policy::default() })
}

/// Nobody but its health says whether a commit is good.
fn without_ci() -> World {
    of(Policy { when: VerifyWhen::None, ..Policy::default() })
}

fn good(world: &mut World, of: u8) -> u64 {
    world.goes_live(of);
    let number = world.environment.last.0;
    world.verdict(number, Verdict::Success);
    world.baked(number, true).unwrap();
    assert_eq!(world.outcome(number), Some(Outcome::Validated));
    number
}

fn listens(world: &World, number: u64) -> bool {
    world.environment.watches().any(|watch| watch.deployment.0 == number)
}

fn is_baking(world: &World, number: u64) -> bool {
    world.environment.bakes().any(|(baking, _)| baking.0 == number)
}

fn redeploy(of: u8) -> Input {
    Input::Deploy(DeployRequest { redeploy: true, ..deploy_of(sha(of)) })
}

#[test]
fn a_green_verdict_during_the_bake_validates_only_at_its_end() {
    let mut world = world();
    world.goes_live(1);
    world.verdict(1, Verdict::Success);
    assert_eq!((world.outcome(1), world.target()), (None, Some(HEAD)));
    assert!(!listens(&world, 1), "it is asked for although it is known");
    world.baked(1, true);
    assert_eq!((world.outcome(1), world.target()), (Some(Outcome::Validated), Some(1)));
}

#[test]
fn a_bake_that_ends_before_its_verdict_goes_on_waiting_for_it() {
    let mut world = world();
    world.goes_live(1);
    world.baked(1, true);
    assert_eq!((world.outcome(1), listens(&world, 1)), (None, true));
    world.verdict(1, Verdict::Success);
    assert_eq!(world.outcome(1), Some(Outcome::Validated));
}

#[test]
fn a_red_verdict_during_the_bake_rolls_back_at_once() {
    let mut world = world();
    good(&mut world, 1);
    world.goes_live(2);
    world.verdict(2, Verdict::Failure);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::RolledBack)));
    assert!(world.baked(2, true).is_none(), "a bake that is over has nothing to say");
}

#[test]
fn failing_health_during_the_bake_rolls_back_and_accuses_nobodys_commit() {
    for mut world in [world(), without_ci()] {
        good_or_healthy(&mut world, 1);
        world.goes_live(2);
        world.baked(2, false);
        world.steps_good();
        assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::RolledBack)));
        assert!(world.environment.quarantined.is_empty());
        assert!(
            matches!(world.deploy(2).unwrap().answer, Answer::Admitted(_)),
            "it may be tried again"
        );
    }
}

fn good_or_healthy(world: &mut World, of: u8) {
    world.goes_live(of);
    let number = world.environment.last.0;
    world.verdict(number, Verdict::Success);
    world.baked(number, true);
    assert_eq!(world.outcome(number), Some(Outcome::Validated));
}

#[test]
fn where_nobody_is_asked_a_deployment_that_stayed_healthy_is_validated_and_nothing_is_due_before() {
    let mut world = without_ci();
    world.goes_live(1);
    assert_eq!((world.outcome(1), world.environment.watches().count()), (None, 0));
    assert_eq!(world.environment.next_due(&world.policy), None);
    world.later(3 * 60 * MINUTE);
    assert_eq!((world.outcome(1), world.target()), (None, Some(HEAD)));
    world.baked(1, true);
    assert_eq!((world.outcome(1), world.target()), (Some(Outcome::Validated), Some(1)));
}

#[test]
fn time_in_which_no_agent_looked_prolongs_the_bake() {
    let mut world = without_ci();
    world.goes_live(1);
    world.later(4 * MINUTE);
    let until = world.environment.bakes().next().unwrap().1.until();
    let alive_until = world.now;
    world.now = world.now.plus(90 * MINUTE);
    world.restart(alive_until);
    let (number, bake) = world.environment.bakes().next().expect("it bakes on");
    assert_eq!((number.0, bake.until()), (1, until.plus(90 * MINUTE)));
}

#[test]
fn what_was_replaced_while_it_baked_is_no_rollback_point_whatever_its_ci_says_later() {
    let mut world = world();
    good(&mut world, 1);
    world.goes_live(2);
    world.goes_live(3);
    assert_eq!(world.outcome(2), Some(Outcome::Superseded));
    world.verdict(2, Verdict::Success);
    assert_eq!(world.target(), Some(1));
    assert_eq!(world.environment.objection(sha(2)), Some(Objection::NotValidated));
    assert!(!listens(&world, 2));
    world.baked(3, false);
    world.steps_good();
    assert_eq!(world.live(), Some(1));
}

#[test]
fn ci_that_spoke_before_its_commit_was_replaced_is_not_asked_again() {
    let mut world = world();
    world.goes_live(1);
    world.verdict(1, Verdict::Success);
    world.goes_live(2);
    assert_eq!((world.outcome(1), listens(&world, 1)), (Some(Outcome::Superseded), false));
}

#[test]
fn a_late_red_verdict_on_what_was_replaced_while_it_baked_only_marks() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    world.verdict(1, Verdict::Failure);
    assert!(world.environment.quarantined.contains_key(&sha(1)));
    assert_eq!((world.live(), is_baking(&world, 2)), (Some(2), true));
    world.verdict(1, Verdict::Success);
    assert!(world.environment.quarantined.is_empty());
    assert_eq!(world.target(), Some(HEAD));
}

#[test]
fn a_commit_that_did_not_stay_healthy_is_not_validated_by_the_ci_that_ends_afterwards() {
    let mut world = world();
    good(&mut world, 1);
    world.goes_live(2);
    world.baked(2, false);
    world.steps_good();
    world.verdict(2, Verdict::Success);
    assert_eq!(
        (world.target(), world.environment.newest_sound()),
        (Some(1), world.environment.newest_validated())
    );
    let story = world.story(DeploymentNumber(2));
    assert!(!story.contains(&&Event::Validated));
}

#[test]
fn an_unhealthy_application_that_nothing_can_replace_is_not_rescued_by_its_ci() {
    let mut world =
        World::new(Policy { late_verdicts: true, bake_ms: BAKE, ..Policy::default() }, None);
    world.goes_live(1);
    world.baked(1, false);
    assert_eq!((world.outcome(1), world.live()), (Some(Outcome::Stranded), Some(1)));
    world.verdict(1, Verdict::Success);
    assert!(world.environment.stranded.is_some());
    world.person_says(1, true);
    assert_eq!((&world.environment.stranded, world.target()), (&None, Some(1)));
}

#[test]
fn a_persons_word_during_the_bake_is_a_verdict_and_no_substitute_for_health() {
    let mut world = without_ci();
    world.goes_live(1);
    world.person_says(1, true);
    assert_eq!((world.outcome(1), is_baking(&world, 1)), (None, true));
    world.baked(1, false);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(1)), (Some(HEAD), Some(Outcome::RolledBack)));
}

#[test]
fn what_a_person_calls_bad_while_it_bakes_goes_and_is_quarantined() {
    let mut world = without_ci();
    world.goes_live(1);
    world.person_says(1, false);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(1)), (Some(HEAD), Some(Outcome::RolledBack)));
    assert!(world.environment.quarantined.contains_key(&sha(1)));
}

#[test]
fn a_deadline_waits_for_the_end_of_a_longer_bake_and_acts_then() {
    for (on_deadline, ends) in
        [(OnDeadline::Keep, Outcome::Live), (OnDeadline::Rollback, Outcome::RolledBack)]
    {
        let policy = Policy { on_deadline, deadline_ms: 5 * MINUTE, ..Policy::default() };
        let mut world = of(Policy { late_verdicts: true, ..policy });
        world.goes_live(1);
        world.later(8 * MINUTE);
        assert!(is_baking(&world, 1));
        world.baked(1, true);
        let due = world.environment.next_due(&world.policy).unwrap();
        assert!(due <= world.now, "the deadline is forgotten");
        world.later(0);
        world.steps_good();
        assert_eq!(world.outcome(1), Some(ends));
    }
}

#[test]
fn a_cancelled_run_waits_for_the_end_of_the_bake() {
    let mut world = world();
    world.goes_live(1);
    world.verdict(1, Verdict::Cancelled);
    world.later(5 * MINUTE);
    assert!(is_baking(&world, 1));
    world.baked(1, true);
    world.later(0);
    world.steps_good();
    assert_eq!(world.outcome(1), Some(Outcome::RolledBack));
}

#[test]
fn a_notice_is_given_while_it_bakes() {
    let mut world = world();
    world.goes_live(1);
    world.later(6 * MINUTE);
    let told = |event: &&Event| matches!(event, Event::StillPending { .. });
    assert!(world.story(DeploymentNumber(1)).iter().any(told));
}

#[test]
fn a_red_verdict_that_does_not_undo_a_commit_does_not_end_its_bake_either() {
    let mut world = world();
    good(&mut world, 1);
    good(&mut world, 2);
    world.give(redeploy(2));
    world.steps_good();
    let number = world.environment.last.0;
    world.verdict(number, Verdict::Failure);
    assert!(is_baking(&world, number), "its health is not looked at any more");
    world.baked(number, true);
    assert_eq!((world.live(), world.outcome(number)), (Some(2), Some(Outcome::Live)));
}

#[test]
fn a_redeployment_of_what_is_live_that_does_not_stay_healthy_goes_back_further() {
    let mut world = world();
    good(&mut world, 1);
    good(&mut world, 2);
    world.give(redeploy(2));
    world.steps_good();
    let number = world.environment.last.0;
    world.baked(number, false);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(number)), (Some(1), Some(Outcome::RolledBack)));
    assert_eq!(world.target(), Some(1), "it would be gone back to what just failed");
}

#[test]
fn three_failed_bakes_within_an_hour_hold_the_environment() {
    let mut world = without_ci();
    for of in 1..4 {
        world.goes_live(of);
        let number = world.environment.last.0;
        assert!(world.baked(number, false).is_some(), "{of} was not deployed");
        world.steps_good();
    }
    let hold = world.environment.hold.as_ref().expect("nobody stops it");
    assert!(hold.reason.contains("flapping"));
}

#[test]
fn a_rollback_by_a_person_during_the_bake_undoes_it_and_never_bakes_itself() {
    let mut world = world();
    good(&mut world, 1);
    world.goes_live(2);
    world.rollback();
    assert!(!is_baking(&world, 2));
    world.steps_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::RolledBack)));
    assert_eq!(world.environment.bakes().count(), 0);
}

#[test]
fn a_rollback_to_what_bakes_lets_it_bake() {
    let mut world = world();
    world.goes_live(1);
    let live = world.environment.live;
    world.give(Input::Rollback(rollback_to(live)));
    assert!(is_baking(&world, 1));
}

#[test]
fn asking_for_what_bakes_again_joins_it() {
    let mut world = world();
    world.goes_live(1);
    assert_eq!(world.deploy(1).unwrap().answer, Answer::Joined(DeploymentNumber(1)));
    assert!(is_baking(&world, 1));
}

#[test]
fn failing_health_while_a_newer_deployment_prepares_is_undone_only_if_that_one_does_not_come() {
    for (fails, live) in [(true, HEAD), (false, 2)] {
        let mut world = without_ci();
        world.goes_live(1);
        world.deploy(2);
        world.baked(1, false);
        assert!(world.environment.wanted().is_some_and(|wanted| wanted.deployment.0 == 2));
        if fails {
            world.step_bad(FailureKind::Remote);
        }
        world.steps_good();
        assert_eq!(world.live(), Some(live));
    }
}

#[test]
fn what_passed_the_gate_is_listened_to_after_its_bake_as_without_one() {
    let gate = Policy { when: VerifyWhen::Before, late_verdicts: true, ..Policy::default() };
    for bake_ms in [0, BAKE] {
        let mut world = World::new(Policy { bake_ms, ..gate.clone() }, Some(sha(HEAD)));
        world.goes_live(1);
        world.verdict(1, Verdict::Success);
        world.steps_good();
        world.baked(1, true);
        assert_eq!(world.outcome(1), Some(Outcome::Validated));
        assert!(listens(&world, 1), "a red re-run would not be noticed after {bake_ms} ms");
    }
}

#[test]
fn a_bake_is_time_of_watching_and_its_commit_counts_as_unvalidated_until_its_end() {
    let mut world = without_ci();
    world.goes_live(1);
    world.now = world.now.plus(BAKE);
    world.baked(1, true);
    let ended = world.turns.last().unwrap().decision.changed.last().unwrap().clone();
    let watched = phase_durations(&ended).find(|(phase, _)| *phase == Phase::Watching);
    assert_eq!(watched, Some((Phase::Watching, BAKE)));
    let mut tally = Tally::new(Window { from: Timestamp(0), to: world.now });
    world.journal().for_each(|(entry, at)| tally.record(at, entry));
    tally.deployment(&ended);
    let figures = tally.finish();
    assert_eq!(figures.unvalidated_live_ms, BAKE);
    assert_eq!(figures.to_verdict.count(), 0, "nobody gave a verdict");
}

#[test]
fn failing_health_does_not_wait_for_the_ci_of_a_newer_commit_at_the_gate() {
    let policy = Policy { when: VerifyWhen::Before, ..Policy::default() };
    let mut world = of(policy);
    world.deploy(1);
    world.step_good();
    world.verdict(1, Verdict::Success);
    world.steps_good();
    world.deploy(2);
    world.step_good();
    assert_eq!(world.environment.open[&DeploymentNumber(2)].phase, Phase::Gating);
    world.baked(1, false);
    assert_eq!(world.environment.wanted().map(|wanted| wanted.sha), Some(sha(HEAD)));
    assert_eq!(world.environment.queued, Some(DeploymentNumber(2)));
    world.steps_good();
    assert_eq!((world.live(), world.outcome(1)), (Some(HEAD), Some(Outcome::RolledBack)));
    world.verdict(2, Verdict::Success);
    world.steps_good();
    assert_eq!((world.live(), is_baking(&world, 2)), (Some(2), true));
}
