//! A promote command that fails, hangs, is missing or is left alone; and who undoes what it did.

use std::{fs, time::Duration};

use ripcord_core::{Answer, CommitSha, FailureKind, Outcome, Placement};

use crate::{
    support::git::git,
    town::{Town, Wanted, bring, comes_to_be},
};

/// Brings the page and then goes wrong in the way that the commit asks for.
const MAY_FAIL: &str = "mkdir -p $PROD; cp page.txt $PROD/page.txt
if grep -q half-way page.txt; then echo 'disk is gone' >&2; exit 3; fi";

async fn town(script: &'static str) -> Town {
    Town::with(Wanted { script, ..Wanted::default() }).await
}

#[tokio::test]
async fn a_command_that_fails_half_way_is_undone_from_the_backup_and_says_what_it_printed() {
    let town = town(MAY_FAIL).await;
    let good = town.validated("good").await;
    assert_eq!(town.promote(good).await.outcome, Some(Outcome::Validated));
    let bad = town.validated("half-way").await;
    let failed = town.promote(bad).await;
    assert_eq!(failed.outcome, Some(Outcome::Failed));
    assert_eq!(town.page().as_deref(), Some("good"));
    let story = town.told(failed.number).await;
    assert!(story.contains("promote.sh exited with code 3"), "{story}");
    assert!(story.contains("disk is gone") && story.contains("source: \"promote\""), "{story}");
    assert_eq!(town.prod.handle.state.borrow().live.unwrap().sha, good);
    assert_eq!(town.backups.made()[0].of.unwrap().sha, good);
}

#[tokio::test]
async fn the_first_promotion_that_fails_brings_back_what_ran_before_although_nobody_knows_its_commit()
 {
    let town = town(MAY_FAIL).await;
    fs::create_dir(town.root().join("prod")).unwrap();
    fs::write(town.root().join("prod/page.txt"), "from before").unwrap();
    let bad = town.validated("half-way").await;
    assert_eq!(town.promote(bad).await.outcome, Some(Outcome::Failed));
    assert_eq!(town.page().as_deref(), Some("from before"));
    assert_eq!(town.backups.made()[0].of.unwrap().sha, CommitSha::UNKNOWN);
}

#[tokio::test]
async fn without_a_backup_of_it_a_commit_is_promoted_again() {
    let town = Town::new().await;
    let first = town.validated("one").await;
    town.promote(first).await;
    let second = town.validated("two").await;
    town.promote(second).await;
    town.backups.forget();
    fs::remove_dir_all(&town.git.origin).unwrap();
    let number = town.prod.handle.newest(first).await;
    let back = town.roll_back(&town.prod, Some(number)).await;
    assert!(back.live_at.is_some(), "{back:?}");
    assert_eq!(town.page().as_deref(), Some("one"));
    let story = town.told(back.number).await;
    assert!(story.contains("promoting it again"), "{story}");
}

#[tokio::test]
async fn a_command_that_does_not_end_is_stopped_with_everything_that_it_started() {
    let script = "sleep 1000 & echo $! >$PROD.pid; wait";
    let timeout = Duration::from_millis(300);
    let town = Town::with(Wanted { script, timeout, ..Wanted::default() }).await;
    let sha = town.validated("one").await;
    let failure = bring(&town.files, sha).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Promotion);
    assert!(failure.message.contains("did not end within 0.3s"), "{failure}");
    let pid = fs::read_to_string(town.root().join("prod.pid")).unwrap();
    comes_to_be(|| is_gone(pid.trim())).await;
    assert!(town.agent.lock.try_lock().is_ok(), "the repository is free again");
}

fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

#[tokio::test]
async fn a_command_that_is_missing_is_refused_before_anything_is_saved_or_touched() {
    let town = Town::new().await;
    let sha = town.validated("one").await;
    let command = town.root().join("promote.sh");
    fs::rename(&command, town.root().join("elsewhere")).unwrap();
    let failed = town.promote(sha).await;
    assert_eq!(failed.outcome, Some(Outcome::Failed));
    let story = town.told(failed.number).await;
    assert!(story.contains("promote.sh cannot be run: No such file"), "{story}");
    assert!(story.contains("[environments.prod.promote]"), "{story}");
    assert!(!town.touched(failed.number).await && town.backups.made().is_empty());
}

