//! The main job with a real agent process, real git and real TLS: deploy first, test in parallel,
//! roll back.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::fs;

use ripcord_proto::v1::{self, Outcome, WaitFor};
use support::{
    git::git,
    site::{self, Site, deploy, history, reason, request, rollback, status},
};

#[tokio::test]
async fn a_good_commit_goes_live_exactly_and_is_validated() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let sha = site.git.pushed("second");
    let told = deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    site.git.assert_live_is(&sha);
    assert!(told.result().timings_ms["live"] <= told.result().timings_ms["total"]);
    assert!(told.story().contains("check: checking"), "{}", told.story());
    let now = status(&mut site.client(&agent), "lab").await;
    assert_eq!(now.live.unwrap().sha, sha);
    assert_eq!(now.validated.unwrap().sha, sha);
    assert_eq!((now.exact, now.untracked, now.health.unwrap().ok), (Some(true), 0, true));
}

#[tokio::test]
async fn a_commit_whose_tests_fail_is_rolled_back_to_the_validated_one() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let good = site.git.pushed("good");
    deploy(&mut client, request("lab", &good)).await;
    let bad = site.git.pushed("untested");
    let told = deploy(&mut client, request("lab", &bad)).await;
    assert_eq!(told.outcome(), Outcome::RolledBack, "{}", told.story());
    assert_eq!(told.result().live.as_ref().unwrap().sha, good);
    assert_eq!(told.result().verdict.as_ref().unwrap().value, "failure");
    site.git.assert_live_is(&good);

    let list = history(&mut client, "lab").await;
    let kinds: Vec<_> = list.iter().map(|it| (it.deployment, it.kind(), it.undoes)).collect();
    assert_eq!(kinds[0], (3, v1::DeploymentKind::Rollback, 2));
    assert_eq!(list[1].outcome(), Outcome::RolledBack);

    let again = deploy(&mut client, request("lab", &bad)).await;
    assert_eq!(reason(&again.error.unwrap()), "QUARANTINED");
}

#[tokio::test]
async fn checks_run_in_a_checkout_of_their_own_that_git_understands() {
    let site = Site::new().await;
    let check =
        "test \"$(git rev-parse HEAD)\" = \"$RIPCORD_SHA\" && git status --porcelain && pwd";
    let verify = format!("source = \"command\"\nrun = [[\"sh\", \"-c\", {check:?}]]");
    let agent = site.start(&site.environment("lab", &verify));
    let sha = site.git.pushed("second");
    let told = deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    let printed: Vec<_> = told.events.iter().filter_map(|event| event.output.as_ref()).collect();
    assert_eq!(printed.len(), 1, "the check-out is clean, and prints only where it is");
    assert!(!printed[0].line.contains(site.git.live.to_str().unwrap()), "{:?}", printed[0]);
    let checkout = std::path::PathBuf::from(&printed[0].line);
    site::eventually(|| !checkout.exists());
}

#[tokio::test]
async fn a_commit_that_never_becomes_healthy_is_undone_before_anybody_waits_for_ci() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let good = site.git.pushed("good");
    deploy(&mut client, request("lab", &good)).await;
    let bad = site.git.pushed("broken");
    let told = deploy(&mut client, request("lab", &bad)).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(told.result().reason.contains("HTTP 500"), "{}", told.result().reason);
    assert!(!told.story().contains("waiting for the verdict"));
    site.git.assert_live_is(&good);
}

#[tokio::test]
async fn the_first_deployment_that_fails_goes_back_to_what_ran_before() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let before = git(&site.git.live, &["rev-parse", "HEAD"]);
    let bad = site.git.pushed("untested");
    let told = deploy(&mut site.client(&agent), request("lab", &bad)).await;
    assert_eq!(told.outcome(), Outcome::RolledBack, "{}", told.story());
    site.git.assert_live_is(&before);
    let now = status(&mut site.client(&agent), "lab").await;
    assert_eq!(now.validated, None, "what ran before was never validated");
}

