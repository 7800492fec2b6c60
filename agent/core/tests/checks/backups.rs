//! What is saved before anything is touched, and where the files of a rollback come from.

use ripcord_core::Files;

use super::*;

pub fn nothing_is_touched_before_the_backup_is_there_where_one_is_asked_for(world: &World) -> Kept {
    let journal = world.entries();
    for (at, entry) in journal.iter().enumerate() {
        let (Event::PhaseEntered { phase }, Some(number)) = (&entry.event, entry.deployment) else {
            continue;
        };
        if touches(*phase) && world.is_deploy(number) && world.policy.backs_up {
            let saved = |event: &Event| matches!(event, Event::BackedUp(_));
            prop_assert!(happened_before(&journal, at, number, saved), "{number}");
        }
    }
    Ok(())
}

pub fn a_failed_backup_ends_the_deployment_with_nothing_touched(world: &World) -> Kept {
    for turn in &world.turns {
        let Input::StepEnded { deployment, result: Err(_) } = &turn.input else { continue };
        if turn.before.open[deployment].phase != Phase::BackingUp {
            continue;
        }
        let story = world.story(*deployment);
        let touched =
            |event: &&&Event| matches!(event, Event::PhaseEntered { phase } if touches(*phase));
        prop_assert_eq!(story.iter().filter(touched).count(), 0, "{}", deployment);
        let ended = world.outcomes(*deployment);
        prop_assert!(
            matches!(ended[..], [Outcome::Failed | Outcome::Refused | Outcome::Superseded]),
            "{deployment} ended {ended:?}"
        );
    }
    Ok(())
}

pub fn a_crash_while_saving_saves_again_and_no_other_crash_does(world: &World) -> Kept {
    for turn in &world.turns {
        if !matches!(turn.input, Input::AgentStarted { .. }) {
            continue;
        }
        let saved = turn.before.active_deployment().map(|active| active.phase);
        let saves = matches!(turn.after().wanted().map(|it| it.step), Some(Step::BackUp { .. }));
        prop_assert_eq!(saves, saved == Some(Phase::BackingUp));
    }
    Ok(())
}

pub fn a_rollback_saves_nothing(world: &World) -> Kept {
    for turn in &world.turns {
        for (number, event) in turn.events() {
            let saves = matches!(event, Event::PhaseEntered { phase: Phase::BackingUp });
            prop_assert!(!saves || world.is_deploy(number), "{number}");
        }
    }
    Ok(())
}

/// Live, the baseline, or nothing that anybody knows.
pub fn a_backup_says_of_what_it_is(world: &World) -> Kept {
    let states = world.turns.iter().skip(1).map(|turn| (&turn.before, turn.ran));
    for (environment, ran) in states.chain([(&world.environment, world.runs)]) {
        let Some(Step::BackUp { of }) = environment.wanted().map(|wanted| wanted.step) else {
            continue;
        };
        let stranded = environment.stranded.is_some();
        prop_assert_eq!(
            of.is_none(),
            environment.live.is_none() && (stranded || environment.baseline.is_none())
        );
        if let Some(of) = of {
            prop_assert_eq!(Some(of.sha), ran);
        }
    }
    Ok(())
}

pub fn the_files_of_a_rollback_are_the_backup_that_was_asked_for_or_those_that_were_there(
    world: &World,
) -> Kept {
    for turn in &world.turns {
        let Some(wanted) = turn.after().wanted() else { continue };
        let Step::Reset { files } = wanted.step else { continue };
        let active = &turn.after().open[&wanted.deployment];
        let expected = match (active.is_rollback(), active.restores()) {
            (false, _) => Files::Commit,
            (true, Some(backup)) if active.poisoned.is_empty() => Files::Backup(backup.clone()),
            (true, _) => Files::AsTheyWere,
        };
        prop_assert_eq!(files, expected, "{}", wanted.deployment);
    }
    Ok(())
}

pub fn a_plan_is_followed_only_while_what_it_was_made_on_is_so(world: &World) -> Kept {
    for turn in &world.turns {
        let mut state = turn.before.clone();
        for entry in &turn.decision.entries {
            let number = entry.deployment;
            let planned = number.and_then(|number| state.open.get(&number)?.planned_on);
            let goes_on = matches!(
                entry.event,
                Event::PhaseEntered { phase: Phase::Gating | Phase::BackingUp | Phase::Resetting }
            );
            if let Some(planned) = planned.filter(|_| goes_on) {
                prop_assert_eq!(planned.live, state.live, "{:?}", number);
            }
            state.apply(entry, turn.now);
        }
    }
    Ok(())
}
