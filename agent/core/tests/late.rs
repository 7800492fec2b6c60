//! Verdicts that come, or change, after a deployment has ended; and the time that a verdict has.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use model::{
    World, deploy_of, rollback_to, sha,
    shorthand::{HEAD, MINUTE},
};
use ripcord_core::{
    Answer, DeployRequest, Event, Input, OnDeadline, Outcome, Pace, Policy, Verdict, VerifyWhen,
    limits,
};

const HOUR: u64 = 60 * MINUTE;

/// A world whose source of verdicts changes its mind, as GitHub does when a job is run again.
fn world() -> World {
    of(Policy::default())
}

fn of(policy: Policy) -> World {
    World::new(Policy { late_verdicts: true, ..policy }, Some(sha(HEAD)))
}

fn is_listening(world: &World, number: u64) -> bool {
    world.environment.watches().any(|watch| watch.deployment.0 == number)
}

fn is_quarantined(world: &World, of: u8) -> bool {
    world.environment.quarantined.contains_key(&sha(of))
}

fn overriding(of: u8) -> DeployRequest {
    let reason = Some("the runner was broken".to_owned());
    DeployRequest { override_quarantine: true, reason, ..deploy_of(sha(of)) }
}

#[test]
fn a_re_run_that_turns_green_validates_the_commit_and_lifts_its_quarantine() {
    let mut world = world();
    world.validated(1);
    world.goes_live(2);
    world.verdict(2, Verdict::Failure);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::RolledBack)));
    assert!(is_quarantined(&world, 2) && is_listening(&world, 2));
    world.verdict(2, Verdict::Success);
    assert!(!is_quarantined(&world, 2) && !is_listening(&world, 2));
    assert!(world.story(ripcord_core::DeploymentNumber(2)).contains(&&Event::Validated));
    assert!(matches!(world.deploy(2).unwrap().answer, Answer::Admitted(_)));
}

#[test]
fn what_a_rollback_left_is_no_rollback_target_although_it_turned_green() {
    let mut world = world();
    world.validated(1);
    world.validated(2);
    world.goes_live(3);
    world.verdict(3, Verdict::Failure);
    world.steps_good();
    world.verdict(3, Verdict::Success);
    assert_eq!((world.live(), world.target()), (Some(2), Some(2)));
    world.rollback();
    world.steps_good();
    assert_eq!(world.live(), Some(1));
}

#[test]
fn a_late_red_verdict_rolls_back_what_was_kept_live_without_one() {
    for (verdict, policy) in [
        (Verdict::NoRun, Policy::default()),
        (Verdict::Pending, Policy { on_deadline: OnDeadline::Keep, ..Policy::default() }),
    ] {
        let mut world = of(policy);
        world.validated(1);
        world.goes_live(2);
        world.verdict(2, verdict);
        world.later(61 * MINUTE);
        assert_eq!((world.live(), world.outcome(2)), (Some(2), Some(Outcome::Live)));
        world.verdict(2, Verdict::Failure);
        world.steps_good();
        let ends = world.outcomes(ripcord_core::DeploymentNumber(2));
        assert_eq!(ends, [Outcome::Live, Outcome::RolledBack]);
        assert_eq!(world.live(), Some(1));
    }
}

#[test]
fn a_late_red_verdict_on_what_was_kept_live_and_is_gone_only_marks() {
    let mut world = world();
    world.goes_live(1);
    world.verdict(1, Verdict::NoRun);
    world.later(61 * MINUTE);
    world.goes_live(2);
    world.verdict(1, Verdict::Failure);
    assert!(is_quarantined(&world, 1));
    let condemned = |event: &&Event| matches!(event, Event::Condemned { .. });
    assert!(!world.story(ripcord_core::DeploymentNumber(1)).iter().any(condemned));
    assert_eq!(world.live(), Some(2));
}

