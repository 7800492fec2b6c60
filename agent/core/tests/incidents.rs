//! Nights that must not happen again, each as the shortest story that leads there.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use model::{
    World, deploy_of, person, rollback_to, sha,
    shorthand::{HEAD, MINUTE, world},
};
use ripcord_core::{
    Answer, DeployRequest, Effect, FailureKind, Hold, Input, OnDeadline, Outcome, Placement,
    Policy, Refusal, Step, Verdict, VerifyWhen,
};

#[test]
fn a_green_verdict_that_comes_after_a_newer_deployment_still_makes_a_rollback_point() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    world.verdict(1, Verdict::Success);
    assert_eq!(world.target(), Some(1));
    world.verdict(2, Verdict::Failure);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::RolledBack)));
}

#[test]
fn the_older_ci_run_that_ends_last_does_not_move_validated_back() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    world.verdict(2, Verdict::Success);
    world.verdict(1, Verdict::Success);
    assert_eq!(world.target(), Some(2));
}

#[test]
fn the_red_ci_of_a_superseded_commit_leaves_the_newer_one_alone() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    world.verdict(1, Verdict::Failure);
    assert_eq!((world.live(), world.environment.wanted()), (Some(2), None));
    assert!(world.environment.quarantined.contains_key(&sha(1)));
}

#[test]
fn a_cancelled_run_of_a_superseded_commit_asks_for_no_tick_in_the_past() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    world.verdict(1, Verdict::Cancelled);
    world.later(2 * MINUTE);
    assert!(world.environment.next_due(&world.policy).unwrap() > world.now);
    assert_eq!(world.live(), Some(2));
}

#[test]
fn a_day_without_github_neither_validates_nor_rolls_back() {
    let mut world = world();
    world.goes_live(1);
    world.later(10 * MINUTE);
    world.verdict(1, Verdict::Unknown);
    world.later(24 * 60 * MINUTE);
    assert_eq!((world.live(), world.outcome(1)), (Some(1), None));
    world.verdict(1, Verdict::Pending);
    world.later(49 * MINUTE);
    assert_eq!(world.environment.wanted(), None);
    world.later(2 * MINUTE);
    assert_eq!(world.environment.wanted().map(|wanted| wanted.sha), Some(sha(HEAD)));
}

#[test]
fn a_verdict_that_came_while_the_agent_was_down_is_looked_at_before_the_deadline_acts() {
    let mut world = world();
    world.goes_live(1);
    world.now = world.now.plus(3 * 60 * MINUTE);
    world.crash();
    world.give(Input::Tick);
    assert_eq!(world.environment.wanted(), None);
    world.verdict(1, Verdict::Success);
    assert_eq!(world.outcome(1), Some(Outcome::Validated));
}

#[test]
fn a_rollback_asked_for_in_the_middle_of_a_bad_deployment_leads_to_what_ran_before_it() {
    let mut world = world();
    world.validated(1);
    world.validated(2);
    world.deploy(3);
    world.step_good();
    world.rollback();
    world.steps_good();
    assert_eq!((world.live(), world.outcome(3)), (Some(2), Some(Outcome::Failed)));
}

#[test]
fn a_rollback_asked_for_while_a_newer_one_only_fetches_goes_back_from_what_runs() {
    let mut world = world();
    world.validated(1);
    world.validated(2);
    world.deploy(3);
    world.rollback();
    world.steps_good();
    assert_eq!((world.live(), world.outcome(3)), (Some(1), Some(Outcome::Superseded)));
}

#[test]
fn rolling_back_to_what_runs_while_something_fetches_restarts_nothing() {
    let mut world = world();
    world.validated(1);
    world.deploy(2);
    let live = world.environment.live;
    world.give(Input::Rollback(rollback_to(live)));
    world.step_good();
    assert_eq!(world.environment.wanted(), None);
    assert_eq!((world.live(), world.outcome(3)), (Some(1), Some(Outcome::Validated)));
}

#[test]
fn rolling_back_twice_goes_back_twice() {
    let mut world = world();
    world.validated(1);
    world.validated(2);
    world.validated(3);
    for expected in [2, 1, HEAD] {
        world.rollback();
        world.steps_good();
        assert_eq!(world.live(), Some(expected));
    }
}

#[test]
fn a_red_commit_that_nothing_can_replace_goes_on_running_and_people_are_called() {
    let mut world = World::new(Policy::default(), None);
    world.goes_live(1);
    world.verdict(1, Verdict::Failure);
    assert_eq!((world.live(), world.outcome(1)), (Some(1), Some(Outcome::Stranded)));
    assert!(world.environment.stranded.is_some());
    world.person_says(1, true);
    assert_eq!((world.target(), world.environment.stranded.clone()), (Some(1), None));
}

