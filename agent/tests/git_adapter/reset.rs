//! After a reset the tracked files are those of the commit, as git itself would have them.

use std::{fs, path::Path, process::Command};

use ripcord_agent::ports::SourceRepository;
use ripcord_core::CommitSha;

use crate::support::{Scene, deploy, git, prepare, reset};

#[tokio::test]
async fn every_kind_of_change_arrives_and_goes_back() {
    let scene = Scene::new();
    scene.write("unicodé/日本 file.txt", "a\n");
    scene.write("script.sh", "#!/bin/sh\n");
    scene.write("file-then-folder", "file\n");
    scene.write("folder-then-file/deep/x", "x\n");
    scene.write("link-then-file", "y\n");
    scene.link("link", "readme.txt");
    scene.write("gone.txt", "gone\n");
    let before = scene.commit("before");
    scene.write("unicodé/日本 file.txt", "b\n");
    scene.executable("script.sh", true);
    scene.remove("file-then-folder");
    scene.write("file-then-folder/x", "x\n");
    scene.remove("folder-then-file");
    scene.write("folder-then-file", "file\n");
    scene.link("link-then-file", "missing-target");
    scene.link("link", "script.sh");
    scene.remove("gone.txt");
    scene.write("binary", [0_u8, 255, 10, 13, 0]);
    let after = scene.commit("after");
    deploy(&scene, 1, before).await;
    scene.assert_exact(before);
    let report = deploy(&scene, 2, after).await;
    scene.assert_exact(after);
    assert_eq!(report.changed, 10, "{report:?}");
    assert_eq!((report.saved_to, report.untracked), (None, 0));
    deploy(&scene, 3, before).await;
    scene.assert_exact(before);
    assert_eq!(scene.status(), "");
}