#[test]
fn a_late_green_verdict_validates_what_was_kept_live_without_one() {
    let mut world = world();
    world.goes_live(1);
    world.verdict(1, Verdict::NoRun);
    world.later(61 * MINUTE);
    assert_eq!(world.target(), Some(HEAD));
    world.verdict(1, Verdict::Success);
    assert_eq!(world.target(), Some(1));
}

#[test]
fn a_late_red_verdict_on_a_superseded_commit_only_marks_and_a_green_one_takes_the_mark_away() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    world.verdict(1, Verdict::Failure);
    assert_eq!((world.live(), world.environment.wanted()), (Some(2), None));
    assert!(is_quarantined(&world, 1));
    world.verdict(1, Verdict::Success);
    assert!(!is_quarantined(&world, 1));
}

#[test]
fn a_superseded_commit_that_is_run_again_after_its_deadline_may_still_turn_green() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    world.verdict(1, Verdict::Failure);
    world.later(2 * HOUR);
    world.verdict(1, Verdict::Pending);
    world.later(MINUTE);
    world.verdict(1, Verdict::Success).expect("nobody listens to it any more");
    assert!(!is_quarantined(&world, 1));
}

#[test]
fn a_red_re_run_of_a_validated_live_commit_only_alerts() {
    let mut world = world();
    world.validated(1);
    world.validated(2);
    assert!(is_listening(&world, 2), "its re-run would not be noticed");
    world.verdict(2, Verdict::Failure);
    let told = world.turns.last().unwrap().events().any(|(_, event)| {
        matches!(event, Event::VerdictReceived { report, .. } if report.value == Verdict::Failure)
    });
    assert!(told);
    assert_eq!((world.live(), world.target()), (Some(2), Some(2)));
    assert!(!is_quarantined(&world, 2));
}

#[test]
fn a_first_deployment_that_nothing_can_replace_is_rescued_by_a_green_re_run() {
    let mut world = World::new(Policy { late_verdicts: true, ..Policy::default() }, None);
    world.goes_live(1);
    world.verdict(1, Verdict::Failure);
    assert!(world.environment.stranded.is_some());
    world.verdict(1, Verdict::Success);
    assert_eq!((world.live(), &world.environment.stranded), (Some(1), &None));
    assert_eq!(world.target(), Some(1));
}

#[test]
fn a_commit_that_was_red_at_the_gate_may_pass_once_its_re_run_is_green() {
    let mut world = of(Policy { when: VerifyWhen::Before, ..Policy::default() });
    world.goes_live(1);
    world.verdict(1, Verdict::Failure);
    assert_eq!((world.live(), world.outcome(1)), (None, Some(Outcome::Failed)));
    assert!(is_quarantined(&world, 1));
    world.verdict(1, Verdict::Success);
    assert!(!is_quarantined(&world, 1));
    assert_eq!(world.target(), Some(HEAD), "it never was healthy here");
}

#[test]
fn what_a_person_rolled_back_is_not_listened_to_any_more() {
    let mut world = world();
    world.validated(1);
    world.goes_live(2);
    world.rollback();
    world.steps_good();
    assert!(!is_listening(&world, 2));
}

#[test]
fn commands_run_once_so_nobody_listens_to_them_after_the_end() {
    let mut world = World::new(Policy::default(), Some(sha(HEAD)));
    world.validated(1);
    world.goes_live(2);
    world.verdict(2, Verdict::Failure);
    world.steps_good();
    assert_eq!(world.environment.watches().count(), 0);
}

#[test]
fn listening_to_what_has_ended_is_leisurely_and_does_not_last_for_ever() {
    let mut world = world();
    world.validated(1);
    let watch = world.environment.watches().next().unwrap();
    assert_eq!(watch.pace, Pace::Late);
    world.later(limits::LATE_LISTENING_MS);
    assert_eq!(world.environment.watches().count(), 0);
}