#[test]
fn the_wreck_of_a_stranded_first_deployment_is_never_taken_for_the_baseline() {
    let mut world = World::new(Policy::default(), None);
    world.deploy(1);
    world.step_good();
    world.step_bad(FailureKind::Tree);
    assert_eq!((world.live(), world.outcome(1)), (None, Some(Outcome::Stranded)));
    world.head = Some(sha(1));
    world.deploy(2);
    world.step_good();
    assert_eq!(world.environment.baseline, None);
}

#[test]
fn a_commit_called_bad_while_it_restarts_is_never_live() {
    let mut world = world();
    world.validated(1);
    world.deploy(2);
    world.step_good();
    world.step_good();
    world.person_says(2, false);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::Failed)));
}

#[test]
fn a_commit_called_bad_after_it_was_validated_is_undone() {
    let mut world = world();
    world.validated(1);
    world.validated(2);
    world.person_says(2, false);
    world.steps_good();
    assert_eq!(world.live(), Some(1));
}

#[test]
fn a_second_opinion_of_ci_on_a_validated_commit_only_alerts() {
    let mut world = world();
    world.validated(1);
    let again = DeployRequest { redeploy: true, ..deploy_of(sha(1)) };
    world.give(Input::Deploy(again));
    world.steps_good();
    world.goes_live(2);
    world.verdict(2, Verdict::Failure);
    assert_eq!((world.live(), world.target()), (Some(2), Some(1)));
    assert!(world.environment.quarantined.is_empty());
}

#[test]
fn a_queued_commit_whose_ci_turned_red_meanwhile_does_not_start() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    world.deploy(3);
    let again = DeployRequest { allow_older: true, ..deploy_of(sha(1)) };
    world.give(Input::Deploy(again));
    world.verdict(1, Verdict::Failure);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(4)), (Some(3), Some(Outcome::Refused)));
}

#[test]
fn an_override_with_a_reason_lifts_the_quarantine_and_one_without_is_refused() {
    let mut world = world();
    world.goes_live(1);
    world.verdict(1, Verdict::Failure);
    world.steps_good();
    let mut again = deploy_of(sha(1));
    let answer = |world: &mut World, request: &DeployRequest| {
        world.give(Input::Deploy(request.clone())).unwrap().answer.clone()
    };
    let refused = answer(&mut world, &again);
    assert!(matches!(refused, Answer::Refused(Refusal::Quarantined { .. })), "{refused:?}");
    again.override_quarantine = true;
    assert_eq!(answer(&mut world, &again), Answer::Refused(Refusal::OverrideWithoutReason));
    again.reason = Some("the runner was broken".to_owned());
    assert!(matches!(answer(&mut world, &again), Answer::Admitted(_)));
    assert!(world.environment.quarantined.is_empty());
}

#[test]
fn a_rollback_to_a_quarantined_commit_is_refused() {
    let mut world = world();
    world.goes_live(1);
    let bad = world.environment.live;
    world.verdict(1, Verdict::Failure);
    world.steps_good();
    let answer = world.give(Input::Rollback(rollback_to(bad))).unwrap().answer.clone();
    assert!(matches!(answer, Answer::Refused(Refusal::Quarantined { .. })), "{answer:?}");
}

#[test]
fn a_failed_rollback_tries_two_older_targets_and_then_calls_for_a_human() {
    let mut world = world();
    for of in 1..=4 {
        world.validated(of);
    }
    world.goes_live(5);
    world.verdict(5, Verdict::Failure);
    let mut tried = Vec::new();
    while let Some(Effect { sha, step: Step::Reset { .. }, .. }) = world.environment.wanted() {
        tried.push(sha.as_bytes()[0]);
        world.step_bad(FailureKind::Tree);
    }
    assert_eq!(tried, [4, 3, 2]);
    assert_eq!((world.live(), world.outcome(5)), (None, Some(Outcome::Stranded)));
}

#[test]
fn three_automatic_rollbacks_within_an_hour_put_the_environment_on_hold() {
    let mut world = world();
    world.validated(1);
    for of in 2..=4 {
        assert_eq!(world.environment.hold, None);
        world.goes_live(of);
        let number = world.environment.last.0;
        world.verdict(number, Verdict::Failure);
        world.steps_good();
    }
    assert!(
        matches!(&world.environment.hold, Some(Hold { reason, .. }) if reason.contains("flap"))
    );
}