#[tokio::test]
async fn head_stays_on_its_branch_and_a_detached_one_stays_detached() {
    let scene = Scene::new();
    let second = scene.commit("second");
    deploy(&scene, 1, second).await;
    assert_eq!(git(&scene.site(), &["symbolic-ref", "HEAD"]), "refs/heads/main");
    git(&scene.site(), &["checkout", "--quiet", "--detach"]);
    let third = scene.commit("third");
    deploy(&scene, 2, third).await;
    assert_eq!(git(&scene.site(), &["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD");
    assert_eq!(git(&scene.site(), &["rev-parse", "main"]), second.to_string());
    scene.assert_exact(third);
}

#[tokio::test]
async fn a_reset_that_has_nothing_to_do_writes_nothing() {
    let scene = Scene::new();
    let head = scene.head();
    let index = || fs::metadata(scene.site().join(".git/index")).unwrap().modified().unwrap();
    let before = index();
    let report = reset(&scene.open(), 1, head).await.unwrap();
    assert_eq!(report.changed, 0);
    assert_eq!(index(), before);
}

#[tokio::test]
async fn untracked_files_are_counted_and_stay_and_ignored_ones_are_not_counted() {
    let scene = Scene::new();
    scene.write(".gitignore", "*.log\ncache/\n");
    let pushed = scene.commit("ignore");
    for path in ["a.txt", "deep/er/b.txt", "deep/c.txt", "x.log", "cache/y"] {
        scene.put(path, "mine");
    }
    let report = deploy(&scene, 1, pushed).await;
    assert_eq!(report.untracked, 3);
    for path in ["a.txt", "deep/er/b.txt", "deep/c.txt", "x.log", "cache/y"] {
        assert_eq!(scene.read(path), "mine");
    }
    let state = scene.open().inspect(pushed).await.unwrap();
    assert!(state.exact);
    assert_eq!(state.untracked, 3);
}

#[tokio::test]
async fn inspect_sees_every_difference_and_changes_nothing() {
    let scene = Scene::new();
    scene.write("a", "a\n");
    let head = scene.commit("a");
    deploy(&scene, 1, head).await;
    let repository = scene.open();
    assert!(repository.inspect(head).await.unwrap().exact);
    scene.put("a", "b\n");
    assert!(!repository.inspect(head).await.unwrap().exact);
    fs::remove_file(scene.site().join("a")).unwrap();
    assert!(!repository.inspect(head).await.unwrap().exact);
    git(&scene.site(), &["checkout", "--quiet", "a"]);
    scene.put("staged", "b\n");
    git(&scene.site(), &["add", "staged"]);
    let index = fs::read(scene.site().join(".git/index")).unwrap();
    assert!(!repository.inspect(head).await.unwrap().exact);
    assert_eq!(fs::read(scene.site().join(".git/index")).unwrap(), index);
}

#[tokio::test]
async fn a_merge_in_progress_is_saved_and_swept_away() {
    let scene = Scene::new();
    scene.write("readme.txt", "theirs\n");
    let theirs = scene.commit("theirs");
    scene.put("readme.txt", "ours\n");
    let commit = ["-c", "user.name=a", "-c", "user.email=b", "commit", "-qam", "ours"];
    git(&scene.site(), &commit);
    git(&scene.site(), &["fetch", "--quiet"]);
    let merge = ["-c", "user.name=a", "-c", "user.email=b", "merge", "-q", "origin/main"];
    let merged = crate::support::git_command(&scene.site(), &merge).output().unwrap();
    assert!(!merged.status.success(), "a conflict was wanted");
    let report = deploy(&scene, 1, theirs).await;
    assert_eq!(report.saved, ["readme.txt"]);
    let kept = fs::read_to_string(scene.only_save().join("files/readme.txt")).unwrap();
    assert!(kept.contains("<<<<<<<"), "{kept}");
    scene.assert_exact(theirs);
    assert_eq!(scene.status(), "");
    assert!(!scene.site().join(".git/MERGE_HEAD").exists());
}

#[tokio::test]
async fn line_endings_and_idents_are_written_as_git_writes_them() {
    let scene = Scene::new();
    scene.write(".gitattributes", "*.bat text eol=crlf\n*.txt text\n*.id ident\n");
    scene.write("run.bat", "one\ntwo\n");
    scene.write("version.id", "$Id$\n");
    let pushed = scene.commit("attributes");
    deploy(&scene, 1, pushed).await;
    assert_eq!(scene.read("run.bat"), "one\r\ntwo\r\n");
    assert!(scene.read("version.id").starts_with("$Id: "));
    assert_eq!(scene.status(), "");
}

#[tokio::test]
async fn a_file_that_was_committed_against_its_own_line_endings_does_not_block_every_deployment() {
    let scene = Scene::new();
    scene.write("dos.txt", "one\r\ntwo\r\n");
    scene.write("other", "1\n");
    let odd = scene.commit_against_attributes();
    deploy(&scene, 1, odd).await;
    fs::write(scene.work().join("other"), "2\n").unwrap();
    git(&scene.work(), &["commit", "--quiet", "-m", "other", "other"]);
    git(&scene.work(), &["push", "--quiet", "origin", "HEAD:main"]);
    let next = scene.work_head();
    let report = deploy(&scene, 2, next).await;
    assert_eq!(report.saved_to, None, "{report:?}");
    assert!(scene.open().inspect(next).await.unwrap().exact);
}

#[tokio::test]
async fn a_commit_is_exported_beside_the_live_tree_which_stays_as_it_is() {
    let scene = Scene::new();
    scene.write("tool", "#!/bin/sh\n");
    scene.executable("tool", true);
    scene.link("sub/link", "../tool");
    scene.write(".gitattributes", "*.bat text eol=crlf\n");
    scene.write("sub/run.bat", "one\n");
    let pushed = scene.commit("to export");
    let repository = scene.open();
    prepare(&repository, pushed).await.unwrap();
    let before = (scene.head(), scene.status(), fs::read(scene.site().join(".git/index")).unwrap());
    scene.put(".git/index.lock", "");
    let into = scene.dir.path().join("out/of/here");
    repository.export(pushed, &into).await.unwrap();
    fs::remove_file(scene.site().join(".git/index.lock")).unwrap();
    let after = (scene.head(), scene.status(), fs::read(scene.site().join(".git/index")).unwrap());
    assert_eq!(before, after);
    assert_eq!(fs::read_to_string(into.join("sub/run.bat")).unwrap(), "one\r\n");
    let expected = scene.dir.path().join("expected");
    git(&scene.work(), &["checkout-index", "--all", &format!("--prefix={}/", expected.display())]);
    assert_eq!(git(&into, &["rev-parse", "HEAD"]), pushed.to_string());
    assert_eq!(git(&into, &["status", "--porcelain"]), "");
    fs::rename(into.join(".git"), scene.dir.path().join("its-git")).unwrap();
    assert_eq!(disk(&into), disk(&expected));
    assert!(disk(&into).len() > 5);
    let failure = repository.export(pushed, &into).await.unwrap_err();
    assert!(failure.message.contains("not empty"), "{failure}");
}

#[tokio::test]
async fn a_folder_with_only_empty_untracked_folders_may_become_a_file() {
    let scene = Scene::new();
    scene.write("d/x", "x\n");
    let folder = scene.commit("folder");
    scene.remove("d");
    scene.write("d", "file\n");
    let file = scene.commit("file");
    deploy(&scene, 1, folder).await;
    fs::create_dir_all(scene.site().join("d/empty/er")).unwrap();
    deploy(&scene, 2, file).await;
    scene.assert_exact(file);
}

#[tokio::test]
async fn a_small_change_in_a_large_tree_reads_only_what_changed() {
    let scene = Scene::new();
    for number in 0..2000 {
        scene.write(&format!("dir{}/file{number}", number % 40), format!("{number}\n"));
    }
    let large: CommitSha = scene.commit("large");
    scene.write("dir7/file7", "changed\n");
    let small = scene.commit("small");
    deploy(&scene, 1, large).await;
    let report = deploy(&scene, 2, small).await;
    assert_eq!(report.changed, 1);
    scene.assert_exact(small);
}

#[tokio::test]
async fn a_submodule_that_moved_is_no_obstacle_and_its_files_stay() {
    let scene = Scene::new();
    let allow = ["-c", "protocol.file.allow=always"];
    let add = ["submodule", "--quiet", "add", "../upstream.git", "vendor"];
    git(&scene.work(), &[&allow[..], &add[..]].concat());
    let first = scene.commit("with a submodule");
    deploy(&scene, 1, first).await;
    assert_eq!(scene.status(), "");
    git(&scene.site(), &[&allow[..], &["submodule", "--quiet", "update", "--init"]].concat());
    scene.put("vendor/mine", "untracked in the submodule\n");
    git(&scene.work().join("vendor"), &["commit", "--quiet", "--allow-empty", "-m", "moved"]);
    let second = scene.commit("submodule moved");
    deploy(&scene, 2, second).await;
    assert_eq!(scene.head(), second);
    assert_eq!(scene.read("vendor/mine"), "untracked in the submodule\n");
    assert!(scene.open().inspect(second).await.unwrap().exact);
}

/// Mode, size and content or target of everything in a folder.
fn disk(folder: &Path) -> Vec<String> {
    let list = "find . -printf '%p %M %l ' -type f -exec sha1sum {} ';' -o -print | sort";
    let output = Command::new("sh").args(["-c", list]).current_dir(folder).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_program_that_runs_just_now_is_replaced() {
    let scene = Scene::new();
    scene.write("tool", fs::read("/bin/sleep").unwrap());
    scene.executable("tool", true);
    let old = scene.commit("a program");
    scene.write("tool", "#!/bin/sh\n");
    let new = scene.commit("another");
    deploy(&scene, 1, old).await;
    let mut running = Command::new(scene.site().join("tool")).arg("60").spawn().unwrap();
    let report = deploy(&scene, 2, new).await;
    let alive = running.try_wait().unwrap().is_none();
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(alive, "it goes on with the old file");
    assert_eq!(report.changed, 1);
    scene.assert_exact(new);
}