#[tokio::test]
async fn untracked_files_survive_and_local_changes_are_saved_and_named() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    fs::write(site.git.live.join("page.txt"), "changed by hand").unwrap();
    fs::write(site.git.live.join("uploads.db"), "precious").unwrap();
    let sha = site.git.pushed("second");
    let told = deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert_eq!(fs::read_to_string(site.git.live.join("uploads.db")).unwrap(), "precious");
    assert!(told.story().contains("local modifications of page.txt saved to"), "{}", told.story());
    let saved = git_apply_check(&site);
    assert!(saved.contains("changed by hand"), "{saved}");
    assert_eq!(status(&mut site.client(&agent), "lab").await.untracked, 1);
}

/// What was saved, wherever it lies in the state folder.
fn git_apply_check(site: &Site) -> String {
    let mut folders = vec![site.state_dir().join("saved")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => text += &String::from_utf8_lossy(&fs::read(entry.path()).unwrap()),
            }
        }
    }
    text
}

#[tokio::test]
async fn the_validated_commit_of_an_older_tool_is_taken_over_and_its_file_kept_current() {
    let site = Site::new().await;
    let file = site.folder.path().join("app-state/last-validated-sha.txt");
    let older = git(&site.git.live, &["rev-parse", "HEAD"]);
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, format!("{older}\n")).unwrap();
    let key =
        format!("url = \"{}\"\nvalidated_sha_file = \"{}\"", site.application, file.display());
    let url = format!("url = \"{}\"", site.application);
    let agent = site.start(&site.lab().replace(&url, &key));
    let mut client = site.client(&agent);
    let bad = site.git.pushed("untested");
    let told = deploy(&mut client, request("lab", &bad)).await;
    assert_eq!(told.result().live.as_ref().unwrap().sha, older, "{}", told.story());
    let good = site.git.pushed("good");
    assert_eq!(deploy(&mut client, request("lab", &good)).await.outcome(), Outcome::Validated);
    site::eventually(|| fs::read_to_string(&file).unwrap() == format!("{good}\n"));
}

#[tokio::test]
async fn bad_input_gets_a_clear_error_and_touches_nothing() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let before = git(&site.git.live, &["rev-parse", "HEAD"]);
    let sha = site.git.pushed("second");

    let unknown = deploy(&mut client, request("nowhere", &sha)).await.error.unwrap();
    assert_eq!(reason(&unknown), "UNKNOWN_ENVIRONMENT");
    assert!(unknown.message().contains("it has: lab"), "{}", unknown.message());
    let unnamed = deploy(&mut client, request("lab", "")).await.error.unwrap();
    assert_eq!(reason(&unnamed), "COMMIT_NEEDED");
    for text in ["abc", &sha[..39], "HEAD", "refs/heads/main", &"g".repeat(40)] {
        let invalid = deploy(&mut client, request("lab", text)).await.error.unwrap();
        assert_eq!(reason(&invalid), "INVALID_SHA", "{text}");
    }
    git(&site.git.work, &["checkout", "--quiet", "-b", "elsewhere"]);
    let elsewhere = site.git.commit("on another branch");
    git(&site.git.work, &["push", "--quiet", "origin", "elsewhere"]);
    for sha in [elsewhere, "1".repeat(40)] {
        let told = deploy(&mut client, request("lab", &sha)).await;
        assert_eq!(told.outcome(), Outcome::Refused, "{}", told.story());
        assert_eq!(told.result().refusal, "UNKNOWN_COMMIT");
        assert!(told.result().reason.contains("main"), "{}", told.result().reason);
    }
    site.git.assert_live_is(&before);
}

#[tokio::test]
async fn an_unreachable_remote_abandons_the_deployment_and_touches_nothing() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let before = git(&site.git.live, &["rev-parse", "HEAD"]);
    let sha = site.git.pushed("second");
    fs::rename(&site.git.origin, site.folder.path().join("gone")).unwrap();
    let told = deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    site.git.assert_live_is(&before);
}

