//! What is saved before production is touched, what a plan promised, and where files come back from.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use model::{
    World,
    backup::{backup_before, restore_of},
    deploy_of, person, rollback_to, sha,
    shorthand::{HEAD, MINUTE},
};
use ripcord_core::{
    Answer, CommitSha, DeployRequest, DeploymentNumber, Event, FailureKind, Files, Input,
    Objection, Outcome, Phase, Placement, PlannedOn, Policy, Refusal, Step, Verdict, VerifyWhen,
    stats::phase_durations,
};

fn world() -> World {
    let policy = Policy { when: VerifyWhen::None, backs_up: true, ..Policy::default() };
    World::new(policy, Some(sha(HEAD)))
}

fn step(world: &World) -> Option<Step> {
    world.environment.wanted().map(|wanted| wanted.step)
}

fn saves(world: &World) -> bool {
    matches!(step(world), Some(Step::BackUp { .. }))
}

/// Up to where the files are saved.
fn until_saving(world: &mut World, of: u8) {
    world.deploy(of);
    world.step_good();
    assert!(saves(world), "{world:?}");
}

fn planned(of: u8, live: Option<Placement>) -> Input {
    Input::Deploy(DeployRequest { planned_on: Some(PlannedOn { live }), ..deploy_of(sha(of)) })
}

fn note(world: &World, number: u64) -> String {
    let noted =
        world.story(DeploymentNumber(number)).into_iter().rev().find_map(|event| match event {
            Event::Ended { note, .. } => note.clone(),
            _ => None,
        });
    noted.unwrap_or_default()
}

#[test]
fn a_backup_is_of_what_is_live_else_of_the_baseline() {
    let mut world = world();
    until_saving(&mut world, 1);
    let baseline = Placement { deployment: None, sha: sha(HEAD) };
    assert_eq!(step(&world), Some(Step::BackUp { of: Some(baseline) }));
    world.steps_good();
    let live = world.environment.live;
    until_saving(&mut world, 2);
    assert_eq!(step(&world), Some(Step::BackUp { of: live }));
}

#[test]
fn nobody_knows_of_what_a_backup_is_after_a_rollback_that_failed() {
    let mut world = world();
    world.deploy(1);
    world.step_good();
    world.step_good();
    world.step_bad(FailureKind::Promotion);
    world.step_bad(FailureKind::Backup);
    assert!(world.environment.stranded.is_some());
    until_saving(&mut world, 2);
    assert_eq!(step(&world), Some(Step::BackUp { of: None }));
}

#[test]
fn what_ran_first_is_brought_back_although_nobody_knows_its_commit() {
    let mut world = World::new(world().policy, Some(CommitSha::UNKNOWN));
    world.deploy(1);
    world.step_good();
    world.step_good();
    world.step_bad(FailureKind::Promotion);
    assert_eq!(step(&world), Some(Step::Reset { files: Files::AsTheyWere }));
    world.steps_good();
    assert_eq!(world.environment.live.map(|live| live.sha), Some(CommitSha::UNKNOWN));
    assert_eq!(world.outcome(1), Some(Outcome::Failed));
}

#[test]
fn a_failed_backup_ends_the_deployment_and_nothing_was_touched() {
    let mut world = world();
    world.goes_live(1);
    until_saving(&mut world, 2);
    world.step_bad(FailureKind::Backup);
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::Failed)));
    assert_eq!((world.runs, step(&world)), (Some(sha(1)), None));
}

#[test]
fn a_crash_while_saving_saves_again_and_one_while_writing_does_not() {
    let mut world = world();
    until_saving(&mut world, 1);
    world.crash();
    assert!(saves(&world));
    world.step_good();
    for _ in 0..3 {
        world.crash();
        assert_eq!(step(&world), Some(Step::Reset { files: Files::Commit }));
        world.step_good();
    }
}

#[test]
fn a_hold_that_comes_while_the_files_are_saved_is_kept() {
    let mut world = world();
    world.goes_live(1);
    until_saving(&mut world, 2);
    world.give(Input::Hold { by: person(), reason: "lunch".to_owned() });
    world.step_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::Refused)));
}

#[test]
fn a_rollback_that_is_asked_for_while_the_files_are_saved_comes_first() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    until_saving(&mut world, 3);
    world.rollback();
    world.step_good();
    assert_eq!(world.outcome(3), Some(Outcome::Superseded));
    assert_eq!(step(&world), Some(Step::Reset { files: Files::AsTheyWere }));
    world.steps_good();
    assert_eq!(world.live(), Some(1));
}

