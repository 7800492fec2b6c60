//! A commit is lent to another environment only if it is really here, and is then kept for it.

use std::fs;

use ripcord_agent::{adapters::git::GitRepository, ports::SourceRepository};
use ripcord_core::{CommitSha, EnvironmentName, FailureKind};

use crate::support::{Scene, deploy, git, prepare, shallow};

fn prod() -> EnvironmentName {
    "prod".parse().unwrap()
}

fn pins(scene: &Scene, environment: &str) -> Vec<String> {
    let refs = format!("refs/ripcord/{environment}");
    let listed = git(&scene.site(), &["for-each-ref", "--format=%(objectname)", &refs]);
    listed.lines().map(str::to_owned).collect()
}

async fn at(repository: &GitRepository, sha: CommitSha) -> bool {
    repository.stands_at(sha).await.unwrap().exact
}

#[tokio::test]
async fn a_commit_is_lent_without_asking_the_remote_and_outlives_a_force_push_and_a_prune() {
    let scene = Scene::new();
    scene.write("page", "two");
    let (old, lent) = (scene.head(), scene.commit("second"));
    deploy(&scene, 1, lent).await;
    fs::rename(scene.upstream(), scene.dir.path().join("gone")).unwrap();
    let repository = scene.open();
    let commit = repository.lend(&prod(), lent, Some(old)).await.unwrap();
    assert_eq!((commit.subject.as_str(), commit.author.as_str()), ("second", "Ada Lovelace"));
    assert!(!commit.older_than_live);
    assert!(repository.lend(&prod(), old, Some(lent)).await.unwrap().older_than_live);
    assert_eq!(pins(&scene, "prod").len(), 2);

    repository.unpin_except(&[]).await.unwrap();
    repository.take_back_except(&prod(), &[lent]).await.unwrap();
    assert_eq!(pins(&scene, "preprod"), [] as [String; 0], "its own pins are its own affair");
    assert_eq!(pins(&scene, "prod"), [lent.to_string()]);
    git(&scene.site(), &["reset", "--quiet", "--hard", &old.to_string()]);
    git(&scene.site(), &["update-ref", "-d", "refs/remotes/origin/main"]);
    git(&scene.site(), &["reflog", "expire", "--expire=now", "--all"]);
    git(&scene.site(), &["gc", "--quiet", "--prune=now"]);
    let again = repository.lend(&prod(), lent, None).await.unwrap();
    assert_eq!(again.subject, "second", "what is kept for somebody can be lent to them again");
}

#[tokio::test]
async fn a_commit_that_is_not_here_or_only_on_another_branch_is_not_lent() {
    let scene = Scene::new();
    let ahead = scene.commit("not fetched yet");
    git(&scene.site(), &["checkout", "--quiet", "-b", "elsewhere"]);
    git(
        &scene.site(),
        &[
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@x",
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "x",
        ],
    );
    let elsewhere = scene.head();
    for (sha, why) in [(ahead, "not in the repository"), (elsewhere, "only on another branch")] {
        let failure = scene.open().lend(&prod(), sha, None).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnknownCommit);
        assert!(failure.message.contains(why), "{failure}");
        assert!(failure.message.contains("deploy it to preprod first"), "{failure}");
    }
    assert_eq!(pins(&scene, "prod"), [] as [String; 0]);
}

#[tokio::test]
async fn a_lock_that_a_dead_agent_left_of_the_pin_does_not_stand_in_the_way() {
    let scene = Scene::new();
    let folder = scene.site().join(".git/refs/ripcord/prod");
    fs::create_dir_all(&folder).unwrap();
    let lock = folder.join(format!("{}.lock", scene.head()));
    fs::write(&lock, "").unwrap();
    scene.open().lend(&prod(), scene.head(), None).await.unwrap();
    assert!(!lock.exists());
}

