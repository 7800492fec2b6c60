//! Who gets in, and who waits.

use super::*;

pub fn an_environment_on_hold_starts_no_deployment(world: &World) -> Kept {
    for turn in &world.turns {
        if turn.before.hold.is_none() {
            continue;
        }
        if let Input::Deploy(_) = &turn.input {
            let admitted = matches!(turn.decision.answer, Answer::Admitted(_));
            prop_assert!(!admitted);
        }
        for (number, event) in turn.events() {
            let starts = matches!(event, Event::PhaseEntered { phase: Phase::Preparing });
            prop_assert!(!starts || !world.is_deploy(number));
        }
    }
    Ok(())
}

pub fn a_quarantined_commit_gets_in_only_by_a_good_verdict_or_an_override(world: &World) -> Kept {
    for turn in &world.turns {
        let Input::Deploy(request) = &turn.input else { continue };
        if !turn.before.quarantined.contains_key(&request.sha) {
            continue;
        }
        if matches!(turn.decision.answer, Answer::Admitted(_)) {
            prop_assert!(request.override_quarantine && request.reason.is_some());
        }
    }
    Ok(())
}

pub fn a_quarantined_commit_is_never_written(world: &World) -> Kept {
    for turn in &world.turns {
        let after = turn.after();
        for (number, event) in turn.events() {
            let touches = matches!(event, Event::PhaseEntered { phase: Phase::Resetting });
            let Some(deployment) = after.open.get(&number).filter(|_| touches) else { continue };
            let no_other_way = deployment.is_rollback() && after.rollback_point().is_none();
            let red = after.quarantined.contains_key(&deployment.sha);
            prop_assert!(!red || no_other_way, "{number}");
        }
    }
    Ok(())
}

pub fn the_newest_request_waits_and_the_one_before_it_is_superseded(world: &World) -> Kept {
    for turn in &world.turns {
        let Answer::Admitted(number) = turn.decision.answer else { continue };
        let Some(waited) = turn.before.queued else { continue };
        prop_assert_eq!(turn.after().queued, Some(number));
        let told = (waited, &Event::Superseded { by: number });
        prop_assert!(turn.events().any(|event| event == told));
    }
    Ok(())
}
