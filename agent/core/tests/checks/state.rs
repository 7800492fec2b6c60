//! The state itself: a fold of the journal that asks for its ticks in time.

use super::*;

pub fn the_state_is_the_fold_of_the_journal_also_through_json(world: &World) -> Kept {
    let mut folded = Environment::default();
    for (entry, at) in world.journal() {
        let stored = serde_json::to_string(entry).unwrap();
        let read: Entry = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&read, entry);
        folded.apply(&read, at);
    }
    prop_assert_eq!(&folded, &world.environment);
    let stored = serde_json::to_string(&folded).unwrap();
    prop_assert_eq!(serde_json::from_str::<Environment>(&stored).unwrap(), folded);
    Ok(())
}

pub fn a_tick_at_the_time_that_was_asked_for_has_something_to_do(world: &World) -> Kept {
    for turn in &world.turns {
        let Some(due) = turn.after().next_due(&world.policy) else { continue };
        let at = due.max(turn.now);
        let decision = turn.after().on(Input::Tick, &world.policy, at).unwrap();
        prop_assert!(!decision.entries.is_empty());
    }
    Ok(())
}