#[test]
fn no_ci_run_at_all_keeps_the_commit_live_and_unvalidated() {
    let mut world = world();
    world.goes_live(1);
    world.verdict(1, Verdict::NoRun);
    world.later(61 * MINUTE);
    assert_eq!((world.live(), world.outcome(1)), (Some(1), Some(Outcome::Live)));
    assert_eq!(world.target(), Some(HEAD));
}

#[test]
fn the_deadline_keeps_or_rolls_back_as_it_was_asked_to() {
    for (on_deadline, live, outcome) in
        [(OnDeadline::Keep, 1, Outcome::Live), (OnDeadline::Rollback, HEAD, Outcome::RolledBack)]
    {
        let policy = Policy { on_deadline, ..Policy::default() };
        let mut world = World::new(policy, Some(sha(HEAD)));
        world.goes_live(1);
        world.later(61 * MINUTE);
        world.steps_good();
        assert_eq!((world.live(), world.outcome(1)), (Some(live), Some(outcome)));
    }
}

#[test]
fn the_gate_touches_nothing_until_it_is_green_and_a_newer_commit_takes_its_place() {
    let policy = Policy { when: VerifyWhen::Before, ..Policy::default() };
    let mut world = World::new(policy, Some(sha(HEAD)));
    world.goes_live(1);
    assert_eq!((world.live(), world.environment.wanted()), (None, None));
    world.goes_live(2);
    assert_eq!(world.outcome(1), Some(Outcome::Superseded));
    world.verdict(2, Verdict::Success);
    world.steps_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(2), Some(Outcome::Validated)));
}

#[test]
fn a_late_result_of_a_step_that_nobody_waits_for_changes_nothing() {
    let mut world = world();
    world.validated(1);
    let deployment = ripcord_core::DeploymentNumber(1);
    let failure = ripcord_core::Failure::new(FailureKind::Timeout, "too late");
    let late = Input::StepEnded { deployment, result: Err(failure) };
    assert!(world.environment.on(late, &world.policy, world.now).is_err());
}

#[test]
fn a_persons_word_on_the_baseline_counts_although_no_deployment_put_it_there() {
    let mut world = world();
    world.goes_live(1);
    let on = Placement { deployment: None, sha: sha(HEAD) };
    let reason = "it has the old bug".to_owned();
    world.give(Input::OperatorVerdict { on, good: false, by: person(), reason });
    assert_eq!(world.target(), None);
}

#[test]
fn a_healthy_answer_from_before_the_restart_does_not_make_a_commit_live() {
    let mut world = world();
    world.deploy(1);
    world.step_good();
    world.step_good();
    let deployment = ripcord_core::DeploymentNumber(1);
    let healthy = ripcord_core::StepDone::Healthy { status: Some(200), attempts: 1 };
    let early = Input::StepEnded { deployment, result: Ok(healthy) };
    assert!(world.environment.on(early, &world.policy, world.now).is_err());
}

#[test]
fn a_failing_rollback_never_tries_what_it_is_meant_to_undo() {
    let mut world = world();
    world.validated(1);
    world.validated(2);
    let again = DeployRequest { redeploy: true, ..deploy_of(sha(2)) };
    world.give(Input::Deploy(again));
    world.step_good();
    world.step_bad(FailureKind::Tree);
    assert_eq!(world.environment.wanted().map(|wanted| wanted.sha), Some(sha(1)));
    world.step_bad(FailureKind::Tree);
    assert_eq!(world.environment.wanted().map(|wanted| wanted.sha), Some(sha(HEAD)));
}

#[test]
fn a_result_of_another_deployments_step_changes_nothing() {
    let mut world = world();
    world.deploy(1);
    world.step_good();
    let deployment = ripcord_core::DeploymentNumber(2);
    let failure = ripcord_core::Failure::new(FailureKind::Timeout, "whose is it?");
    let foreign = Input::StepEnded { deployment, result: Err(failure) };
    assert!(world.environment.on(foreign, &world.policy, world.now).is_err());
}

#[test]
fn a_persons_word_on_a_rollbacks_failed_target_does_not_validate_what_it_went_on_with() {
    let mut world = world();
    world.validated(1);
    world.goes_live(2);
    world.verdict(2, Verdict::Failure);
    world.step_bad(FailureKind::Tree);
    world.steps_good();
    let rollback = world.environment.live.unwrap();
    assert_eq!(rollback.sha, sha(HEAD));
    let on = Placement { sha: sha(1), ..rollback };
    let reason = "it is fine".to_owned();
    world.give(Input::OperatorVerdict { on, good: true, by: person(), reason });
    let head = |earned: &ripcord_core::Earned| earned.placement.sha == sha(HEAD);
    assert!(!world.environment.validated.iter().any(head));
}
