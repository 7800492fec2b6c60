//! What an older tool had validated is the first rollback point, once.
#![allow(missing_docs, clippy::unwrap_used)]

use ripcord_core::{CommitSha, Environment, Input, Placement, Policy, Timestamp};

fn import(state: &Environment, sha: CommitSha) -> Environment {
    let input = Input::Import { validated: sha };
    state.on(input, &Policy::default(), Timestamp(1)).unwrap().environment
}

#[test]
fn an_imported_commit_is_the_rollback_point_and_a_second_import_changes_nothing() {
    let (first, second) = (CommitSha::from_bytes([1; 20]), CommitSha::from_bytes([2; 20]));
    let imported = import(&Environment::default(), first);
    let point = Placement { deployment: None, sha: first };
    assert_eq!(imported.rollback_point(), Some(point));
    assert_eq!(import(&imported, second), imported);
}
