//! A production deployment from its confirmation to its rollback, in both shapes.

use ripcord_proto::v1::{DeployRequest, Outcome, RollbackRequest, rollback_request::To};

use crate::{
    shop::{Shape, Shop, backups, go_back, live, promote, promotion},
    support::site::{deploy, history, reason, status},
};

const UNKNOWN: &str = "0000000000000000000000000000000000000000";

async fn validated_in_preprod_goes_live_in_prod(shape: Shape) {
    let Some(shop) = Shop::new(shape).await else { return };
    let agent = shop.start();
    let mut client = shop.client(&agent);
    let old = shop.container();
    let first = shop.validated(&mut client, "good 1").await;
    assert_eq!(shop.page().await.unwrap(), "good 0", "preprod is not prod");

    let told = promote(&mut client).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert_eq!(told.result().sha, first);
    assert_eq!(shop.page().await.unwrap(), "good 1");
    assert_ne!(shop.container(), old, "recreated, not restarted");
    assert!(told.story().contains("Creating"), "compose's output is told: {}", told.story());
    let kept = backups(&mut client).await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0].id, told.result().backup);
    assert!(kept[0].damage.is_empty(), "{kept:?}");

    let second = shop.validated(&mut client, "good 2").await;
    let told = promote(&mut client).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert_eq!(shop.page().await.unwrap(), "good 2");
    assert_eq!(live(&mut client).await, second);

    // At 2 a.m., with no argument.
    let told = go_back(&mut client, RollbackRequest::default()).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert_eq!(shop.page().await.unwrap(), "good 1");
    assert_eq!(live(&mut client).await, first);
    assert!(status(&mut client, "prod").await.hold.is_some(), "it is held afterwards");
    let undo = &told.result().undo;
    assert!(undo.contains("ripcord rollback prod --to"), "{undo}");
}

#[tokio::test]
async fn a_folder_that_a_command_fills_takes_what_preprod_validated_and_goes_back() {
    validated_in_preprod_goes_live_in_prod(Shape::Folder).await;
}

#[tokio::test]
async fn a_clone_of_its_own_takes_what_preprod_validated_and_goes_back() {
    validated_in_preprod_goes_live_in_prod(Shape::Clone).await;
}

async fn an_unhealthy_version_is_undone(shape: Shape) {
    let Some(shop) = Shop::new(shape).await else { return };
    let agent = shop.start();
    let mut client = shop.client(&agent);
    let before = shop.files();
    shop.validated(&mut client, "fine in preprod only").await;
    let told = promote(&mut client).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert_eq!(shop.files(), before);
    assert_eq!(shop.page().await.unwrap(), "good 0", "what ran before the first deployment");
    let now = status(&mut client, "prod").await;
    assert!(now.stranded.is_empty(), "{}", now.stranded);
    assert!(now.health.unwrap().ok);
    if shape == Shape::Folder {
        assert_eq!(now.live.unwrap().sha, UNKNOWN, "nobody knows its commit");
    }
}

#[tokio::test]
async fn a_first_deployment_that_is_unhealthy_brings_back_the_files_of_the_folder() {
    an_unhealthy_version_is_undone(Shape::Folder).await;
}

#[tokio::test]
async fn a_first_deployment_that_is_unhealthy_brings_back_the_clone() {
    an_unhealthy_version_is_undone(Shape::Clone).await;
}

#[tokio::test]
async fn a_wrong_word_touches_nothing_and_is_kept_with_who_said_it() {
    let Some(shop) = Shop::new(Shape::Folder).await else { return };
    let agent = shop.start();
    let mut client = shop.client(&agent);
    shop.validated(&mut client, "good 1").await;
    let before = shop.files();
    for confirm in ["", "deploy", "DEPLOY ", "Deploy"] {
        let request = DeployRequest { confirm: confirm.to_owned(), ..promotion() };
        let told = deploy(&mut client, request).await;
        assert_eq!(reason(&told.error.unwrap()), "CONFIRMATION", "{confirm:?}");
    }
    assert_eq!(shop.files(), before);
    assert_eq!(history(&mut client, "prod").await, []);
    assert!(agent.said().contains("refused to spiffe://"), "{}", agent.said());
    assert!(backups(&mut client).await.is_empty());
}

#[tokio::test]
async fn a_plan_that_has_changed_since_it_was_shown_is_refused_with_the_difference() {
    let Some(shop) = Shop::new(Shape::Folder).await else { return };
    let agent = shop.start();
    let mut client = shop.client(&agent);
    let first = shop.validated(&mut client, "good 1").await;
    let before = shop.files();
    let dry = DeployRequest { dry_run: true, ..promotion() };
    let shown = deploy(&mut client, dry).await.result().clone();
    assert_eq!((shown.sha.as_str(), shown.confirm.as_str()), (first.as_str(), "DEPLOY"));
    assert_eq!(shop.files(), before, "a plan changes nothing");
    assert!(backups(&mut client).await.is_empty(), "a plan changes nothing");
    let second = shop.validated(&mut client, "good 2").await;
    let sha = shown.sha.clone();
    let request = DeployRequest { sha, expected_plan: shown.plan.clone(), ..promotion() };
    let refused = deploy(&mut client, request).await.error.unwrap();
    assert_eq!(reason(&refused), "PLAN_CHANGED");
    assert!(refused.message().contains(&second[..7]), "{}", refused.message());
    assert_eq!(shop.files(), before);
}

#[tokio::test]
async fn a_backup_can_be_gone_back_to_by_its_name() {
    let Some(shop) = Shop::new(Shape::Folder).await else { return };
    let agent = shop.start();
    let mut client = shop.client(&agent);
    let at_first = shop.files();
    for page in ["good 1", "good 2"] {
        shop.validated(&mut client, page).await;
        assert_eq!(promote(&mut client).await.outcome(), Outcome::Validated);
    }
    let oldest = backups(&mut client).await.pop().unwrap();
    let to = Some(To::Backup(oldest.id));
    let told = go_back(&mut client, RollbackRequest { to, ..RollbackRequest::default() }).await;
    assert_eq!(told.outcome(), Outcome::Live, "{}", told.story());
    assert_eq!(shop.files(), at_first);
    assert_eq!(shop.page().await.unwrap(), "good 0");
}
