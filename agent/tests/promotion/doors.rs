//! Who gets in: what the source has validated, and stands behind now.

use ripcord_core::{CommitSha, Event, Identity, Outcome, Refusal, Sequence, Verdict};

use crate::town::Town;

/// Refused as not validated, with this reason, and journaled with who asked.
async fn is_refused(town: &Town, sha: CommitSha, reason: &str) {
    let before = town.prod.handle.state.borrow().last;
    let refusal = town.refused(sha).await;
    assert_eq!(refusal.code(), "NOT_VALIDATED", "{refusal}");
    assert!(refusal.to_string().contains(reason), "{refusal}");
    assert_eq!(town.prod.handle.state.borrow().last, before, "no deployment was made of it");
    let journal = town.prod.handle.journal();
    let all = journal.after(Sequence(0), 10_000).await.unwrap();
    let ada: Identity = "spiffe://test/operator/ada".parse().unwrap();
    let told = all.iter().any(|record| {
        matches!(&record.entry.event,
            Event::Refused { sha: Some(of), by, refusal: Refusal::NotValidated { .. }, .. }
                if *of == sha && *by == ada)
    });
    assert!(told, "the refusal of {sha} is not in the journal");
    assert_eq!(town.page(), None, "something was touched");
}

#[tokio::test]
async fn what_is_taken_when_nobody_names_a_commit_is_the_newest_that_was_validated() {
    let town = Town::new().await;
    let nothing = town.prod.handle.implied_commit().unwrap_err();
    assert_eq!(nothing.code(), "NOTHING_TO_PROMOTE");
    let first = town.validated("one").await;
    assert_eq!(town.prod.handle.implied_commit(), Ok(first));
    let second = town.validated("two").await;
    town.in_preprod("three", Verdict::Failure).await;
    assert_eq!(town.prod.handle.implied_commit(), Ok(second), "red is not taken");
    let promoted = town.promote(second).await;
    assert_eq!(promoted.outcome, Some(Outcome::Validated));
    assert_eq!(town.page().as_deref(), Some("two"));
}

#[tokio::test]
async fn an_older_commit_that_was_validated_may_be_named() {
    let town = Town::new().await;
    let first = town.validated("one").await;
    town.validated("two").await;
    assert_eq!(town.promote(first).await.outcome, Some(Outcome::Validated));
    assert_eq!(town.page().as_deref(), Some("one"));
}

#[tokio::test]
async fn what_was_never_deployed_or_exists_nowhere_is_refused() {
    let town = Town::new().await;
    is_refused(&town, "1".repeat(40).parse().unwrap(), "preprod has not validated it").await;
    let validated = town.validated("one").await;
    let only_pushed = town.git.pushed("two").parse().unwrap();
    let instead = format!("it has validated {}", validated.short());
    is_refused(&town, only_pushed, &instead).await;
}

#[tokio::test]
async fn what_is_live_in_preprod_without_a_verdict_is_refused() {
    let town = Town::new().await;
    let sha = town.git.pushed("one").parse().unwrap();
    *town.preprod.world.script.verdict.lock().unwrap() = None;
    town.ask(&town.preprod, sha).await;
    town.preprod.until(|state| state.live.is_some_and(|live| live.sha == sha)).await;
    is_refused(&town, sha, "preprod has not validated it").await;
}

#[tokio::test]
async fn what_is_in_quarantine_in_preprod_is_refused_with_the_reason() {
    let town = Town::new().await;
    town.validated("one").await;
    let red = town.in_preprod("two", Verdict::Failure).await;
    is_refused(&town, red, "preprod has it in quarantine").await;
}

#[tokio::test]
async fn what_a_person_rolled_preprod_back_from_is_refused() {
    let town = Town::new().await;
    let first = town.validated("one").await;
    let second = town.validated("two").await;
    let to = town.preprod.handle.resolve(ripcord_agent::engine::Towards::Commit(first)).await;
    town.roll_back(&town.preprod, to.unwrap().placement).await;
    is_refused(&town, second, "preprod was rolled back from it").await;
    assert_eq!(town.prod.handle.implied_commit(), Ok(first));
}

#[tokio::test]
async fn a_source_of_which_nobody_knows_anything_is_taken_from_by_nobody() {
    let town = Town::new().await;
    let sha = town.validated("one").await;
    let mut promotion = crate::town::promotion(&town.preprod.handle);
    assert_eq!(promotion.accepts(sha).await, Ok(()));
    promotion.broken = Some("preprod is not served: its journal cannot be read".to_owned());
    for refusal in [promotion.accepts(sha).await.unwrap_err(), promotion.newest().unwrap_err()] {
        assert!(refusal.to_string().contains("its journal cannot be read"), "{refusal}");
    }
}
