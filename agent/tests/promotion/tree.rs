//! Whose files prod gets: those of the commit, whatever preprod's tree holds.

use std::fs;

use ripcord_agent::ports::SourceRepository as _;
use ripcord_core::{Answer, CommitSha, Outcome, Phase};

use crate::{
    support::git::git,
    town::{Town, comes_to_be},
};

#[tokio::test]
async fn preprods_own_tree_is_taken_while_it_is_exactly_at_the_commit() {
    let town = Town::new().await;
    let sha = town.validated("one").await;
    fs::write(town.live().join("upload"), "x").unwrap();
    fs::remove_dir_all(&town.git.origin).unwrap();
    let promoted = town.promote(sha).await;
    assert_eq!(promoted.outcome, Some(Outcome::Validated), "without network");
    assert_eq!((town.page().as_deref(), town.from()), (Some("one"), town.live()));
    let story = town.told(promoted.number).await;
    assert!(story.contains("1 untracked files lie beside"), "{story}");
    assert!(story.contains(&format!("from: \"{}\"", town.live().display())), "{story}");
    let pinned =
        git(&town.git.live, &["for-each-ref", "--format=%(objectname)", "refs/ripcord/prod"]);
    assert_eq!(pinned, sha.to_string());
}

#[tokio::test]
async fn prod_never_takes_whatever_preprods_tree_holds_at_that_second() {
    let town = Town::new().await;
    let validated = town.validated("one").await;
    // Preprod's tree is at B, and still under its hands, when somebody promotes A.
    town.preprod.world.stop_touching();
    let next: CommitSha = town.git.pushed("two").parse().unwrap();
    town.ask(&town.preprod, next).await;
    let in_its_hands = |state: &std::sync::Arc<ripcord_core::Environment>| {
        state.active_deployment().is_some_and(|active| active.phase == Phase::Restarting)
    };
    town.preprod.until(in_its_hands).await;
    assert_eq!(fs::read_to_string(town.live().join("page.txt")).unwrap(), "two");
    let Answer::Admitted(number) = town.ask(&town.prod, validated).await else { panic!() };
    town.prod.until(|state| state.active_deployment().is_some()).await;
    town.tells(&town.prod, number, "waiting for preprod").await;
    assert_eq!(town.page(), None, "the command read a tree that preprod was changing");

    town.preprod.world.script.touching.add_permits(100);
    let promoted = town.prod.ended(number).await;
    assert_eq!(promoted.outcome, Some(Outcome::Validated));
    assert_eq!(town.page().as_deref(), Some("one"));
    assert_ne!(town.from(), town.live());
    assert!(town.from().ends_with("checkouts/promotion"), "{:?}", town.from());
    assert!(!town.from().exists(), "the check-out is gone");
    let story = town.told(number).await;
    assert!(story.contains("the work tree of preprod is not exactly at"), "{story}");
}

#[tokio::test]
async fn a_file_that_somebody_changed_in_preprod_by_hand_does_not_reach_prod() {
    let town = Town::new().await;
    let sha = town.validated("one").await;
    fs::write(town.live().join("page.txt"), "by hand").unwrap();
    assert_eq!(town.promote(sha).await.outcome, Some(Outcome::Validated));
    assert_eq!(town.page().as_deref(), Some("one"));
    assert_eq!(fs::read_to_string(town.live().join("page.txt")).unwrap(), "by hand");
}

#[tokio::test]
async fn preprod_may_go_on_while_the_command_reads_a_checkout() {
    let script = "echo begun >$PROD.begun; while ! test -e $PROD.go; do sleep 0.01; done; \
                  mkdir -p $PROD; cp page.txt $PROD/page.txt";
    let town = Town::with(crate::town::Wanted { script, ..Default::default() }).await;
    let first = town.validated("one").await;
    town.validated("two").await;
    let Answer::Admitted(number) = town.ask(&town.prod, first).await else { panic!() };
    let begun = town.root().join("prod.begun");
    comes_to_be(|| begun.exists()).await;
    town.validated("three").await;
    fs::write(town.root().join("prod.go"), "").unwrap();
    assert_eq!(town.prod.ended(number).await.outcome, Some(Outcome::Validated));
    assert_eq!(town.page().as_deref(), Some("one"));
}

#[tokio::test]
async fn nobody_changes_preprods_tree_while_the_command_reads_it() {
    let script = "echo begun >$PROD.begun; while ! test -e $PROD.go; do sleep 0.01; done; \
                  mkdir -p $PROD; cp page.txt $PROD/page.txt";
    let town = Town::with(crate::town::Wanted { script, ..Default::default() }).await;
    let first = town.validated("one").await;
    let Answer::Admitted(number) = town.ask(&town.prod, first).await else { panic!() };
    let begun = town.root().join("prod.begun");
    comes_to_be(|| begun.exists()).await;
    let next: CommitSha = town.git.pushed("two").parse().unwrap();
    let Answer::Admitted(waiting) = town.ask(&town.preprod, next).await else { panic!() };
    town.tells(&town.preprod, waiting, "waiting for another environment").await;
    assert_eq!(fs::read_to_string(town.live().join("page.txt")).unwrap(), "one");
    fs::write(town.root().join("prod.go"), "").unwrap();
    town.prod.ended(number).await;
    assert_eq!(town.page().as_deref(), Some("one"));
    town.preprod.until(|state| state.live.is_some_and(|live| live.sha == next)).await;
}

#[tokio::test]
async fn what_prod_needs_for_a_way_back_stays_when_preprod_has_no_use_for_it() {
    let town = Town::new().await;
    let sha = town.validated("one").await;
    town.promote(sha).await;
    let repository = town.files.repository.as_ref().unwrap();
    repository.unpin_except(&[]).await.unwrap();
    town.git.commit("elsewhere");
    git(&town.git.live, &["update-ref", "-d", "refs/remotes/origin/main"]);
    git(&town.git.live, &["checkout", "--quiet", "--orphan", "empty"]);
    git(&town.git.live, &["reflog", "expire", "--expire=now", "--all"]);
    git(&town.git.live, &["branch", "-D", "main"]);
    git(&town.git.live, &["gc", "--quiet", "--prune=now"]);
    crate::town::bring(&town.files, sha).await.unwrap();
    assert_eq!(town.page().as_deref(), Some("one"));
}
