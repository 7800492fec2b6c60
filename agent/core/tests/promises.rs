//! The promises of the core, each against worlds in which anything happened in any order.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use model::{World, moves::a_world, touches};
use proptest::prelude::*;
use ripcord_core::{
    Answer, CommitSha, DeploymentNumber, Environment, Event, Input, Kind, Outcome, Phase, Step,
    StepDone, Verdict, VerifyWhen, event::Entry,
};

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() }
}

/// Whether `earlier` is somewhere before place `at` of the journal.
fn happened_before(
    journal: &[&Entry],
    at: usize,
    of: DeploymentNumber,
    is: impl Fn(&Event) -> bool,
) -> bool {
    journal[..at].iter().any(|entry| entry.deployment == Some(of) && is(&entry.event))
}

fn entries(world: &World) -> Vec<&Entry> {
    world.journal().map(|(entry, _)| entry).collect()
}

fn kind_of(world: &World, number: DeploymentNumber) -> (Kind, CommitSha) {
    let admitted = world.story(number).into_iter().find_map(|event| match event {
        Event::Admitted { kind, sha, .. } => Some((kind.clone(), *sha)),
        _ => None,
    });
    admitted.expect("every deployment was admitted")
}

fn is_deploy(world: &World, number: DeploymentNumber) -> bool {
    matches!(kind_of(world, number).0, Kind::Deploy { .. })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn one_deployment_at_a_time_touches_an_environment(world in a_world()) {
        for turn in &world.turns {
            let after = turn.after();
            let works = |phase: Phase| {
                touches(phase) || matches!(phase, Phase::Preparing | Phase::Gating)
            };
            for deployment in after.open.values() {
                let is_active = after.active == Some(deployment.number);
                prop_assert_eq!(works(deployment.phase), is_active, "{:?}", deployment);
                let is_queued = after.queued == Some(deployment.number);
                prop_assert_eq!(deployment.phase == Phase::Queued, is_queued, "{:?}", deployment);
            }
        }
    }

    #[test]
    fn an_intent_is_in_the_journal_before_its_effect_is_wanted(world in a_world()) {
        let mut journal: Vec<&Entry> = Vec::new();
        for turn in &world.turns {
            journal.extend(&turn.decision.entries);
            let Some(wanted) = turn.after().wanted() else { continue };
            let intent = journal.iter().rev().find_map(|entry| match &entry.event {
                Event::PhaseEntered { phase } | Event::Recovered { phase, .. }
                    if entry.deployment == Some(wanted.deployment) => Some(*phase),
                _ => None,
            });
            let phase = match wanted.step {
                Step::Prepare { .. } => Phase::Preparing,
                Step::Reset => Phase::Resetting,
                Step::Restart => Phase::Restarting,
                Step::Probe => Phase::Probing,
            };
            prop_assert_eq!(intent, Some(phase));
        }
    }

    #[test]
    fn nothing_is_touched_before_the_commit_is_fetched_verified_and_pinned(world in a_world()) {
        let journal = entries(&world);
        for (at, entry) in journal.iter().enumerate() {
            let (Event::PhaseEntered { phase }, Some(number)) = (&entry.event, entry.deployment)
            else { continue };
            if touches(*phase) && is_deploy(&world, number) {
                let prepared = |event: &Event| matches!(event, Event::Prepared { .. });
                prop_assert!(happened_before(&journal, at, number, prepared), "{number}");
            }
        }
    }

    #[test]
    fn a_rollback_leads_only_to_what_was_once_healthy_here_or_the_baseline(world in a_world()) {
        for turn in &world.turns {
            let Some(wanted) = turn.after().wanted() else { continue };
            if is_deploy(&world, wanted.deployment) { continue; }
            let healthy = |other: &&model::Turn| {
                other.after().live.is_some_and(|live| live.sha == wanted.sha)
            };
            let once_live = world.turns.iter().take_while(|other| other.now <= turn.now);
            let is_baseline = turn.after().baseline == Some(wanted.sha);
            prop_assert!(is_baseline || once_live.filter(healthy).count() > 0);
        }
    }

    #[test]
    fn a_rollback_needs_no_network(world in a_world()) {
        for turn in &world.turns {
            let Some(wanted) = turn.after().wanted() else { continue };
            let fetches = matches!(wanted.step, Step::Prepare { .. });
            prop_assert!(!fetches || is_deploy(&world, wanted.deployment));
        }
    }

    #[test]
    fn only_a_good_verdict_for_the_exact_commit_validates(world in a_world()) {
        let journal = entries(&world);
        for (at, entry) in journal.iter().enumerate() {
            let (Event::Validated, Some(number)) = (&entry.event, entry.deployment)
            else { continue };
            let (kind, _) = kind_of(&world, number);
            let said_good = |event: &Event| matches!(event,
                Event::VerdictReceived { report, .. } if report.value == Verdict::Success);
            let healthy = |event: &Event| matches!(event, Event::WentLive { .. });
            let earned = match kind {
                Kind::Deploy { .. } => {
                    let none = world.policy.when == VerifyWhen::None;
                    none || happened_before(&journal, at, number, said_good)
                }
                Kind::Rollback { .. } => {
                    let target = world.turns.iter().flat_map(|turn| &turn.after().validated);
                    let mut sha = target.map(|e| e.placement).filter(|placement| placement.deployment == Some(number));
                    let sha = sha.next().expect("remembered").sha;
                    let was = |entry: &&&Entry| entry.event == Event::Validated
                        && entry.deployment.is_some_and(|of| kind_of(&world, of).1 == sha);
                    happened_before(&journal, at, number, said_good)
                        || journal[..at].iter().filter(was).count() > 0
                }
            };
            prop_assert!(earned, "{number}");
            prop_assert!(happened_before(&journal, at, number, healthy), "{number}");
        }
    }

    #[test]
    fn what_is_validated_never_moves_back_except_by_going_back(world in a_world()) {
        for turn in &world.turns {
            let newest = |environment: &Environment| {
                environment.validated.last().map(|earned| earned.turn)
            };
            let went_back = turn.events().any(|(number, event)| {
                matches!(event, Event::WentLive { .. }) && !is_deploy(&world, number)
            });
            prop_assert!(went_back || newest(turn.after()) >= newest(&turn.before));
            let order: Vec<_> = turn.after().validated.iter().map(|e| e.turn).collect();
            prop_assert!(order.is_sorted());
        }
    }

    #[test]
    fn a_failed_probe_never_reaches_watching(world in a_world()) {
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
    }

    #[test]
    fn only_the_live_deployment_is_rolled_back_by_its_own_verdict(world in a_world()) {
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
    }

    #[test]
    fn a_red_verdict_on_what_was_superseded_touches_nothing(world in a_world()) {
        for turn in &world.turns {
            let Input::Verdict { deployment, .. } = &turn.input else { continue };
            if turn.before.open[deployment].outcome != Some(Outcome::Superseded) { continue; }
            let (before, after) = (&turn.before, turn.after());
            prop_assert_eq!((before.live, before.active), (after.live, after.active));
            prop_assert_eq!(before.queued, after.queued);
            prop_assert_eq!(before.wanted(), after.wanted());
        }
    }

    #[test]
    fn rolled_back_is_said_only_after_the_rollback_was_found_healthy(world in a_world()) {
        let journal = entries(&world);
        for (at, entry) in journal.iter().enumerate() {
            let (Event::Ended { outcome, .. }, Some(number)) = (&entry.event, entry.deployment)
            else { continue };
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
    }

    #[test]
    fn rolling_back_to_what_runs_touches_nothing(world in a_world()) {
        for turn in &world.turns {
            for (number, event) in turn.events() {
                let resets = matches!(event, Event::PhaseEntered { phase: Phase::Resetting });
                let known = turn.before.live.is_some();
                if resets && known && !is_deploy(&world, number) {
                    let target = turn.after().wanted().map(|wanted| wanted.sha);
                    prop_assert_ne!(target, turn.ran, "{}", number);
                }
            }
        }
    }

    #[test]
    fn a_deployment_is_rolled_back_at_most_once(world in a_world()) {
        let mut undone = Vec::new();
        for (entry, _) in world.journal() {
            if let Event::Admitted { kind, .. } = &entry.event
                && let Kind::Rollback { automatic: true, undoes, .. } = kind
            {
                prop_assert!(undoes.is_some_and(|number| is_deploy(&world, number)));
                prop_assert!(!undone.contains(undoes), "{:?} twice", undoes);
                undone.push(*undoes);
            }
        }
    }

    #[test]
    fn an_environment_on_hold_starts_no_deployment(world in a_world()) {
        for turn in &world.turns {
            if turn.before.hold.is_none() { continue; }
            if let Input::Deploy(_) = &turn.input {
                let admitted = matches!(turn.decision.answer, Answer::Admitted(_));
                prop_assert!(!admitted);
            }
            for (number, event) in turn.events() {
                let starts = matches!(event, Event::PhaseEntered { phase: Phase::Preparing });
                prop_assert!(!starts || !is_deploy(&world, number));
            }
        }
    }

    #[test]
    fn a_quarantined_commit_gets_in_only_by_a_good_verdict_or_an_override(world in a_world()) {
        for turn in &world.turns {
            let Input::Deploy(request) = &turn.input else { continue };
            if !turn.before.quarantined.contains_key(&request.sha) { continue; }
            if matches!(turn.decision.answer, Answer::Admitted(_)) {
                prop_assert!(request.override_quarantine && request.reason.is_some());
            }
        }
    }

    #[test]
    fn a_quarantined_commit_is_never_written(world in a_world()) {
        for turn in &world.turns {
            let after = turn.after();
            for (number, event) in turn.events() {
                let touches = matches!(event, Event::PhaseEntered { phase: Phase::Resetting });
                let Some(deployment) = after.open.get(&number).filter(|_| touches)
                else { continue };
                let no_other_way = deployment.is_rollback() && after.rollback_point().is_none();
                let red = after.quarantined.contains_key(&deployment.sha);
                prop_assert!(!red || no_other_way, "{number}");
            }
        }
    }

    #[test]
    fn the_newest_request_waits_and_the_one_before_it_is_superseded(world in a_world()) {
        for turn in &world.turns {
            let Answer::Admitted(number) = turn.decision.answer else { continue };
            let Some(waited) = turn.before.queued else { continue };
            prop_assert_eq!(turn.after().queued, Some(number));
            let told = (waited, &Event::Superseded { by: number });
            prop_assert!(turn.events().any(|event| event == told));
        }
    }

    #[test]
    fn what_is_called_live_is_what_runs(world in a_world()) {
        let states = world.turns.iter().skip(1).map(|turn| (&turn.before, turn.ran));
        for (environment, ran) in states.chain([(&world.environment, world.runs)]) {
            let touching = environment.wanted().is_some_and(|w| !matches!(w.step, Step::Prepare { .. }));
            if let Some(live) = environment.live.filter(|_| !touching) {
                prop_assert_eq!(Some(live.sha), ran);
            }
        }
    }

    #[test]
    fn the_state_is_the_fold_of_the_journal_also_through_json(world in a_world()) {
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
    }

    #[test]
    fn a_tick_at_the_time_that_was_asked_for_has_something_to_do(world in a_world()) {
        for turn in &world.turns {
            let Some(due) = turn.after().next_due(&world.policy) else { continue };
            let at = due.max(turn.now);
            let decision = turn.after().on(Input::Tick, &world.policy, at).unwrap();
            prop_assert!(!decision.entries.is_empty());
        }
    }

    #[test]
    fn a_source_that_cannot_be_asked_never_decides(world in a_world()) {
        for turn in &world.turns {
            if turn.input != Input::Tick { continue; }
            for (number, event) in turn.events() {
                let Some(watched) = turn.before.open.get(&number) else { continue };
                let unknown = watched.verdict_value() == Verdict::Unknown;
                let acts = matches!(event, Event::Condemned { .. } | Event::Ended { .. });
                prop_assert!(!(unknown && acts), "{number}");
            }
        }
    }

    #[test]
    fn a_crash_in_the_middle_of_a_touch_begins_with_a_reset(world in a_world()) {
        for turn in &world.turns {
            if !matches!(turn.input, Input::AgentStarted { .. }) { continue; }
            let touched = turn.before.active_deployment().filter(|active| touches(active.phase));
            if touched.is_some() {
                let wanted = turn.after().wanted().map(|wanted| wanted.step);
                prop_assert_eq!(wanted, Some(Step::Reset));
            }
        }
    }

    #[test]
    fn three_automatic_rollbacks_within_an_hour_hold_the_environment(world in a_world()) {
        for turn in &world.turns {
            let (before, after) = (&turn.before, turn.after());
            let new = after.automatic_rollbacks.last() != before.automatic_rollbacks.last();
            if new && after.automatic_rollbacks.len() >= 3 {
                prop_assert!(after.hold.is_some());
            }
        }
    }

    #[test]
    fn a_rollback_that_asks_for_a_hold_leaves_one(world in a_world()) {
        for turn in &world.turns {
            for (number, event) in turn.events() {
                let (kind, _) = kind_of(&world, number);
                let Kind::Rollback { hold: true, .. } = kind else { continue };
                let done = |outcome: &Outcome| matches!(outcome, Outcome::Live | Outcome::Validated);
                if matches!(event, Event::Ended { outcome, .. } if done(outcome)) {
                    prop_assert!(turn.after().hold.is_some());
                }
            }
        }
    }
}
