//! What earlier versions wrote is read as they meant it: no backup, no bake, no plan.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use model::{World, backup::restore_of, sha, shorthand::world};
use ripcord_core::{
    Brought, Deployment, Environment, Event, Failure, FailureKind, Identity, Kind, Phase,
    Placement, PlannedOn, Policy, Refusal, event::Entry,
};
use serde_json::{Value, json};

const SHA: &str = "0101010101010101010101010101010101010101";

fn entry(text: &Value) -> Event {
    serde_json::from_value::<Entry>(json!({"deployment": 1, "event": text})).unwrap().event
}

/// Takes what an earlier version did not write out of everything, wherever it stands.
fn as_before(value: Value) -> Value {
    let new =
        ["planned_on", "backup", "bake", "brought", "restores", "backup_folder", "restored_from"];
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !new.contains(&name.as_str()))
            .map(|(name, value)| (name, as_before(value)))
            .collect(),
        Value::Array(all) => all.into_iter().map(as_before).collect(),
        other => other,
    }
}

#[test]
fn an_admission_without_a_plan_or_a_backup_is_one_that_nobody_planned() {
    let written = json!({
        "event": "admitted", "kind": "deploy", "redeploy": false, "allow_older": false,
        "sha": SHA, "by": "spiffe://test/operator/ada", "reason": null, "request_id": null,
        "previous": null,
    });
    let Event::Admitted { kind, planned_on, .. } = entry(&written) else { panic!() };
    assert_eq!(planned_on, None);
    assert!(matches!(kind, Kind::Deploy { overriding: false, .. }));
    let written = json!({
        "event": "admitted", "kind": "rollback", "undoes": 1, "automatic": true, "hold": false,
        "sha": SHA, "by": Identity::agent(), "reason": "CI failed", "request_id": null,
        "previous": {"deployment": 1, "sha": SHA},
    });
    let Event::Admitted { kind, .. } = entry(&written) else { panic!() };
    assert!(matches!(kind, Kind::Rollback { automatic: true, backup: None, .. }));
}

#[test]
fn files_that_came_before_there_was_another_way_came_by_git() {
    let written =
        json!({"event": "tree_reset", "changed": 3, "saved_to": null, "saved": [], "untracked": 2});
    let Event::TreeReset(report) = entry(&written) else { panic!() };
    assert_eq!((report.brought, report.changed), (Brought::Reset, 3));
}

#[test]
fn a_state_and_its_deployments_as_an_earlier_version_kept_them_are_read_as_they_were() {
    let mut world = world();
    world.validated(1);
    world.goes_live(2);
    world.deploy(3);
    let written = serde_json::to_value(&world.environment).unwrap();
    let before = as_before(written.clone());
    assert_ne!(before, written, "there is nothing new to leave out");
    let read: Environment = serde_json::from_value(before).unwrap();
    assert_eq!(read, world.environment);
    for turn in &world.turns {
        for changed in &turn.decision.changed {
            let before = as_before(serde_json::to_value(changed).unwrap());
            assert_eq!(&serde_json::from_value::<Deployment>(before).unwrap(), changed);
        }
    }
}

#[test]
fn a_rollback_to_a_backup_is_read_back_with_both_the_backup_it_asks_for_and_none_of_its_own() {
    let mut world = World::new(Policy { backs_up: true, ..Policy::default() }, Some(sha(9)));
    world.goes_live(1);
    world.goes_live(2);
    let saved = world.backups[1].clone();
    world.give(ripcord_core::Input::Rollback(restore_of(&saved)));
    let active = world.environment.active_deployment().unwrap();
    let stored = serde_json::to_string(active).unwrap();
    let read: Deployment = serde_json::from_str(&stored).unwrap();
    assert_eq!((&read, read.restores(), &read.backup), (active, Some(&saved.0), &None));
}

#[test]
fn what_this_version_adds_is_written_in_words_that_stay() {
    let placement = Placement { deployment: None, sha: sha(1) };
    let refusal = Refusal::NotValidated {
        sha: sha(1),
        source_name: "preprod".parse().unwrap(),
        why: "why".to_owned(),
    };
    let by = Identity::agent();
    let events = [
        (
            Event::BackedUp(model::backup::backup_before(ripcord_core::DeploymentNumber(7))),
            "backed_up",
        ),
        (Event::BakeBegan { for_ms: 60_000, verdict_awaited: false }, "bake_began"),
        (Event::Baked, "baked"),
        (Event::PhaseEntered { phase: Phase::BackingUp }, "phase_entered"),
        (Event::StepFailed { failure: Failure::new(FailureKind::Promotion, "why") }, "step_failed"),
        (Event::Refused { sha: Some(sha(1)), by, refusal }, "refused"),
    ];
    for (event, name) in events {
        let written = serde_json::to_value(&event).unwrap();
        assert_eq!((&written["event"], event.name()), (&json!(name), name));
        assert_eq!(serde_json::from_value::<Event>(written).unwrap(), event);
    }
    let planned = serde_json::to_value(PlannedOn { live: Some(placement) }).unwrap();
    assert_eq!(planned, json!({"live": {"deployment": null, "sha": SHA}}));
}
