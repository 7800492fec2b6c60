//! What a verdict may do, and what it may not.

use super::*;

pub fn only_a_good_verdict_for_the_exact_commit_validates(world: &World) -> Kept {
    let journal = world.entries();
    for (at, entry) in journal.iter().enumerate() {
        let (Event::Validated, Some(number)) = (&entry.event, entry.deployment) else { continue };
        let (kind, _) = world.kind_of(number);
        let said_good = |event: &Event| {
            matches!(event,
            Event::VerdictReceived { report, .. } if report.value == Verdict::Success)
        };
        let healthy = |event: &Event| matches!(event, Event::WentLive { .. });
        let earned = match kind {
            Kind::Deploy { .. } => {
                let none = world.policy.when == VerifyWhen::None;
                none || happened_before(&journal, at, number, said_good)
            }
            Kind::Rollback { .. } => {
                let target = world.turns.iter().flat_map(|turn| &turn.after().validated);
                let mut sha = target
                    .map(|e| e.placement)
                    .filter(|placement| placement.deployment == Some(number));
                let sha = sha.next().expect("remembered").sha;
                let was = |entry: &&&Entry| {
                    entry.event == Event::Validated
                        && entry.deployment.is_some_and(|of| world.kind_of(of).1 == sha)
                };
                happened_before(&journal, at, number, said_good)
                    || journal[..at].iter().filter(was).count() > 0
            }
        };
        prop_assert!(earned, "{number}");
        prop_assert!(happened_before(&journal, at, number, healthy), "{number}");
    }
    Ok(())
}

pub fn what_is_validated_never_moves_back_except_by_going_back(world: &World) -> Kept {
    for turn in &world.turns {
        let newest =
            |environment: &Environment| environment.validated.last().map(|earned| earned.turn);
        let went_back = turn.events().any(|(number, event)| {
            matches!(event, Event::WentLive { .. }) && !world.is_deploy(number)
        });
        prop_assert!(went_back || newest(turn.after()) >= newest(&turn.before));
        let order: Vec<_> = turn.after().validated.iter().map(|e| e.turn).collect();
        prop_assert!(order.is_sorted());
    }
    Ok(())
}

pub fn only_the_live_deployment_is_rolled_back_by_its_own_verdict(world: &World) -> Kept {
    for turn in &world.turns {
        let Input::Verdict { deployment: speaker, .. } = &turn.input else { continue };
        for (number, event) in turn.events() {
            if matches!(event, Event::UndoneBy { .. } | Event::Condemned { .. }) {
                prop_assert_eq!(number, *speaker);
                let live = turn.before.live.and_then(|live| live.deployment);
                prop_assert_eq!(live, Some(number));
            }
        }
    }
    Ok(())
}

pub fn a_red_verdict_on_what_was_superseded_touches_nothing(world: &World) -> Kept {
    for turn in &world.turns {
        let Input::Verdict { deployment, .. } = &turn.input else { continue };
        if turn.before.open[deployment].outcome != Some(Outcome::Superseded) {
            continue;
        }
        let (before, after) = (&turn.before, turn.after());
        prop_assert_eq!((before.live, before.active), (after.live, after.active));
        prop_assert_eq!(before.queued, after.queued);
        prop_assert_eq!(before.wanted(), after.wanted());
    }
    Ok(())
}

pub fn a_source_that_cannot_be_asked_never_decides(world: &World) -> Kept {
    for turn in &world.turns {
        if turn.input != Input::Tick {
            continue;
        }
        for (number, event) in turn.events() {
            let Some(watched) = turn.before.open.get(&number) else { continue };
            let unknown = watched.verdict_value() == Verdict::Unknown;
            let acts = matches!(event, Event::Condemned { .. } | Event::Ended { .. });
            prop_assert!(!(unknown && acts), "{number}");
        }
    }
    Ok(())
}
