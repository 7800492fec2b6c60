//! What breaks on the way to production, and what must come of it.

use std::fs;

use ripcord_proto::v1::{Outcome, RollbackRequest, rollback_request::To};

use crate::{
    shop::{Shape, Shop, backups, go_back, promote},
    support::{
        disk::Disk,
        site::{Agent, status},
    },
};

#[tokio::test]
async fn a_promote_command_that_fails_half_way_leaves_the_old_version_whole() {
    let Some(shop) = Shop::new(Shape::Folder).await else { return };
    let agent = shop.start();
    let mut client = shop.client(&agent);
    shop.validated(&mut client, "good 1").await;
    assert_eq!(promote(&mut client).await.outcome(), Outcome::Validated);
    let before = shop.files();
    // Preprod gets two new files; the command brings the first one, and breaks.
    let start = shop.site.git.work.join("start.sh");
    fs::write(&start, format!("{}# newer\n", fs::read_to_string(&start).unwrap())).unwrap();
    shop.validated(&mut client, "good 2").await;
    fs::write(shop.sign("breaks"), "").unwrap();
    let told = promote(&mut client).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(told.story().contains("no space left"), "its output is told: {}", told.story());
    assert_eq!(shop.files(), before);
    assert_eq!(shop.page().await.unwrap(), "good 1");
}

#[tokio::test]
async fn without_the_compose_program_nothing_is_touched() {
    let Some(shop) = Shop::new(Shape::Folder).await else { return };
    let agent = shop.start();
    shop.validated(&mut shop.client(&agent), "good 1").await;
    drop(agent);
    let before = shop.files();
    let config = shop.site.write_config(&shop.config(""));
    let agent = Agent::start_as(Agent::command(&config).env("PATH", "/nonexistent"));
    let mut client = shop.client(&agent);
    let told = promote(&mut client).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(told.result().reason.contains("install one of them"), "{}", told.result().reason);
    assert_eq!(shop.files(), before);
    assert!(backups(&mut client).await.is_empty());
    assert_eq!(shop.page().await.unwrap(), "good 0");
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_stops_the_deployment_before_anything_is_touched() {
    let Some(shop) = Shop::new(Shape::Folder).await else { return };
    let agent = shop.start();
    let mut client = shop.client(&agent);
    shop.validated(&mut client, "good 1").await;
    let before = (shop.files(), shop.container());
    fs::write(&shop.backups, "not a folder").unwrap();
    let told = promote(&mut client).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(told.result().reason.contains("backup"), "{}", told.result().reason);
    assert_eq!((shop.files(), shop.container()), before);
}

#[tokio::test]
async fn a_backup_that_rotted_on_the_disk_is_refused_and_the_version_is_promoted_again() {
    let Some(shop) = Shop::new(Shape::Folder).await else { return };
    let agent = shop.start();
    let mut client = shop.client(&agent);
    for page in ["good 1", "good 2"] {
        shop.validated(&mut client, page).await;
        assert_eq!(promote(&mut client).await.outcome(), Outcome::Validated);
    }
    let before = (shop.files(), shop.container());
    for backup in backups(&mut client).await {
        let archive = std::path::Path::new(&backup.path).join("files.tar.zst");
        let mut bytes = fs::read(&archive).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        fs::write(&archive, bytes).unwrap();
    }
    let rotten = backups(&mut client).await.remove(0);
    let to = Some(To::Backup(rotten.id));
    let request = RollbackRequest { to, hold: Some(false), ..RollbackRequest::default() };
    let told = go_back(&mut client, request).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(told.result().reason.contains("damaged"), "{}", told.result().reason);
    assert_eq!((shop.files(), shop.container()), before, "nothing is touched");
    assert_eq!(status(&mut client, "prod").await.stranded, "");

    let told = go_back(&mut client, RollbackRequest::default()).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert!(told.story().contains("promoting it again"), "{}", told.story());
    assert_eq!(shop.page().await.unwrap(), "good 1");
}

#[tokio::test]
async fn a_disk_that_fills_up_during_the_backup_stops_the_deployment_untouched() {
    let Some(shop) = Shop::new(Shape::Folder).await else { return };
    let Some(_disk) = Disk::mount(&shop.backups, "size=400k") else { return };
    let noise: Vec<u8> = (0..3_000_000_u64)
        .map(|i| (i.wrapping_mul(i).wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    fs::write(shop.prod.join("large.bin"), noise).unwrap();
    let agent = shop.start();
    let mut client = shop.client(&agent);
    shop.validated(&mut client, "good 1").await;
    let before = shop.container();
    let told = promote(&mut client).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(told.result().reason.contains("room"), "{}", told.result().reason);
    assert_eq!(shop.container(), before);
    assert_eq!(fs::read_to_string(shop.prod.join("page.txt")).unwrap(), "good 0");
    assert!(backups(&mut client).await.is_empty());
    assert_eq!(fs::read_dir(&shop.backups).unwrap().count(), 0, "no half backup is left");
}
