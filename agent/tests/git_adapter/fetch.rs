//! What may be deployed, and what is kept: the freshly fetched branch decides.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, time::Duration};

use ripcord_agent::ports::{Reporter, SourceRepository, Told};
use ripcord_core::FailureKind;

use crate::support::{Scene, git, nobody, prepare, reset, sha};

#[tokio::test]
async fn a_commit_that_was_just_pushed_is_fetched_and_described() {
    let scene = Scene::new();
    let before = scene.head();
    scene.write("new.txt", "new\n");
    let pushed = scene.commit("Fix the é of the menu\n\nLong story.");
    let prepared = scene.open().prepare(pushed, Some(before), &nobody()).await.unwrap();
    assert_eq!(prepared.subject, "Fix the é of the menu");
    assert_eq!(prepared.author, "Ada Lovelace");
    assert!(!prepared.older_than_live);
    assert_eq!(prepared.head, Some(before));
    assert_eq!(scene.head(), before, "nothing was touched");
    assert_eq!(scene.status(), "");
}

#[tokio::test]
async fn an_ancestor_of_the_live_commit_is_older_and_the_live_commit_itself_is_not() {
    let scene = Scene::new();
    let first = scene.head();
    let second = scene.commit("second");
    let repository = scene.open();
    let older = repository.prepare(first, Some(second), &nobody()).await.unwrap();
    assert!(older.older_than_live);
    let same = repository.prepare(second, Some(second), &nobody()).await.unwrap();
    assert!(!same.older_than_live);
}

#[tokio::test]
async fn only_the_configured_branch_is_fetched_and_no_tag() {
    let scene = Scene::new();
    git(&scene.work(), &["tag", "v1"]);
    git(&scene.work(), &["push", "--quiet", "origin", "v1", "HEAD:refs/heads/other"]);
    let pushed = scene.commit("second");
    prepare(&scene.open(), pushed).await.unwrap();
    let refs = git(&scene.site(), &["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains("v1") && !refs.contains("other"), "{refs}");
    assert_eq!(git(&scene.site(), &["rev-parse", "origin/main"]), pushed.to_string());
}

#[tokio::test]
async fn a_commit_that_nobody_pushed_is_refused_with_the_place_where_it_was_looked_for() {
    let scene = Scene::new();
    let failure = prepare(&scene.open(), sha(&"ab".repeat(20))).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnknownCommit);
    assert!(failure.message.contains("not on branch main of origin, nor anywhere else"));
}

#[tokio::test]
async fn a_commit_of_a_pull_request_is_refused_even_when_it_is_here() {
    let scene = Scene::new();
    let elsewhere = scene.commit_unpushed("pull request");
    git(&scene.work(), &["push", "--quiet", "origin", "HEAD:refs/heads/pull"]);
    git(&scene.site(), &["fetch", "--quiet", "origin", "pull"]);
    let failure = prepare(&scene.open(), elsewhere).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnknownCommit);
    assert!(failure.message.contains("only elsewhere in this repository"), "{failure}");
    let pins = git(&scene.site(), &["for-each-ref", "refs/ripcord"]);
    assert_eq!(pins, "");
}

#[tokio::test]
async fn a_blob_or_a_tree_is_no_commit() {
    let scene = Scene::new();
    let tree = sha(&git(&scene.work(), &["rev-parse", "HEAD^{tree}"]));
    let failure = prepare(&scene.open(), tree).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnknownCommit);
}

#[tokio::test]
async fn a_force_pushed_commit_is_refused_but_a_pinned_one_can_still_be_reset_to() {
    let scene = Scene::new();
    let first = scene.head();
    scene.write("bad.txt", "bad\n");
    let gone = scene.commit("will be force-pushed away");
    let repository = scene.open();
    prepare(&repository, gone).await.unwrap();
    git(&scene.work(), &["reset", "--quiet", "--hard", &first.to_string()]);
    let replacement = scene.commit("instead");
    prepare(&repository, replacement).await.unwrap();
    let failure = prepare(&repository, gone).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnknownCommit);
    fs::rename(scene.upstream(), scene.dir.path().join("moved.git")).unwrap();
    git(&scene.site(), &["gc", "--quiet", "--prune=now"]);
    reset(&repository, 3, gone).await.unwrap();
    scene.assert_exact_in_site(gone);
}