#[tokio::test]
async fn a_tree_is_at_a_commit_only_while_it_is_whole_and_unchanged_in_the_folder_that_counts() {
    let scene = Scene::new();
    scene.write("app/page", "one");
    scene.write("other/notes", "one");
    let first = scene.commit("first");
    scene.write("app/page", "two");
    let second = scene.commit("second");
    deploy(&scene, 1, first).await;
    let settings = |path: &str| {
        let mut settings = scene.settings();
        settings.path = scene.site().join(path);
        settings
    };
    let (whole, app) = (scene.open(), GitRepository::open(settings("app")).unwrap());
    assert_eq!(app.folder_in(app.work_tree()), scene.site().canonicalize().unwrap().join("app"));
    assert_eq!(whole.folder_in(scene.dir.path()), scene.dir.path());
    prepare(&whole, second).await.unwrap();
    assert!(at(&whole, first).await && at(&app, first).await);
    assert!(!at(&app, second).await, "it is here, and it is not what the tree holds");

    scene.put("other/notes", "changed by hand");
    assert!(at(&app, first).await && !at(&whole, first).await);
    scene.put("app/uploaded", "x");
    assert_eq!(app.stands_at(first).await.unwrap().untracked, 1);
    scene.put("app/page", "one, by hand");
    assert!(!at(&app, first).await);
    scene.put("app/page", "one");
    assert!(at(&app, first).await);

    // The files of `first` under a HEAD that names `second`, as a killed reset leaves them.
    git(&scene.site(), &["update-ref", "--no-deref", "HEAD", &second.to_string()]);
    assert!(!at(&app, first).await && !at(&app, second).await);
}

#[tokio::test]
async fn a_tree_whose_reset_was_cut_short_is_at_no_commit() {
    let scene = Scene::new();
    scene.write("page", "two");
    let second = scene.commit("second");
    deploy(&scene, 1, second).await;
    assert!(at(&scene.open(), second).await);
    let git_dir = scene.site().canonicalize().unwrap().join(".git");
    let name =
        git2::Oid::hash_object(git2::ObjectType::Blob, git_dir.as_os_str().as_encoded_bytes());
    let marker = scene.state().join(format!("locks/{}.resetting", name.unwrap()));
    fs::create_dir_all(marker.parent().unwrap()).unwrap();
    fs::write(marker, "{}").unwrap();
    assert!(!at(&scene.open(), second).await);
}

#[tokio::test]
async fn what_lies_between_two_commits_is_counted_and_the_newest_are_named() {
    let scene = Scene::new();
    let old = scene.head();
    let commits: Vec<CommitSha> = (0..12).map(|at| scene.commit(&format!("commit {at}"))).collect();
    let new = commits[11];
    prepare(&scene.open(), new).await.unwrap();
    let between = scene.open().between(old, new).await.unwrap();
    assert_eq!((between.ahead, between.behind, between.subjects.len()), (12, 0, 10));
    assert_eq!(between.subjects[0], format!("{} commit 11", new.short()));
    assert_eq!(between.subjects[9], format!("{} commit 2", commits[2].short()));
    let back = scene.open().between(new, commits[9]).await.unwrap();
    assert_eq!((back.ahead, back.behind, back.subjects), (0, 2, Vec::new()));
    let same = scene.open().between(new, new).await.unwrap();
    assert_eq!((same.ahead, same.behind), (0, 0));
    let absent = scene.open().between(CommitSha::UNKNOWN, new).await.unwrap_err();
    assert_eq!(absent.kind, FailureKind::UnknownCommit);
}

#[tokio::test]
async fn a_subject_in_a_plan_is_one_line_that_no_terminal_obeys() {
    let scene = Scene::new();
    let old = scene.head();
    let new = scene.commit(&format!("\u{1b}[2Jred\r\u{7}{}", "x".repeat(500)));
    prepare(&scene.open(), new).await.unwrap();
    let subject = scene.open().between(old, new).await.unwrap().subjects.remove(0);
    assert!(subject.starts_with(&format!("{}  [2Jred", new.short())), "{subject:?}");
    assert!(!subject.chars().any(char::is_control) && subject.len() < 120, "{subject:?}");
}

#[tokio::test]
async fn in_a_shallow_clone_only_what_is_here_is_counted() {
    let scene = Scene::new();
    scene.commit("unseen");
    let old = scene.commit("at the edge");
    shallow(&scene);
    let commits: Vec<CommitSha> = (0..3).map(|at| scene.commit(&format!("commit {at}"))).collect();
    git(&scene.site(), &["fetch", "--quiet", "origin"]);
    assert!(scene.site().join(".git/shallow").exists());
    let between = scene.open().between(old, commits[2]).await.unwrap();
    assert_eq!((between.ahead, between.behind), (3, 0));
    let names: Vec<&str> = between.subjects.iter().map(|line| &line[8..]).collect();
    assert_eq!(names, ["commit 2", "commit 1", "commit 0"]);
    assert!(scene.open().lend(&prod(), commits[1], Some(old)).await.is_ok());
}
