//! What a person is told to do when it is over.

use ripcord_proto::v1::{self, Outcome};

use crate::place::{Place, back, confirmed};

#[tokio::test]
async fn what_is_done_can_be_undone_by_the_command_that_the_result_names() {
    let place = Place::new().await;
    place.validate(1).await;
    let first = place.promoted().await;
    assert_eq!(first.undo, format!("ripcord rollback prod --backup {}", first.backup));
    place.validate(2).await;
    let second = place.promoted().await;
    assert_eq!(second.undo, "ripcord rollback prod --to 1");
    let returned = place.rollback(back()).await.unwrap();
    assert_eq!(returned.outcome(), Outcome::Validated);
    assert_eq!(returned.undo, "ripcord rollback prod --to 2 && ripcord resume prod");
    let to = Some(v1::rollback_request::To::Deployment(2));
    let again = place.rollback(v1::RollbackRequest { to, hold: Some(false), ..back() }).await;
    let again = again.unwrap();
    assert_eq!(again.undo, "ripcord rollback prod --to 3");
}

#[tokio::test]
async fn a_failed_deployment_offers_the_backup_of_this_run_and_never_that_of_an_earlier_one() {
    let place = Place::new().await;
    place.validate(1).await;
    place.promoted().await;
    place.validate(2).await;
    place.fails_its_probe();
    let failed = place.deploy(confirmed()).await.unwrap();
    assert_eq!(failed.outcome(), Outcome::Failed, "{failed:?}");
    let id = "20261123T061742Z-2";
    assert_eq!(failed.backup, id);
    let expected = [
        format!("ripcord rollback prod --backup {id}"),
        format!("tar --zstd -xpf '/my backups/{id}/files.tar.zst' -C /"),
        "docker compose -f prod.yml up -d".to_owned(),
    ];
    assert_eq!(failed.by_hand, expected);
    place.shelf.backups.lock().unwrap().retain(|backup| backup.id.as_str() != id);
    let later = place.watch(failed.deployment).await;
    assert_eq!(later.by_hand.iter().find(|line| line.contains("tar ")), None, "{later:?}");

    *place.shelf.full.lock().unwrap() = true;
    let unsaved = place.deploy(confirmed()).await.unwrap();
    assert_eq!(unsaved.outcome(), Outcome::Failed, "{unsaved:?}");
    assert_eq!((unsaved.backup.as_str(), unsaved.undo.as_str()), ("", ""));
    assert_eq!(unsaved.by_hand, Vec::<String>::new(), "nothing was touched");
}
