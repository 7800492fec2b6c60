//! What a look at the tree tells is what git tells, whatever people do there.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::Duration,
};

use ripcord_agent::{adapters::git::GitRepository, ports::SourceRepository};
use ripcord_core::CommitSha;

use crate::support::{Scene, deploy, git, reset};

const FOLDERS: [&str; 5] = ["", "a/", "a/b/", "a.b/", "é/ü x/"];

/// Five folders with three files each, and rules for what is ignored.
async fn stage() -> (Scene, CommitSha) {
    let scene = Scene::new();
    scene.write(".gitignore", "*.log\ncache/\n");
    for folder in FOLDERS {
        for number in 0..3 {
            scene.write(&format!("{folder}file{number}"), format!("{folder} {number}\n"));
        }
    }
    let head = scene.commit("files in folders");
    deploy(&scene, 1, head).await;
    (scene, head)
}

async fn assert_as_git_sees_it(scene: &Scene, repository: &GitRepository, head: CommitSha) {
    let status = git(&scene.site(), &["status", "--porcelain", "--untracked-files=all"]);
    let untracked = status.lines().filter(|line| line.starts_with("??")).count();
    let is_exact = status.lines().all(|line| line.starts_with("??"));
    let state = repository.inspect(head).await.unwrap();
    assert_eq!((state.exact, state.untracked), (is_exact, untracked as u64), "{status}");
}

fn replace_by_folder(place: &Path) {
    fs::remove_file(place).unwrap();
    fs::create_dir(place).unwrap();
    fs::write(place.join("inside"), "x").unwrap();
}

/// Everything that people do to a folder with tracked files, one after the other.
fn deeds() -> Vec<fn(&Path)> {
    vec![
        |folder| fs::write(folder.join("file0"), "changed").unwrap(),
        |folder| fs::write(folder.join("stranger"), "x").unwrap(),
        |folder| fs::write(folder.join("noise.log"), "x").unwrap(),
        |folder| fs::create_dir_all(folder.join("cache/deep")).unwrap(),
        |folder| fs::write(folder.join("cache/deep/x"), "x").unwrap(),
        |folder| fs::create_dir_all(folder.join("empty/er")).unwrap(),
        |folder| fs::write(folder.join("empty/er/x"), "x").unwrap(),
        |folder| fs::remove_file(folder.join("file1")).unwrap(),
        |folder| symlink("file2", folder.join("file1")).unwrap(),
        |folder| {
            fs::set_permissions(folder.join("file2"), fs::Permissions::from_mode(0o755)).unwrap();
        },
        |folder| {
            // The same content, another inode.
            let text = fs::read(folder.join("file2")).unwrap();
            fs::remove_file(folder.join("file2")).unwrap();
            fs::write(folder.join("file2"), text).unwrap();
        },
        |folder| replace_by_folder(&folder.join("file0")),
        |folder| fs::remove_file(folder.join("stranger")).unwrap(),
        |folder| fs::write(folder.join(".gitignore"), "empty/\nfile4\n").unwrap(),
    ]
}

#[tokio::test]
async fn whatever_people_do_to_a_tree_is_told_as_git_tells_it_and_undone() {
    for folder in FOLDERS {
        let (scene, head) = stage().await;
        let repository = scene.open();
        for deed in deeds() {
            deed(&scene.site().join(folder));
            assert_as_git_sees_it(&scene, &repository, head).await;
        }
        fs::remove_dir_all(scene.site().join(folder).join("file0")).unwrap();
        reset(&repository, 2, head).await.unwrap();
        scene.assert_exact(head);
        assert_as_git_sees_it(&scene, &repository, head).await;
    }
}

#[tokio::test]
async fn a_folder_that_became_a_link_to_one_that_looks_the_same_is_not_taken_for_it() {
    let (scene, head) = stage().await;
    let (repository, folder) = (scene.open(), scene.site().join("a"));
    let elsewhere = scene.dir.path().join("elsewhere");
    fs::rename(&folder, &elsewhere).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    assert_as_git_sees_it(&scene, &repository, head).await;
    assert!(!repository.inspect(head).await.unwrap().exact);
    let untouched = fs::read_to_string(elsewhere.join("file0")).unwrap();
    fs::write(elsewhere.join("file0"), "of somebody else").unwrap();
    reset(&repository, 2, head).await.unwrap();
    scene.assert_exact(head);
    assert_eq!(fs::read_to_string(folder.join("file0")).unwrap(), untouched);
    assert_eq!(fs::read_to_string(elsewhere.join("file0")).unwrap(), "of somebody else");
}