#[tokio::test]
async fn an_unreachable_remote_is_a_failure_even_for_a_commit_that_is_here() {
    let scene = Scene::new();
    let head = scene.head();
    fs::rename(scene.upstream(), scene.dir.path().join("moved.git")).unwrap();
    let failure = prepare(&scene.open(), head).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Remote);
    assert!(failure.message.contains("upstream.git"), "{failure}");
}

#[tokio::test]
async fn a_branch_that_is_gone_on_the_remote_does_not_live_on_in_its_old_ref() {
    let scene = Scene::new();
    let head = scene.head();
    git(&scene.upstream(), &["branch", "-m", "main", "renamed"]);
    let failure = prepare(&scene.open(), head).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Remote);
    assert!(failure.message.contains("has no branch main"), "{failure}");
}

#[tokio::test]
async fn a_ref_of_somebody_with_a_name_in_latin_1_hurts_nobody() {
    let scene = Scene::new();
    let pushed = scene.commit("second");
    let refs = scene.upstream().join("refs/heads");
    let odd = OsStr::from_bytes(b"caf\xe9");
    fs::write(refs.join(odd), format!("{pushed}\n")).unwrap();
    let prepared = prepare(&scene.open(), pushed).await;
    prepared.unwrap();
}

#[tokio::test]
async fn pins_are_let_go_except_those_that_a_rollback_needs() {
    let scene = Scene::new();
    let first = scene.head();
    let second = scene.commit("second");
    let third = scene.commit("third");
    let repository = scene.open();
    for commit in [second, third] {
        prepare(&repository, commit).await.unwrap();
    }
    git(&scene.site(), &["update-ref", "refs/ripcord/prod/x", "HEAD"]);
    repository.unpin_except(&[third, first]).await.unwrap();
    let pins = git(&scene.site(), &["for-each-ref", "--format=%(refname)", "refs/ripcord"]);
    let mut expected = vec![
        format!("refs/ripcord/preprod/{first}"),
        format!("refs/ripcord/preprod/{third}"),
        "refs/ripcord/prod/x".to_owned(),
    ];
    expected.sort();
    assert_eq!(pins.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn the_first_commit_of_an_empty_clone_can_be_deployed() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.site()).unwrap();
    git(scene.dir.path(), &["init", "--quiet", "--initial-branch=main", "site"]);
    git(&scene.site(), &["remote", "add", "origin", "../upstream.git"]);
    let (repository, head) = (scene.open(), scene.work_head());
    let prepared = repository.prepare(head, None, &nobody()).await.unwrap();
    assert_eq!(prepared.head, None);
    reset(&repository, 1, head).await.unwrap();
    scene.assert_exact(head);
}

#[tokio::test]
async fn a_fetch_tells_how_many_objects_came() {
    let scene = Scene::new();
    for number in 0..30 {
        scene.write(&format!("file{number}"), format!("{number}\n"));
    }
    let pushed = scene.commit("many");
    let (reporter, mut told) = Reporter::channel(1000);
    scene.open().prepare(pushed, None, &reporter).await.unwrap();
    let mut most = 0;
    while let Ok(Told::Activity(activity)) = told.try_recv() {
        assert_eq!(activity.unit, "objects");
        most = most.max(activity.done);
    }
    assert!(most >= 30, "{most}");
}

#[tokio::test]
async fn a_local_fetch_has_a_deadline_too() {
    let scene = Scene::new();
    let pushed = scene.commit("second");
    let mut settings = scene.settings();
    settings.fetch_timeout = Duration::ZERO;
    let repository = ripcord_agent::adapters::git::GitRepository::open(settings).unwrap();
    let failure = prepare(&repository, pushed).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Remote);
    assert!(failure.message.contains("did not end within 0 s"), "{failure}");
}

#[tokio::test]
async fn two_work_trees_of_one_repository_share_the_key_of_the_lock() {
    let scene = Scene::new();
    git(&scene.site(), &["worktree", "add", "--quiet", "--detach", "../second"]);
    let mut settings = scene.settings();
    settings.path = scene.dir.path().join("second");
    let second = ripcord_agent::adapters::git::GitRepository::open(settings).unwrap();
    assert_eq!(second.common_dir(), scene.open().common_dir());
    let pushed = scene.commit("second");
    prepare(&second, pushed).await.unwrap();
    reset(&second, 1, pushed).await.unwrap();
    let tree = git(&scene.dir.path().join("second"), &["status", "--porcelain"]);
    assert_eq!(tree, "");
    assert_ne!(scene.head(), pushed, "the other work tree stays");
}
