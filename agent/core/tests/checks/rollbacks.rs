//! Where a rollback leads, what it may claim, and how often it happens.

use ripcord_core::Files;

use super::*;

/// Or to what a person's backup holds, whatever that is.
pub fn a_rollback_leads_only_to_what_was_once_healthy_here_or_the_baseline(world: &World) -> Kept {
    for turn in &world.turns {
        let Some(wanted) = turn.after().wanted() else { continue };
        let active = &turn.after().open[&wanted.deployment];
        let restores = active.restores().is_some() && active.poisoned.is_empty();
        if !active.is_rollback() || restores {
            continue;
        }
        let healthy =
            |other: &&model::Turn| other.after().live.is_some_and(|live| live.sha == wanted.sha);
        let once_live = world.turns.iter().take_while(|other| other.now <= turn.now);
        let is_baseline = turn.after().baseline == Some(wanted.sha);
        prop_assert!(is_baseline || once_live.filter(healthy).count() > 0);
    }
    Ok(())
}

pub fn a_rollback_needs_no_network(world: &World) -> Kept {
    for turn in &world.turns {
        let Some(wanted) = turn.after().wanted() else { continue };
        let fetches = matches!(wanted.step, Step::Prepare { .. });
        prop_assert!(!fetches || world.is_deploy(wanted.deployment));
    }
    Ok(())
}

pub fn rolled_back_is_said_only_after_the_rollback_was_found_healthy(world: &World) -> Kept {
    let journal = world.entries();
    for (at, entry) in journal.iter().enumerate() {
        let (Event::Ended { outcome, .. }, Some(number)) = (&entry.event, entry.deployment) else {
            continue;
        };
        let undone = journal[..at].iter().find_map(|earlier| match earlier.event {
            Event::UndoneBy { rollback } if earlier.deployment == Some(number) => Some(rollback),
            _ => None,
        });
        let healthy = |event: &Event| matches!(event, Event::WentLive { .. });
        let restored = undone.is_some_and(|by| happened_before(&journal, at, by, healthy));
        match outcome {
            Outcome::RolledBack => prop_assert!(restored, "{number}"),
            Outcome::Live | Outcome::Validated => prop_assert_eq!(undone, None),
            Outcome::Failed => prop_assert!(undone.is_none() || restored, "{number}"),
            Outcome::Superseded | Outcome::Refused | Outcome::Stranded => {}
        }
    }
    Ok(())
}

pub fn rolling_back_to_what_runs_touches_nothing(world: &World) -> Kept {
    for turn in &world.turns {
        for (number, event) in turn.events() {
            let resets = matches!(event, Event::PhaseEntered { phase: Phase::Resetting });
            // What a step was still making did not run yet, as far as anybody knew.
            let touched = turn.before.active_deployment();
            let in_the_making = touched.is_some_and(|active| touches(active.phase));
            let known = turn.before.live.is_some() && !in_the_making;
            let chosen = turn.after().wanted().map(|wanted| wanted.step);
            let restores = matches!(chosen, Some(Step::Reset { files: Files::Backup(_) }));
            if resets && known && !restores && !world.is_deploy(number) {
                let target = turn.after().wanted().map(|wanted| wanted.sha);
                prop_assert_ne!(target, turn.ran, "{}", number);
            }
        }
    }
    Ok(())
}

pub fn a_deployment_is_rolled_back_at_most_once(world: &World) -> Kept {
    let mut undone = Vec::new();
    for (entry, _) in world.journal() {
        if let Event::Admitted { kind, .. } = &entry.event
            && let Kind::Rollback { automatic: true, undoes, .. } = kind
        {
            prop_assert!(undoes.is_some_and(|number| world.is_deploy(number)));
            prop_assert!(!undone.contains(undoes), "{:?} twice", undoes);
            undone.push(*undoes);
        }
    }
    Ok(())
}

pub fn three_automatic_rollbacks_within_an_hour_hold_the_environment(world: &World) -> Kept {
    for turn in &world.turns {
        let (before, after) = (&turn.before, turn.after());
        let new = after.automatic_rollbacks.last() != before.automatic_rollbacks.last();
        if new && after.automatic_rollbacks.len() >= 3 {
            prop_assert!(after.hold.is_some());
        }
    }
    Ok(())
}

pub fn a_rollback_that_asks_for_a_hold_leaves_one(world: &World) -> Kept {
    for turn in &world.turns {
        for (number, event) in turn.events() {
            let (kind, _) = world.kind_of(number);
            let Kind::Rollback { hold: true, .. } = kind else { continue };
            let done = |outcome: &Outcome| matches!(outcome, Outcome::Live | Outcome::Validated);
            if matches!(event, Event::Ended { outcome, .. } if done(outcome)) {
                prop_assert!(turn.after().hold.is_some());
            }
        }
    }
    Ok(())
}