#[tokio::test]
async fn a_rollback_by_a_person_needs_no_network_and_names_where_it_went() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let first = site.git.pushed("one");
    let second = site.git.pushed("two");
    deploy(&mut client, request("lab", &first)).await;
    deploy(&mut client, request("lab", &second)).await;
    fs::rename(&site.git.origin, site.folder.path().join("gone")).unwrap();
    let request = v1::RollbackRequest {
        environment: "lab".to_owned(),
        reason: "users complain".to_owned(),
        wait: WaitFor::Verdict.into(),
        ..v1::RollbackRequest::default()
    };
    let told = rollback(&mut client, request).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    site.git.assert_live_is(&first);
    assert_eq!(told.result().live.as_ref().unwrap().sha, first);
}

#[tokio::test]
async fn going_back_to_what_was_never_validated_does_not_undo_what_was() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let before = git(&site.git.live, &["rev-parse", "HEAD"]);
    let sha = site.git.pushed("one");
    deploy(&mut client, request("lab", &sha)).await;
    let back = v1::RollbackRequest { environment: "lab".to_owned(), ..Default::default() };
    let told = rollback(&mut client, back).await;
    assert_eq!(told.outcome(), Outcome::Live, "{}", told.story());
    let now = status(&mut client, "lab").await;
    assert_eq!(now.validated.unwrap().sha, sha, "`validated` never moves back");
    assert_eq!(now.rollback_point.unwrap().sha, before, "rolling back twice goes back twice");
}

#[tokio::test]
async fn the_same_commit_joins_instead_of_restarting() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let sha = site.git.pushed("second");
    let first = deploy(&mut client, request("lab", &sha)).await;
    let second = deploy(&mut client, request("lab", &sha)).await;
    assert!(second.admitted.unwrap().joined);
    assert_eq!(second.result, first.result);
    let mut again = request("lab", &sha);
    again.redeploy = true;
    let third = deploy(&mut client, again).await;
    assert_eq!((third.result().deployment, third.outcome()), (2, Outcome::Validated));
}

#[tokio::test]
async fn an_older_commit_is_refused_unless_it_is_asked_for() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let (older, newer) = (site.git.pushed("older"), site.git.pushed("newer"));
    deploy(&mut client, request("lab", &newer)).await;
    let told = deploy(&mut client, request("lab", &older)).await;
    assert_eq!(told.outcome(), Outcome::Refused, "{}", told.story());
    let mut allowed = request("lab", &older);
    allowed.allow_older = true;
    assert_eq!(deploy(&mut client, allowed).await.outcome(), Outcome::Validated);
    site.git.assert_live_is(&older);
}

#[tokio::test]
async fn a_held_environment_refuses_deployments_until_it_is_resumed() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let sha = site.git.pushed("second");
    let hold = v1::HoldRequest { environment: "lab".into(), reason: "an incident".into() };
    client.hold(hold).await.unwrap();
    let held = deploy(&mut client, request("lab", &sha)).await.error.unwrap();
    assert_eq!(reason(&held), "HELD");
    assert!(held.message().contains("an incident"), "{}", held.message());
    client.resume(v1::ResumeRequest { environment: "lab".into() }).await.unwrap();
    assert_eq!(deploy(&mut client, request("lab", &sha)).await.outcome(), Outcome::Validated);
}