#[test]
fn a_person_who_calls_a_commit_bad_while_the_files_are_saved_keeps_it_out() {
    let mut world = world();
    world.goes_live(1);
    until_saving(&mut world, 2);
    world.person_says(2, false);
    world.step_good();
    assert_eq!((world.live(), world.outcome(2)), (Some(1), Some(Outcome::Failed)));
}

#[test]
fn a_newer_deployment_waits_for_one_that_saves_its_files() {
    let mut world = world();
    until_saving(&mut world, 1);
    world.deploy(2);
    assert_eq!(world.environment.queued, Some(DeploymentNumber(2)));
    world.steps_good();
    assert_eq!(world.live(), Some(2));
}

#[test]
fn a_gate_is_passed_before_the_files_are_saved() {
    let policy = Policy { when: VerifyWhen::Before, backs_up: true, ..Policy::default() };
    let mut world = World::new(policy, Some(sha(HEAD)));
    world.deploy(1);
    world.step_good();
    assert_eq!(step(&world), None);
    world.verdict(1, Verdict::Success);
    assert!(saves(&world));
}

#[test]
fn a_rollback_to_a_backup_brings_its_files_also_after_a_crash_and_saves_none() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    let saved = world.backups[1].clone();
    world.give(Input::Rollback(restore_of(&saved)));
    let files = Files::Backup(saved.0);
    assert_eq!(step(&world), Some(Step::Reset { files: files.clone() }));
    world.step_good();
    world.crash();
    assert_eq!(step(&world), Some(Step::Reset { files }));
    world.steps_good();
    assert_eq!(world.live(), Some(1));
}

#[test]
fn a_backup_of_what_is_live_is_brought_back_all_the_same() {
    let mut world = world();
    world.goes_live(1);
    world.give(Input::Deploy(DeployRequest { redeploy: true, ..deploy_of(sha(1)) }));
    world.steps_good();
    let saved = world.backups[1].clone();
    let answer = world.give(Input::Rollback(restore_of(&saved))).unwrap().answer.clone();
    assert!(matches!(answer, Answer::Admitted(_)), "{answer:?}");
    assert_eq!(step(&world), Some(Step::Reset { files: Files::Backup(saved.0) }));
}

#[test]
fn a_backup_that_cannot_be_brought_back_leads_to_older_files_as_they_were() {
    let mut world = world();
    world.goes_live(1);
    world.goes_live(2);
    world.goes_live(3);
    let saved = world.backups[2].clone();
    world.give(Input::Rollback(restore_of(&saved)));
    world.step_bad(FailureKind::Backup);
    let wanted = world.environment.wanted().unwrap();
    assert_eq!((wanted.sha, wanted.step), (sha(1), Step::Reset { files: Files::AsTheyWere }));
}

#[test]
fn two_people_who_ask_for_two_backups_of_one_commit_do_not_get_the_same() {
    let mut world = world();
    world.goes_live(1);
    let of = world.environment.live;
    let ask =
        |number| Input::Rollback(restore_of(&(backup_before(DeploymentNumber(number)).id, of)));
    let first = world.give(ask(7)).unwrap().answer.clone();
    let second = world.give(ask(8)).unwrap().answer.clone();
    let again = world.give(ask(8)).unwrap().answer.clone();
    assert_eq!(first, Answer::Admitted(DeploymentNumber(2)));
    assert_eq!(second, Answer::Admitted(DeploymentNumber(3)));
    assert_eq!(again, Answer::Joined(DeploymentNumber(3)));
}

