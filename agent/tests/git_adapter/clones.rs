//! Clones as operators have them: whatever git made of them, each is served exactly or refused with
//! the way out.

use std::fs;

use ripcord_core::CommitSha;

use crate::support::{Scene, deploy, git, judge, prepare, reset, shallow};

/// Deploys there and back again; git has to agree each time.
async fn is_served(scene: &Scene) {
    let (first, second) = two_commits(scene);
    for (number, commit) in (1..).zip([second, first, second]) {
        let report = deploy(scene, number, commit).await;
        assert_eq!((report.saved_to, report.untracked), (None, 0));
        judge(&scene.site(), commit);
    }
}

fn two_commits(scene: &Scene) -> (CommitSha, CommitSha) {
    scene.write("text", "one\ntwo\n");
    scene.write("é/gone", "gone\n");
    scene.write("tool", "#!/bin/sh\n");
    scene.write("became", "a file\n");
    let first = scene.commit("first");
    scene.write("text", "one\nthree\n");
    scene.remove("é");
    scene.executable("tool", true);
    scene.remove("became");
    scene.write("became/a folder", "x\n");
    scene.link("link", "text");
    (first, scene.commit("second"))
}

fn site(scene: &Scene, arguments: &[&str]) {
    git(&scene.site(), arguments);
}

#[tokio::test]
async fn a_shallow_clone_of_a_local_repository_is_refused_with_the_way_out() {
    let scene = Scene::new();
    scene.commit("second");
    shallow(&scene);
    let (head, pushed) = (scene.head(), scene.commit("third"));
    let failure = prepare(&scene.open(), pushed).await.unwrap_err();
    assert!(failure.message.contains("git fetch --unshallow"), "{failure}");
    assert_eq!(git(&scene.site(), &["rev-list", "HEAD"]), head.to_string());
    site(&scene, &["fetch", "--quiet", "--unshallow"]);
    is_served(&scene).await;
}

#[tokio::test]
async fn a_clone_that_borrows_objects_of_another_is_served() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.site()).unwrap();
    git(scene.dir.path(), &["clone", "--quiet", "--shared", "upstream.git", "site"]);
    assert!(scene.site().join(".git/objects/info/alternates").exists());
    is_served(&scene).await;
}

#[tokio::test]
async fn a_linked_work_tree_is_served_and_the_main_one_stays() {
    let scene = Scene::new();
    let main = scene.site();
    fs::rename(&main, scene.dir.path().join("main")).unwrap();
    let add = ["worktree", "add", "--quiet", "-b", "deployed", "../site"];
    git(&scene.dir.path().join("main"), &add);
    let before = git(&scene.dir.path().join("main"), &["rev-parse", "HEAD"]);
    is_served(&scene).await;
    assert_eq!(git(&scene.dir.path().join("main"), &["rev-parse", "HEAD"]), before);
    assert_eq!(git(&scene.dir.path().join("main"), &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_detached_head_is_served() {
    let scene = Scene::new();
    site(&scene, &["checkout", "--quiet", "--detach"]);
    is_served(&scene).await;
}

#[tokio::test]
async fn line_endings_of_the_clone_itself_are_served() {
    for (setting, ending) in [("true", "\r\n"), ("input", "\n")] {
        let scene = Scene::new();
        site(&scene, &["config", "core.autocrlf", setting]);
        is_served(&scene).await;
        assert_eq!(scene.read("text"), format!("one{ending}three{ending}"));
    }
}

#[tokio::test]
async fn a_clone_that_ignores_modes_is_served() {
    let scene = Scene::new();
    site(&scene, &["config", "core.fileMode", "false"]);
    is_served(&scene).await;
}

#[tokio::test]
async fn a_clone_without_links_is_served() {
    let scene = Scene::new();
    site(&scene, &["config", "core.symlinks", "false"]);
    is_served(&scene).await;
    assert_eq!(scene.read("link"), "text");
}

#[tokio::test]
async fn every_kind_of_index_that_git_writes_is_served() {
    for way in [
        &["update-index", "--index-version", "4"][..],
        &["update-index", "--force-untracked-cache"],
        &["config", "core.fsmonitor", "true #"],
        &["config", "feature.manyFiles", "true"],
        &["config", "index.skipHash", "true"],
    ] {
        let scene = Scene::new();
        site(&scene, way);
        scene.put("readme.txt", "changed, so that the index is written\n");
        site(&scene, &["reset", "--quiet", "--hard"]);
        is_served(&scene).await;
    }
}

#[tokio::test]
async fn packed_refs_and_a_commit_graph_are_served() {
    let scene = Scene::new();
    scene.commit("second");
    site(&scene, &["pull", "--quiet"]);
    site(&scene, &["pack-refs", "--all"]);
    site(&scene, &["gc", "--quiet"]);
    site(&scene, &["commit-graph", "write", "--reachable"]);
    is_served(&scene).await;
}

#[tokio::test]
async fn a_branch_that_was_renamed_on_the_remote_is_refused_with_the_way_out() {
    let scene = Scene::new();
    let head = scene.head();
    git(&scene.upstream(), &["branch", "-m", "main", "trunk"]);
    let failure = prepare(&scene.open(), head).await.unwrap_err();
    assert!(failure.message.contains("correct `branch` in the agent's"), "{failure}");
    let mut settings = scene.settings();
    settings.branch = "trunk".to_owned();
    let repository = ripcord_agent::adapters::git::GitRepository::open(settings).unwrap();
    prepare(&repository, head).await.unwrap();
    reset(&repository, 1, head).await.unwrap();
    judge(&scene.site(), head);
}

#[tokio::test]
async fn what_ordinary_attributes_ask_for_is_served() {
    let scene = Scene::new();
    let attributes = "# usual\n* text=auto\n*.png binary\n*.bat text eol=crlf\n*.sh text eol=lf\n\
                      vendor/** linguist-vendored -diff\n*.md diff=markdown merge=union\n\
                      docs export-ignore\nCargo.lock merge=binary -text\n*.txt whitespace=-blank\n\
                      [attr]generated linguist-generated\n*.js generated\n\"a b.txt\" text\n\
                      *.old !filter\n*.new -filter\n*.u8 working-tree-encoding=UTF-8\n";
    scene.write(".gitattributes", attributes);
    scene.write("logo.png", [0x89, b'P', 0, 13, 10, 26]);
    scene.write("run.bat", "dir\n");
    scene.write("docs/a.md", "a\n");
    scene.write("a b.txt", "a\n");
    is_served(&scene).await;
    scene.remove(".gitattributes");
    let without = scene.commit("without");
    deploy(&scene, 4, without).await;
    judge(&scene.site(), without);
}

#[tokio::test]
async fn a_tracked_file_that_is_ignored_too_is_served() {
    let scene = Scene::new();
    scene.write("build/keep", "1\n");
    scene.commit("tracked");
    scene.write(".gitignore", "build/\n*.log\n");
    let ignored = scene.commit("ignored");
    scene.write("build/keep", "2\n");
    let changed = scene.commit("changed");
    scene.remove("build");
    let gone = scene.commit("gone");
    for (number, commit) in (1..).zip([ignored, changed, gone, ignored]) {
        let report = deploy(&scene, number, commit).await;
        assert_eq!((report.saved_to, report.untracked), (None, 0));
        judge(&scene.site(), commit);
    }
}