#[tokio::test]
async fn what_lies_behind_a_link_is_neither_taken_for_the_trees_nor_deleted_with_it() {
    let scene = Scene::new();
    scene.write("a/dos.txt", "one\r\ntwo\r\n");
    scene.link("a/link", "dos.txt");
    let odd = scene.commit_against_attributes();
    deploy(&scene, 1, odd).await;
    let (repository, folder) = (scene.open(), scene.site().join("a"));
    assert!(repository.inspect(odd).await.unwrap().exact);
    let elsewhere = scene.dir.path().join("elsewhere");
    fs::rename(&folder, &elsewhere).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    assert!(!repository.inspect(odd).await.unwrap().exact);
    scene.remove("a");
    let without = scene.commit("no folder any more");
    let report = deploy(&scene, 2, without).await;
    scene.assert_exact(without);
    assert_eq!(fs::read_to_string(elsewhere.join("dos.txt")).unwrap(), "one\r\ntwo\r\n");
    assert!(elsewhere.join("link").is_symlink());
    assert_eq!(report.saved, ["a/dos.txt", "a/link", "a"]);
    assert_eq!(fs::read_link(scene.only_save().join("files/a")).unwrap(), elsewhere);
}

#[tokio::test]
async fn a_file_that_became_a_link_is_a_file_again_and_what_it_pointed_to_stays() {
    let (scene, head) = stage().await;
    let (repository, file) = (scene.open(), scene.site().join("a/file0"));
    let elsewhere = scene.dir.path().join("elsewhere");
    fs::write(&elsewhere, "of somebody else").unwrap();
    fs::remove_file(&file).unwrap();
    symlink(&elsewhere, &file).unwrap();
    reset(&repository, 2, head).await.unwrap();
    scene.assert_exact(head);
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "of somebody else");
}

#[tokio::test]
async fn what_comes_and_goes_in_folders_that_rested_for_long_is_seen() {
    let (scene, head) = stage().await;
    let repository = scene.open();
    // What was listed is remembered only of folders that have rested for so long.
    tokio::time::sleep(Duration::from_millis(4_100)).await;
    for folder in ["a/", "é/ü x/"] {
        for deed in deeds() {
            assert_as_git_sees_it(&scene, &repository, head).await;
            deed(&scene.site().join(folder));
            assert_as_git_sees_it(&scene, &repository, head).await;
        }
    }
    fs::remove_dir_all(scene.site().join("a")).unwrap();
    assert_as_git_sees_it(&scene, &repository, head).await;
    git(&scene.site(), &["rm", "--quiet", "--cached", "a.b/file1"]);
    assert!(!repository.inspect(head).await.unwrap().exact);
    scene.write("a.b/file3", "new\n");
    scene.write("new/folder/file", "new\n");
    scene.remove("é");
    let next = scene.commit("other folders");
    git(&scene.site(), &["reset", "--quiet", "--hard"]);
    git(&scene.site(), &["clean", "--quiet", "-d", "-x", "--force"]);
    deploy(&scene, 2, next).await;
    scene.assert_exact(next);
    for commit in [head, next] {
        reset(&repository, 3, commit).await.unwrap();
        assert_as_git_sees_it(&scene, &repository, commit).await;
    }
}

#[tokio::test]
async fn the_index_after_a_small_change_is_one_that_git_trusts() {
    let (scene, _) = stage().await;
    scene.write("a/b/file1", "changed\n");
    scene.write("a/b/new/file", "new\n");
    scene.remove("a.b/file0");
    scene.remove("é");
    let next = scene.commit("some of all");
    let report = deploy(&scene, 2, next).await;
    assert_eq!(report.changed, 6);
    scene.assert_exact(next);
    git(&scene.site(), &["fsck", "--strict", "--no-dangling"]);
    let tree = git(&scene.site(), &["rev-parse", "HEAD^{tree}"]);
    assert_eq!(git(&scene.site(), &["write-tree"]), tree);
    let noted = git(&scene.site(), &["ls-files", "--debug"]);
    assert!(!noted.contains("mtime: 0:0"), "{noted}");
    assert!(!scene.site().join("é").exists(), "no empty folder stays");
}