#[tokio::test]
async fn fifty_deployments_at_once_run_one_by_one_the_newest_wins_and_all_callers_hear_the_end() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let shas: Vec<String> =
        (0..50).map(|number| site.git.commit(&format!("page {number}"))).collect();
    site.git.push();
    let client = site.client(&agent);
    let callers = shas.iter().map(|sha| {
        let (mut client, mut request) = (client.clone(), request("lab", sha));
        request.allow_older = true;
        async move { deploy(&mut client, request).await }
    });
    let told = futures_util::future::join_all(callers).await;
    let mut newest = None;
    for (told, sha) in told.iter().zip(&shas) {
        let outcome = told.outcome();
        assert!(
            matches!(outcome, Outcome::Validated | Outcome::Superseded),
            "{outcome:?}: {}",
            told.story()
        );
        let result = told.result();
        newest = newest.max(Some((result.deployment, outcome, sha.clone())));
    }
    let (_, outcome, sha) = newest.unwrap();
    assert_eq!(outcome, Outcome::Validated, "the newest wins");
    site.git.assert_live_is(&sha);
}

#[tokio::test]
async fn two_environments_on_one_clone_never_write_it_at_the_same_time() {
    let site = Site::new().await;
    let none = "when = \"none\"";
    let both = [site.environment("one", none), site.environment("two", none)].concat();
    let agent = site.start(&both);
    let client = site.client(&agent);
    let shas: Vec<String> =
        (0..6).map(|number| site.git.commit(&format!("page {number}"))).collect();
    site.git.push();
    let callers = shas.iter().enumerate().map(|(index, sha)| {
        let name = if index % 2 == 0 { "one" } else { "two" };
        let (mut client, mut request) = (client.clone(), request(name, sha));
        request.allow_older = true;
        async move { deploy(&mut client, request).await }
    });
    let told = futures_util::future::join_all(callers).await;
    let mut spans = Vec::new();
    for told in told.iter().filter(|told| told.outcome() == Outcome::Validated) {
        let begins = told.events.iter().find(|event| event.kind == "tree_reset").unwrap();
        let ends = told.events.iter().find(|event| event.kind == "went_live").unwrap();
        spans.push((begins.sequence, ends.sequence));
    }
    spans.sort_unstable();
    assert!(spans.len() >= 2);
    assert!(spans.is_sorted_by(|earlier, later| earlier.1 < later.0), "{spans:?}");
}

#[tokio::test]
async fn a_viewer_sees_and_changes_nothing() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut viewer = site.client_as(&agent, support::pki::VIEWER);
    let sha = site.git.pushed("second");
    assert_eq!(status(&mut viewer, "lab").await.name, "lab");
    let denied = deploy(&mut viewer, request("lab", &sha)).await.error.unwrap();
    assert_eq!(reason(&denied), "ACCESS_DENIED");
    let hold = v1::HoldRequest { environment: "lab".into(), reason: "no".into() };
    assert_eq!(reason(&viewer.hold(hold).await.unwrap_err()), "ACCESS_DENIED");
    assert_eq!(history(&mut viewer, "lab").await, []);
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let mut dry = request("lab", &site.git.pushed("second"));
    dry.dry_run = true;
    let told = deploy(&mut client, dry).await;
    assert!(told.result().plan.iter().any(|line| line.contains("restart sleep")), "{told:?}");
    assert_eq!(history(&mut client, "lab").await, []);
}

#[tokio::test]
async fn an_operators_word_takes_the_place_of_ci() {
    let site = Site::new().await;
    let slow = "source = \"command\"\nrun = [[\"sleep\", \"100\"]]";
    let agent = site.start(&site.environment("lab", slow));
    let mut client = site.client(&agent);
    let sha = site.git.pushed("second");
    let mut live = request("lab", &sha);
    live.wait = WaitFor::Live.into();
    assert_eq!(deploy(&mut client, live).await.outcome(), Outcome::Live);
    let verdict = v1::VerdictRequest {
        environment: "lab".into(),
        sha: sha.clone(),
        value: "success".into(),
        reason: "tested by hand".into(),
    };
    client.verdict(verdict).await.unwrap();
    let told = site::watch(&mut client, "lab", 1, 0).await;
    assert_eq!(told.outcome(), Outcome::Validated);
    assert!(told.story().contains("tested by hand"), "{}", told.story());
}