#[test]
fn a_plan_that_was_made_on_something_else_is_refused_when_it_is_asked_for() {
    let mut world = world();
    world.goes_live(1);
    let live = world.environment.live;
    world.goes_live(2);
    let answer = world.give(planned(3, live)).unwrap().answer.clone();
    let Answer::Refused(Refusal::PlanChanged { difference }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(difference, "0101010 (#1) was live, now 0202020 (#2) is");
    assert!(matches!(
        world.give(planned(3, world.environment.live)).unwrap().answer,
        Answer::Admitted(_)
    ));
}

#[test]
fn a_plan_that_waits_until_something_else_is_live_is_refused_at_its_start() {
    let mut world = world();
    world.goes_live(1);
    let live = world.environment.live;
    world.deploy(2);
    world.give(planned(3, live));
    world.steps_good();
    assert_eq!((world.live(), world.outcome(3)), (Some(2), Some(Outcome::Refused)));
    assert!(note(&world, 3).contains("the plan has changed"), "{}", note(&world, 3));
}

#[test]
fn a_plan_is_held_against_what_is_so_at_the_gate_and_after_the_backup() {
    let gated = Policy { when: VerifyWhen::Before, backs_up: true, ..Policy::default() };
    for saving in [false, true] {
        let mut world = World::new(gated.clone(), Some(sha(HEAD)));
        let stale = Placement { deployment: None, sha: sha(7) };
        world.give(planned(1, None));
        world.step_good();
        if saving {
            world.verdict(1, Verdict::Success);
        }
        // As nothing else may touch it meanwhile, somebody's hands in the state stand for a bug.
        world.environment.live = Some(stale);
        if saving {
            world.step_good();
        } else {
            world.verdict(1, Verdict::Success);
        }
        assert_eq!(world.outcome(1), Some(Outcome::Refused), "{world:?}");
    }
}

#[test]
fn what_may_be_promoted_is_the_newest_validated_commit_that_nobody_objects_to() {
    let mut world =
        World::new(Policy { late_verdicts: true, ..Policy::default() }, Some(sha(HEAD)));
    let newest = |world: &World| world.environment.newest_sound().map(|it| it.sha);
    assert_eq!(newest(&world), None);
    world.validated(1);
    world.validated(2);
    world.goes_live(3);
    assert_eq!(newest(&world), Some(sha(2)), "what only runs is not validated");
    assert_eq!(world.environment.objection(sha(3)), Some(Objection::NotValidated));
    assert_eq!(world.environment.objection(sha(1)), None, "an older one may be asked for");
    world.verdict(3, Verdict::Failure);
    world.steps_good();
    assert!(matches!(world.environment.objection(sha(3)), Some(Objection::Quarantined(_))));
    world.give(Input::Rollback(rollback_to(None)));
    world.steps_good();
    assert_eq!(world.environment.objection(sha(2)), Some(Objection::Left));
    assert_eq!(newest(&world), Some(sha(1)));
}

/// The state forgets which commits a rollback left when it forgets that they were validated.
#[test]
fn what_a_rollback_may_have_left_is_not_promoted_however_long_ago_it_was_validated() {
    let mut world = World::new(Policy::default(), Some(sha(HEAD)));
    let stands = |world: &World, number: u64| {
        let changed = world.turns.iter().rev().flat_map(|turn| &turn.decision.changed);
        let newest = changed.clone().find(|deployment| deployment.number.0 == number).unwrap();
        world.environment.stood_behind(newest)
    };
    let [first, second] = [1, 2].map(|index| world.validated(index));
    assert!(stands(&world, first) && stands(&world, second));
    world.give(Input::Rollback(rollback_to(None)));
    world.steps_good();
    assert!(!stands(&world, second), "it was left");
    let third = world.validated(3);
    assert!(stands(&world, third));
}

#[test]
fn saving_has_a_time_of_its_own_in_the_statistics() {
    let mut world = world();
    until_saving(&mut world, 1);
    world.now = world.now.plus(4 * MINUTE);
    world.steps_good();
    let ended = world.turns.last().unwrap().decision.changed.last().unwrap().clone();
    let saved = phase_durations(&ended).find(|(phase, _)| *phase == Phase::BackingUp);
    assert_eq!(saved, Some((Phase::BackingUp, 4 * MINUTE)));
    let written = phase_durations(&ended).find(|(phase, _)| *phase == Phase::Resetting);
    assert_eq!(written, Some((Phase::Resetting, 0)));
    assert_eq!(ended.backup, Some(backup_before(ended.number).id));
}

#[test]
fn a_rollback_whose_target_turned_red_meanwhile_goes_to_what_is_validated_although_it_leaves_that()
{
    let policy = Policy { late_verdicts: true, ..Policy::default() };
    let mut world = World::new(policy, None);
    world.goes_live(1);
    let first = world.environment.live;
    world.validated(2);
    world.give(Input::Deploy(DeployRequest { redeploy: true, ..deploy_of(sha(2)) }));
    world.step_good();
    world.give(Input::Rollback(rollback_to(first)));
    world.verdict(1, Verdict::Failure);
    world.step_good();
    assert_eq!(world.environment.wanted().map(|wanted| wanted.sha), Some(sha(2)));
    world.steps_good();
    assert_eq!(world.live(), Some(2));
}
