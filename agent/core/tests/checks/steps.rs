//! What a deployment goes through, in which order, and what is true of the machine meanwhile.

use super::*;

pub fn one_deployment_at_a_time_touches_an_environment(world: &World) -> Kept {
    for turn in &world.turns {
        let after = turn.after();
        let prepares = |phase| matches!(phase, Phase::Preparing | Phase::Gating | Phase::BackingUp);
        let works = |phase: Phase| touches(phase) || prepares(phase);
        for deployment in after.open.values() {
            let is_active = after.active == Some(deployment.number);
            prop_assert_eq!(works(deployment.phase), is_active, "{:?}", deployment);
            let is_queued = after.queued == Some(deployment.number);
            prop_assert_eq!(deployment.phase == Phase::Queued, is_queued, "{:?}", deployment);
        }
    }
    Ok(())
}

pub fn an_intent_is_in_the_journal_before_its_effect_is_wanted(world: &World) -> Kept {
    let mut journal: Vec<&Entry> = Vec::new();
    for turn in &world.turns {
        journal.extend(&turn.decision.entries);
        let Some(wanted) = turn.after().wanted() else { continue };
        let intent = journal.iter().rev().find_map(|entry| match &entry.event {
            Event::PhaseEntered { phase } | Event::Recovered { phase, .. }
                if entry.deployment == Some(wanted.deployment) =>
            {
                Some(*phase)
            }
            _ => None,
        });
        let phase = match wanted.step {
            Step::Prepare { .. } => Phase::Preparing,
            Step::BackUp { .. } => Phase::BackingUp,
            Step::Reset { .. } => Phase::Resetting,
            Step::Restart => Phase::Restarting,
            Step::Probe => Phase::Probing,
        };
        prop_assert_eq!(intent, Some(phase));
    }
    Ok(())
}

pub fn nothing_is_touched_before_the_commit_is_fetched_verified_and_pinned(world: &World) -> Kept {
    let journal = world.entries();
    for (at, entry) in journal.iter().enumerate() {
        let (Event::PhaseEntered { phase }, Some(number)) = (&entry.event, entry.deployment) else {
            continue;
        };
        if touches(*phase) && world.is_deploy(number) {
            let prepared = |event: &Event| matches!(event, Event::Prepared { .. });
            prop_assert!(happened_before(&journal, at, number, prepared), "{number}");
        }
    }
    Ok(())
}

pub fn a_failed_probe_never_reaches_watching(world: &World) -> Kept {
    for turn in &world.turns {
        let mut healthy = None;
        for (number, event) in turn.events() {
            match event {
                Event::WentLive { .. } => healthy = Some(number),
                Event::PhaseEntered { phase: Phase::Watching } => {
                    prop_assert_eq!(healthy, Some(number));
                }
                _ => {}
            }
        }
        let passed = matches!(&turn.input, Input::StepEnded { deployment, result }
            if Some(*deployment) == healthy && matches!(result, Ok(StepDone::Healthy { .. })));
        prop_assert!(healthy.is_none() || passed);
    }
    Ok(())
}

pub fn what_is_called_live_is_what_runs(world: &World) -> Kept {
    let states = world.turns.iter().skip(1).map(|turn| (&turn.before, turn.ran));
    for (environment, ran) in states.chain([(&world.environment, world.runs)]) {
        let touching = environment
            .wanted()
            .is_some_and(|w| !matches!(w.step, Step::Prepare { .. } | Step::BackUp { .. }));
        if let Some(live) = environment.live.filter(|_| !touching) {
            prop_assert_eq!(Some(live.sha), ran);
        }
    }
    Ok(())
}

pub fn a_crash_in_the_middle_of_a_touch_begins_with_a_reset(world: &World) -> Kept {
    for turn in &world.turns {
        if !matches!(turn.input, Input::AgentStarted { .. }) {
            continue;
        }
        let touched = turn.before.active_deployment().filter(|active| touches(active.phase));
        if touched.is_some() {
            let wanted = turn.after().wanted().map(|wanted| wanted.step);
            prop_assert!(matches!(wanted, Some(Step::Reset { .. })), "{wanted:?}");
        }
    }
    Ok(())
}
