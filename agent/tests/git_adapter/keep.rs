//! What people left in the tree is never lost: untracked files stay, modifications are saved.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, SystemTime},
};

use ripcord_core::FailureKind;

use crate::support::{Scene, deploy, git, prepare, reset};

#[tokio::test]
async fn local_modifications_are_saved_and_the_patch_brings_them_back() {
    let scene = Scene::new();
    scene.write("binary", [0_u8, 1, 2, 255]);
    scene.write("deleted", "x\n");
    scene.write("tool", "t\n");
    let head = scene.commit("base");
    deploy(&scene, 1, head).await;
    scene.put("readme.txt", "hot fix\n");
    scene.put("binary", [9_u8, 0, 0, 7]);
    fs::remove_file(scene.site().join("deleted")).unwrap();
    fs::set_permissions(scene.site().join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    scene.put("added", "staged only\n");
    git(&scene.site(), &["add", "added"]);
    scene.put("added", "and changed\n");
    let status = git(&scene.site(), &["status", "--porcelain"]);
    let report = reset(&scene.open(), 142, head).await.unwrap();
    scene.assert_exact(head);
    assert_eq!(report.saved, ["added", "binary", "deleted", "readme.txt", "tool"], "{status}");
    let save = scene.only_save();
    assert_eq!(report.saved_to, Some(save.display().to_string()));
    assert!(save.file_name().unwrap().to_str().unwrap().starts_with("142-"));
    assert_eq!(fs::read(save.join("files/binary")).unwrap(), [9, 0, 0, 7]);
    git(&scene.site(), &["apply", save.join("local.patch").to_str().unwrap()]);
    assert_eq!(scene.read("readme.txt"), "hot fix\n");
    assert_eq!(scene.read("added"), "and changed\n");
    assert!(!scene.site().join("deleted").exists());
    assert_eq!(
        fs::metadata(scene.site().join("tool")).unwrap().permissions().mode() & 0o777,
        0o755
    );
    git(&scene.site(), &["reset", "--quiet", "--hard"]);
    fs::remove_file(scene.site().join("added")).unwrap();
    git(&scene.site(), &["apply", save.join("staged.patch").to_str().unwrap()]);
    assert_eq!(scene.read("added"), "staged only\n");
}

#[tokio::test]
async fn what_a_killed_agent_left_of_a_save_does_not_stay_for_ever() {
    let scene = Scene::new();
    let head = scene.commit("base");
    deploy(&scene, 1, head).await;
    scene.put("readme.txt", "hot fix\n");
    reset(&scene.open(), 2, head).await.unwrap();
    let whole = scene.only_save();
    let torn = whole.with_file_name(".2-1700000000000.new");
    fs::create_dir_all(torn.join("files")).unwrap();
    scene.put("readme.txt", "hot fix again\n");
    reset(&scene.open(), 3, head).await.unwrap();
    assert!(!torn.exists(), "it is no save");
    assert!(whole.join("files/readme.txt").exists(), "what is whole is people's");
}

#[tokio::test]
async fn a_modification_behind_an_old_time_stamp_is_found_saved_and_undone() {
    let scene = Scene::new();
    let head = scene.head();
    let place = scene.site().join("readme.txt");
    let stamp = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let restamp = || {
        fs::File::options().write(true).open(&place).unwrap().set_modified(stamp).unwrap();
    };
    restamp();
    git(&scene.site(), &["update-index", "--refresh"]);
    fs::write(&place, "two\n").unwrap();
    restamp();
    let report = reset(&scene.open(), 2, head).await.unwrap();
    assert_eq!(report.saved, ["readme.txt"]);
    assert_eq!(scene.read("readme.txt"), "one\n");
    scene.assert_exact(head);
}

#[tokio::test]
async fn saved_modifications_are_for_the_owner_only() {
    let scene = Scene::new();
    scene.put("readme.txt", "with a secret\n");
    deploy(&scene, 1, scene.head()).await;
    let mode = fs::metadata(scene.only_save()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn nothing_is_touched_when_modifications_cannot_be_saved() {
    let scene = Scene::new();
    let pushed = scene.commit("second");
    let repository = scene.open();
    prepare(&repository, pushed).await.unwrap();
    scene.put("readme.txt", "precious\n");
    fs::write(scene.state().join("saved"), "a file where the folder must come").unwrap();
    let before = scene.head();
    let failure = reset(&repository, 1, pushed).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Repository);
    assert!(failure.message.contains("nothing was touched"), "{failure}");
    assert_eq!(scene.read("readme.txt"), "precious\n");
    assert_eq!(scene.head(), before);
}

#[tokio::test]
async fn an_untracked_file_where_a_new_file_must_come_is_saved_and_named() {
    let scene = Scene::new();
    scene.write("config.toml", "committed\n");
    scene.write("plugins/p.py", "committed\n");
    let pushed = scene.commit("adds files");
    scene.put("config.toml", "written by hand\n");
    scene.put("plugins", "a file where a folder must come\n");
    let report = deploy(&scene, 7, pushed).await;
    scene.assert_exact(pushed);
    assert_eq!(report.saved, ["config.toml", "plugins"]);
    let kept = |path| fs::read_to_string(scene.only_save().join("files").join(path)).unwrap();
    assert_eq!(kept("config.toml"), "written by hand\n");
    assert_eq!(kept("plugins"), "a file where a folder must come\n");
}

#[tokio::test]
async fn a_link_where_a_folder_must_come_is_not_written_through() {
    let scene = Scene::new();
    scene.write("data/settings", "committed\n");
    let pushed = scene.commit("adds a folder");
    let outside = scene.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("settings"), "not ours\n").unwrap();
    std::os::unix::fs::symlink(&outside, scene.site().join("data")).unwrap();
    let report = deploy(&scene, 1, pushed).await;
    scene.assert_exact(pushed);
    assert_eq!(fs::read_to_string(outside.join("settings")).unwrap(), "not ours\n");
    assert_eq!(report.saved, ["data"]);
    assert_eq!(fs::read_link(scene.only_save().join("files/data")).unwrap(), outside);
}

#[tokio::test]
async fn a_folder_with_untracked_files_where_a_file_must_come_is_refused_before_touching() {
    let scene = Scene::new();
    scene.write("d/x", "x\n");
    let folder = scene.commit("folder");
    scene.remove("d");
    scene.write("d", "file\n");
    scene.write("another", "1\n");
    let file = scene.commit("file");
    deploy(&scene, 1, folder).await;
    scene.put("d/upload.bin", "of a user");
    let repository = scene.open();
    for failure in [prepare(&repository, file).await, reset(&repository, 2, file).await.map(drop)] {
        let failure = failure.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Repository);
        assert!(failure.message.contains("d/upload.bin"), "{failure}");
    }
    scene.assert_exact(folder);
    assert_eq!(scene.read("d/upload.bin"), "of a user");
    fs::remove_file(scene.site().join("d/upload.bin")).unwrap();
    reset(&repository, 2, file).await.unwrap();
    scene.assert_exact(file);
}

#[tokio::test]
async fn a_tracked_file_that_people_replaced_by_a_folder_is_refused_before_touching() {
    let scene = Scene::new();
    let head = scene.head();
    fs::remove_file(scene.site().join("readme.txt")).unwrap();
    scene.put("readme.txt/notes", "mine\n");
    let failure = reset(&scene.open(), 1, head).await.unwrap_err();
    assert!(failure.message.contains("readme.txt/notes"), "{failure}");
    assert_eq!(scene.read("readme.txt/notes"), "mine\n");
}