#[test]
fn a_commit_deployed_in_spite_of_its_red_verdict_stays_live_and_unvalidated() {
    let mut world = world();
    world.validated(1);
    world.goes_live(2);
    world.verdict(2, Verdict::Failure);
    world.steps_good();
    world.give(Input::Deploy(overriding(2)));
    world.steps_good();
    let number = world.environment.last.0;
    world.verdict(number, Verdict::Failure);
    assert_eq!((world.live(), world.outcome(number)), (Some(2), Some(Outcome::Live)));
    assert_eq!(world.target(), Some(1));
    assert!(is_quarantined(&world, 2), "the next deployment of it asks for an override again");
}

#[test]
fn an_override_passes_the_gate_and_does_not_count_as_a_verdict() {
    let mut world = of(Policy { when: VerifyWhen::Before, ..Policy::default() });
    world.goes_live(1);
    world.verdict(1, Verdict::Failure);
    world.give(Input::Deploy(overriding(1)));
    world.steps_good();
    assert_eq!((world.live(), world.target()), (Some(1), Some(HEAD)));
}

#[test]
fn time_in_which_no_agent_ran_does_not_count_against_the_deadline() {
    let mut world = world();
    world.validated(1);
    world.goes_live(2);
    world.later(20 * MINUTE);
    let alive_until = world.now;
    world.now = world.now.plus(5 * HOUR);
    world.give(Input::AgentStarted { alive_until: Some(alive_until) });
    world.later(39 * MINUTE);
    assert_eq!((world.live(), world.outcome(2)), (Some(2), None));
    world.later(2 * MINUTE);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::RolledBack)));
}

#[test]
fn a_superseded_deployment_still_hears_its_verdict_after_a_long_time_without_an_agent() {
    for verdict in [Verdict::Success, Verdict::Failure] {
        let mut world = world();
        world.goes_live(1);
        world.goes_live(2);
        let alive_until = world.now;
        world.now = world.now.plus(5 * HOUR);
        world.give(Input::AgentStarted { alive_until: Some(alive_until) });
        world.give(Input::Tick);
        world.verdict(1, verdict).expect("nobody listens to it any more");
        let expected = if verdict == Verdict::Success { Some(1) } else { Some(HEAD) };
        assert_eq!(world.target(), expected);
        assert_eq!(is_quarantined(&world, 1), verdict == Verdict::Failure);
    }
}

#[test]
fn a_wall_clock_that_was_set_back_between_two_agents_gives_no_verdict_more_time() {
    let mut world = world();
    world.validated(1);
    world.goes_live(2);
    world.later(20 * MINUTE);
    let alive_until = world.now;
    world.now = ripcord_core::Timestamp(world.now.0 - i64::try_from(HOUR).unwrap());
    world.give(Input::AgentStarted { alive_until: Some(alive_until) });
    world.later(41 * MINUTE);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::RolledBack)));
}

#[test]
fn a_deployment_that_waited_through_an_automatic_rollback_is_the_newest_validated_one() {
    let mut world = world();
    world.validated(1);
    world.deploy(2);
    world.step_good();
    world.deploy(3);
    world.step_bad(ripcord_core::FailureKind::Tree);
    world.steps_good();
    assert_eq!(world.live(), Some(3));
    let overtaken = world.environment.live.unwrap().deployment.unwrap();
    assert!(overtaken < world.environment.last, "the rollback has the higher number");
    world.verdict(overtaken.0, Verdict::Success);
    assert_eq!(world.target(), Some(3));
}

#[test]
fn people_are_told_again_that_the_environment_is_stranded_three_times() {
    let mut world = World::new(Policy::default(), None);
    world.goes_live(1);
    world.verdict(1, Verdict::Failure);
    let mut told = Vec::new();
    while let Some(due) = world.environment.next_due(&world.policy) {
        world.now = due;
        world.give(Input::Tick);
        told.push(due.since(world.environment.stranded.as_ref().unwrap().since) / MINUTE);
    }
    assert_eq!(told, [15, 60, 360]);
}

#[test]
fn a_rollback_by_a_person_to_what_is_live_listens_no_more_and_no_less() {
    let mut world = world();
    world.validated(1);
    let live = world.environment.live;
    world.give(Input::Rollback(rollback_to(live)));
    assert!(is_listening(&world, 1));
}