#[tokio::test]
async fn a_commit_that_loses_its_validation_while_the_backup_is_made_is_refused_untouched() {
    let town = Town::new().await;
    let first = town.validated("one").await;
    assert_eq!(town.promote(first).await.outcome, Some(Outcome::Validated));
    let second = town.validated("two").await;
    town.backups.making.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    town.backups.begun.forget_permits(10);
    let Answer::Admitted(number) = town.ask(&town.prod, second).await else { panic!() };
    town.backups.begun.acquire().await.unwrap().forget();
    // Now that its backup is being made, preprod turns away from it.
    let back = town.preprod.handle.newest(first).await;
    town.roll_back(&town.preprod, Some(back)).await;
    town.backups.making.add_permits(10);
    let refused = town.prod.ended(number).await;
    assert_eq!(refused.outcome, Some(Outcome::Refused));
    assert!(!town.touched(number).await);
    assert_eq!(town.page().as_deref(), Some("one"));
    let story = town.told(number).await;
    assert!(story.contains("preprod was rolled back from it"), "{story}");
}

#[tokio::test]
async fn a_commit_that_has_lost_the_folder_to_promote_from_touches_nothing() {
    let town = Town::new().await;
    let without = town.validated("one").await;
    fs::create_dir(town.git.work.join("app")).unwrap();
    fs::write(town.git.work.join("app/page.txt"), "in a folder").unwrap();
    let later: CommitSha = town.git.commit_all("a folder").parse().unwrap();
    town.git.push();
    town.ask(&town.preprod, later).await;
    town.preprod.until(|state| state.live.is_some_and(|live| live.sha == later)).await;
    let mut files = (*town.files).clone();
    files.repository = Ok(town.open(&town.git.live.join("app")));
    let failure = bring(&files, without).await.unwrap_err();
    assert!(failure.message.contains("has no folder"), "{failure}");
    assert!(!files.checkouts.join("promotion").exists());
    bring(&files, later).await.unwrap();
    assert_eq!(town.page().as_deref(), Some("in a folder"));
    assert_eq!(town.from(), town.live().join("app"));
}

#[tokio::test]
async fn what_a_dead_agent_left_is_ended_and_removed_before_the_command_runs_again() {
    let town = Town::new().await;
    let sha = town.validated("one").await;
    town.validated("two").await;
    let checkouts = &town.files.checkouts;
    fs::create_dir_all(checkouts.join("promotion")).unwrap();
    fs::write(checkouts.join("promotion/page.txt"), "half").unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let record = serde_json::json!({ "leader": null, "boot": boot.trim(), "token": "prod:17" });
    fs::write(checkouts.join("promotion.json"), record.to_string()).unwrap();
    let mut orphan = std::process::Command::new("sleep");
    let mut orphan = orphan.arg("25").env("RIPCORD_PROCESS", "prod:17").spawn().unwrap();

    bring(&town.files, sha).await.unwrap();
    assert_eq!(orphan.wait().unwrap().code(), None, "it was ended by a signal");
    assert_eq!(town.page().as_deref(), Some("one"));
    assert!(!checkouts.join("promotion").exists() && !checkouts.join("promotion.json").exists());
}

#[tokio::test]
async fn the_command_knows_for_whom_it_works_and_nothing_of_the_agents_own_environment() {
    let town = town("env >$PROD.env").await;
    let sha = town.validated("one").await;
    bring(&town.files, sha).await.unwrap();
    let text = fs::read_to_string(town.root().join("prod.env")).unwrap();
    for line in [
        "RIPCORD_ENVIRONMENT=prod".to_owned(),
        "RIPCORD_DEPLOYMENT=7".to_owned(),
        format!("RIPCORD_SHA={sha}"),
        format!("RIPCORD_SOURCE={}", town.live().display()),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(!text.contains("CARGO"), "{text}");
    assert_eq!(git(&town.git.live, &["status", "--porcelain"]), "");
}

/// What became of a commit, as a rollback names it.
trait Newest {
    async fn newest(&self, sha: CommitSha) -> Placement;
}

impl Newest for ripcord_agent::engine::EnvironmentHandle {
    async fn newest(&self, sha: CommitSha) -> Placement {
        let towards = ripcord_agent::engine::Towards::Commit(sha);
        self.resolve(towards).await.unwrap().placement.unwrap()
    }
}
