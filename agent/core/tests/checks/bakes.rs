//! What a bake may do: its health has the last word, and until then nothing counts as validated.

use super::*;

fn is_baking(environment: &Environment, number: DeploymentNumber) -> bool {
    environment.bakes().any(|(baking, _)| baking == number)
}

/// Whether its verdict could undo it: neither validated before nor overridden.
fn may_be_undone(environment: &Environment, number: DeploymentNumber) -> bool {
    let deployment = &environment.open[&number];
    let sha = deployment.sha;
    let earned = environment.validated.iter().any(|earned| earned.placement.sha == sha);
    let stands = earned && !environment.withdrawn.contains(&sha);
    !stands && !deployment.is_overriding()
}

pub fn what_went_live_bakes_where_that_is_asked_for_and_a_rollback_never_does(
    world: &World,
) -> Kept {
    for turn in &world.turns {
        for (number, event) in turn.events() {
            let began = |event: &Event| matches!(event, Event::BakeBegan { .. });
            if matches!(event, Event::WentLive { .. }) {
                let bakes = turn.events().any(|(of, event)| of == number && began(event));
                let asked = world.policy.bake_ms > 0 && world.is_deploy(number);
                prop_assert_eq!(bakes, asked, "{}", number);
            }
            prop_assert!(!began(event) || world.is_deploy(number), "{number}");
        }
    }
    Ok(())
}

pub fn only_what_is_live_bakes(world: &World) -> Kept {
    for turn in &world.turns {
        let live = turn.after().live.and_then(|live| live.deployment);
        for (number, _) in turn.after().bakes() {
            prop_assert_eq!(live, Some(number));
        }
    }
    Ok(())
}

/// Unless a person says so after its end.
pub fn what_is_not_baked_is_not_validated(world: &World) -> Kept {
    let mut began = Vec::new();
    let mut baked = Vec::new();
    for turn in &world.turns {
        for (number, event) in turn.events() {
            match event {
                Event::BakeBegan { .. } => began.push(number),
                Event::Baked => baked.push(number),
                Event::Validated if began.contains(&number) => {
                    let by_a_person = matches!(turn.input, Input::OperatorVerdict { .. })
                        && !is_baking(&turn.before, number);
                    prop_assert!(baked.contains(&number) || by_a_person, "{number}");
                }
                _ => {}
            }
        }
    }
    Ok(())
}

pub fn failing_health_during_the_bake_condemns_and_never_quarantines(world: &World) -> Kept {
    for turn in &world.turns {
        let Input::Baked { deployment, result: Err(_) } = &turn.input else { continue };
        let condemned = turn.events().any(|(number, event)| {
            number == *deployment && matches!(event, Event::Condemned { .. })
        });
        prop_assert!(condemned, "{deployment}");
        prop_assert_eq!(&turn.before.quarantined, &turn.after().quarantined);
        let stays = is_baking(turn.after(), *deployment);
        prop_assert!(!stays, "{deployment}");
    }
    Ok(())
}

pub fn a_good_verdict_during_the_bake_ends_nothing(world: &World) -> Kept {
    for turn in &world.turns {
        let number = match &turn.input {
            Input::Verdict { deployment, report } if report.value == Verdict::Success => {
                *deployment
            }
            Input::OperatorVerdict { on, good: true, .. } => match on.deployment {
                Some(number) => number,
                None => continue,
            },
            _ => continue,
        };
        if is_baking(&turn.before, number) {
            prop_assert!(is_baking(turn.after(), number), "{number}");
        }
    }
    Ok(())
}

pub fn a_bad_verdict_during_the_bake_does_not_wait_for_its_end(world: &World) -> Kept {
    for turn in &world.turns {
        let Input::Verdict { deployment, report } = &turn.input else { continue };
        let bakes = is_baking(&turn.before, *deployment);
        if bakes && report.value == Verdict::Failure {
            let goes = may_be_undone(&turn.before, *deployment);
            prop_assert_eq!(is_baking(turn.after(), *deployment), !goes, "{}", deployment);
        }
    }
    Ok(())
}

pub fn time_alone_decides_nothing_while_it_bakes(world: &World) -> Kept {
    for turn in world.turns.iter().filter(|turn| turn.input == Input::Tick) {
        for (number, _) in turn.before.bakes() {
            prop_assert!(is_baking(turn.after(), number), "{number}");
        }
    }
    Ok(())
}
