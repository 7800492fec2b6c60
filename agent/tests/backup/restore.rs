//! What a restore does with what is there, and what it leaves alone.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
};

use ripcord_core::effect::Brought;

use crate::support::{Place, hidden, mode, names, tree};

#[tokio::test]
async fn what_was_there_is_kept_until_the_next_restore_and_the_report_says_where() {
    let place = Place::new();
    place.write("app/main.py", "old");
    let made = place.make(1).await;
    place.write("app/main.py", "new");
    place.write("uploads/photo", "came since");
    let report = place.restore(&made.id, 2).await;
    let kept = place.root().join(".live.replaced-2");
    assert_eq!(report.brought, Brought::Restored { backup: made.id.clone() });
    assert_eq!(report.saved_to.as_deref(), kept.to_str());
    assert_eq!(report.changed, 1);
    assert_eq!(fs::read_to_string(kept.join("app/main.py")).unwrap(), "new");
    assert_eq!(fs::read_to_string(kept.join("uploads/photo")).unwrap(), "came since");
    assert_eq!(names(&place.live()), ["app"]);
    assert_eq!(place.read("app/main.py"), "old");
    assert_eq!(mode(&kept), 0o700, "for nobody else's eyes");
    place.restore(&made.id, 3).await;
    assert_eq!(hidden(&place.beside()), [".live.replaced-3"]);
}

#[tokio::test]
async fn the_folder_itself_stays_the_same_for_those_who_have_it_mounted() {
    let place = Place::new();
    place.write("file", "old");
    let made = place.make(1).await;
    place.write("file", "new");
    let before = fs::metadata(place.live()).unwrap().ino();
    place.restore(&made.id, 2).await;
    assert_eq!(fs::metadata(place.live()).unwrap().ino(), before);
}

#[tokio::test]
async fn a_path_that_was_not_there_is_moved_aside() {
    let mut place = Place::new();
    place.settings.paths.push(place.root().join("later"));
    place.settings.paths.push(place.root().join("no/folder/at/all"));
    place.write("file", "x");
    let made = place.make(1).await;
    fs::create_dir(place.root().join("later")).unwrap();
    fs::write(place.root().join("later/file"), "came since").unwrap();
    place.restore(&made.id, 2).await;
    assert!(!place.root().join("later").exists());
    let kept = place.root().join(".later.replaced-2/later/file");
    assert_eq!(fs::read_to_string(kept).unwrap(), "came since");
}

#[tokio::test]
async fn a_path_that_is_gone_or_became_something_else_is_what_it_was() {
    let mut place = Place::new();
    let file = place.root().join("settings.toml");
    place.settings.paths.push(file.clone());
    place.write("app/main.py", "old");
    fs::write(&file, "a = 1").unwrap();
    let made = place.make(1).await;
    let before = tree(&place.live());

    fs::remove_dir_all(place.live()).unwrap();
    fs::remove_file(&file).unwrap();
    place.restore(&made.id, 2).await;
    assert_eq!(tree(&place.live()), before);
    assert_eq!(fs::read_to_string(&file).unwrap(), "a = 1");

    // A folder for the file, and a link for the folder: nothing is written through it.
    let outside = place.root().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::remove_dir_all(place.live()).unwrap();
    symlink(&outside, place.live()).unwrap();
    fs::remove_file(&file).unwrap();
    fs::create_dir_all(file.join("inside")).unwrap();
    place.restore(&made.id, 3).await;
    assert_eq!(tree(&place.live()), before);
    assert_eq!(fs::read_to_string(&file).unwrap(), "a = 1");
    assert_eq!(names(&outside), Vec::<String>::new());
    assert!(place.root().join(".live.replaced-3/live").is_symlink());
    assert!(place.root().join(".settings.toml.replaced-3/settings.toml/inside").is_dir());
}

