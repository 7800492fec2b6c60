//! How everything ends, once nothing is left to come.

use super::*;

/// Whoever has not been let go listens to its verdict, nothing else.
pub fn every_deployment_ended_once(world: &World) -> Kept {
    let environment = &world.environment;
    prop_assert_eq!((environment.active, environment.queued), (None, None));
    for open in environment.open.values() {
        prop_assert!(open.is_listening(), "{} waits for ever: {:?}", open.number, open);
    }
    for number in world.numbers() {
        let outcomes = world.outcomes(number);
        let once = outcomes.len() == 1 || was_undone_late(&outcomes);
        prop_assert!(once, "{} ended {:?}", number, outcomes);
    }
    Ok(())
}

/// What was kept live without a verdict, and is undone when a red one comes after all.
fn was_undone_late(outcomes: &[Outcome]) -> bool {
    matches!(outcomes, [Outcome::Live, Outcome::RolledBack | Outcome::Stranded])
}

/// What its own verdict condemned runs on only where people were told that there is no way back.
pub fn nothing_condemned_is_left_live(world: &World) -> Kept {
    let environment = &world.environment;
    let Some(live) = environment.live.and_then(|live| live.deployment) else { return Ok(()) };
    let story = world.story(live);
    let condemned = story.iter().any(|event| matches!(event, Event::Condemned { .. }));
    let validated = story.contains(&&Event::Validated);
    let red = condemned && !validated && world.is_deploy(live);
    prop_assert!(!red || environment.stranded.is_some(), "{} is red and live", live);
    Ok(())
}