#[tokio::test]
async fn a_link_that_stands_where_a_folder_was_is_replaced_and_not_followed() {
    let place = Place::new();
    place.write("app/main.py", "old");
    let made = place.make(1).await;
    let outside = place.root().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::remove_dir_all(place.live().join("app")).unwrap();
    symlink(&outside, place.live().join("app")).unwrap();
    place.restore(&made.id, 2).await;
    assert_eq!(place.read("app/main.py"), "old");
    assert_eq!(names(&outside), Vec::<String>::new());
}

#[tokio::test]
async fn the_environments_own_git_directory_is_neither_saved_nor_touched() {
    let mut place = Place::new();
    let git = place.live().join(".git");
    place.settings.own_git_dir = Some(git.clone());
    place.write("main.py", "old");
    place.write(".git/HEAD", "one");
    place.write("vendor/.git/HEAD", "somebody else's");
    let made = place.make(1).await;
    assert_eq!(made.files, 2);
    place.write("main.py", "new");
    place.write(".git/HEAD", "two");
    let before = fs::metadata(&git).unwrap().ino();
    place.restore(&made.id, 2).await;
    assert_eq!((place.read("main.py"), place.read(".git/HEAD")), ("old".into(), "two".into()));
    assert_eq!(fs::metadata(&git).unwrap().ino(), before);
    assert_eq!(names(&place.root().join(".live.replaced-2")), ["main.py", "vendor"]);
}

#[tokio::test]
async fn an_older_backup_that_holds_the_git_directory_leaves_todays_alone() {
    let mut place = Place::new();
    place.write("main.py", "old");
    place.write(".git/HEAD", "one");
    let made = place.make(1).await;
    place.settings.own_git_dir = Some(place.live().join(".git"));
    place.write(".git/HEAD", "two");
    place.restore(&made.id, 2).await;
    assert_eq!(place.read(".git/HEAD"), "two");
}

#[tokio::test]
async fn a_path_that_is_not_saved_any_more_is_not_written_and_a_new_one_is_left_alone() {
    let mut place = Place::new();
    place.write("file", "old");
    let made = place.make(1).await;
    let other = place.root().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("file"), "x").unwrap();
    let live = place.live();
    place.settings.paths.push(other.clone());
    let answer = place.try_to_restore(&made.id, 2).await;
    assert!(answer.result.is_ok());
    assert!(answer.remarks[0].contains("knows nothing of"), "{:?}", answer.remarks);
    assert_eq!(names(&other), ["file"]);
    place.settings.paths = vec![other];
    let before = tree(&place.root());
    let said = place.try_to_restore(&made.id, 3).await.failure();
    assert!(said.contains("add it to `paths` again"), "{said}");
    assert!(said.contains(live.to_str().unwrap()), "{said}");
    assert_eq!(tree(&place.root()), before);
}

#[tokio::test]
async fn a_backup_that_is_not_there_is_said() {
    let place = Place::new();
    let id = "20261123T061742Z-142".parse().unwrap();
    let said = place.try_to_restore(&id, 2).await.failure();
    assert!(said.contains("there is no backup 20261123T061742Z-142"), "{said}");
}

#[tokio::test]
async fn a_large_backup_and_its_restore_say_how_far_they_have_come() {
    let place = Place::new();
    fs::write(place.live().join("large"), vec![7; 40 << 20]).unwrap();
    let answer = place.try_to_make(1).await;
    let units: Vec<_> = answer.activities.iter().map(|activity| activity.unit).collect();
    assert!(units.contains(&"bytes saved") && units.contains(&"bytes verified"), "{units:?}");
    assert!(answer.activities.iter().all(|activity| activity.total == 40 << 20), "{units:?}");
    assert!(answer.activities.iter().all(|activity| activity.done <= activity.total));
    let id = answer.result.unwrap().id;
    let answer = place.try_to_restore(&id, 2).await;
    assert!(answer.activities.iter().any(|activity| activity.unit == "bytes restored"));
}
