//! What cannot be saved and brought back is refused before anything else, with what to do.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
};

use ripcord_agent::ports::Backups as _;

use crate::{
    disk::Disk,
    support::{Place, hidden, mode, names, noise, tree},
};

async fn refused(place: &Place) -> String {
    let failure = place.backups().preflight().await.unwrap_err();
    assert_eq!(failure.kind, ripcord_core::FailureKind::Backup);
    failure.message
}

#[tokio::test]
async fn a_good_place_is_accepted_and_left_as_it_was() {
    let place = Place::new();
    place.write("file", "x");
    let before = tree(&place.live());
    place.backups().preflight().await.unwrap();
    assert_eq!(tree(&place.live()), before);
    assert_eq!(place.beside(), ["backups", "live"]);
    assert_eq!((mode(&place.settings.dir), names(&place.settings.dir).len()), (0o700, 0));
}

#[tokio::test]
async fn paths_that_cannot_be_served_are_refused_with_what_to_do() {
    let link = |place: &Place| symlink(place.live(), place.root().join("link")).unwrap();
    type Wrong = (&'static str, fn(&mut Place), &'static str);
    let cases: [Wrong; 10] = [
        ("none", |place| place.settings.paths.clear(), "name at least one"),
        ("relative", |place| place.settings.paths = vec!["live".into()], "by its full path"),
        ("root", |place| place.settings.paths = vec!["/".into()], "by its full path"),
        (
            "dots",
            |place| place.settings.paths = vec![place.root().join("backups/../live")],
            "by its full path",
        ),
        (
            "link",
            |place| place.settings.paths = vec![place.root().join("link")],
            "name what it leads to",
        ),
        ("twice", |place| place.settings.paths.push(place.live()), "only the outer one"),
        (
            "inside",
            |place| place.settings.paths.push(place.live().join("app")),
            "only the outer one",
        ),
        ("itself", |place| place.settings.dir = place.live().join("b"), "`dir` be elsewhere"),
        (
            "through a link",
            |place| place.settings.dir = place.root().join("link/b"),
            "`dir` be elsewhere",
        ),
        ("in dir", |place| place.settings.dir = place.root(), "a folder of its own"),
    ];
    for (name, change, expected) in cases {
        let mut place = Place::new();
        link(&place);
        change(&mut place);
        let said = refused(&place).await;
        assert!(said.contains(expected), "{name}: {said}");
        assert!(place.try_to_make(1).await.failure().contains(expected), "{name}");
    }
}

#[tokio::test]
async fn a_git_directory_that_would_be_moved_is_refused() {
    let mut place = Place::new();
    place.settings.own_git_dir = Some(place.live().join("deeper/.git"));
    let said = refused(&place).await;
    assert!(said.contains("name the work tree itself"), "{said}");
    place.settings.own_git_dir = Some(place.root().join(".git"));
    place.backups().preflight().await.unwrap();
}

#[tokio::test]
async fn a_mount_point_is_refused_wherever_in_a_path_it_is() {
    for inside in ["", "deep er/mount"] {
        let place = Place::new();
        place.write("file", "x");
        let made = place.make(1).await;
        let Some(_disk) = Disk::mount(&place.live().join(inside), "size=1m") else { return };
        let said = refused(&place).await;
        assert!(said.contains("is a mount point, so") && said.contains("instead"), "{said}");
        assert!(place.try_to_make(2).await.failure().contains("is a mount point"));
        assert!(place.try_to_restore(&made.id, 3).await.failure().contains("is a mount point"));
    }
}

#[tokio::test]
async fn a_folder_for_backups_that_cannot_be_written_is_said() {
    let place = Place::new();
    let Some(_disk) = Disk::mount(&place.settings.dir, "ro") else { return };
    let said = refused(&place).await;
    assert!(said.contains("where backups go: Read-only file system"), "{said}");
    fs::create_dir(place.root().join("full")).unwrap();
    let file = place.root().join("a-file");
    fs::write(&file, "").unwrap();
    let mut place = place;
    place.settings.dir = file;
    assert!(refused(&place).await.contains("make the folder for backups"));
}

#[tokio::test]
async fn a_disk_without_room_for_another_backup_refuses_it_early() {
    let place = Place::new();
    let Some(disk) = Disk::mount(&place.settings.dir, "size=8m") else { return };
    fs::write(place.live().join("large"), noise(3 << 20)).unwrap();
    place.make(1).await;
    place.backups().preflight().await.unwrap();
    File::create(disk.0.join("ballast")).unwrap().write_all(&noise(3 << 20)).unwrap();
    let said = refused(&place).await;
    assert!(said.contains("4 MB are needed") && said.contains("lower `keep`"), "{said}");
}

#[tokio::test]
async fn a_disk_that_fills_up_midway_leaves_older_backups_and_nothing_else() {
    let place = Place::new();
    let Some(disk) = Disk::mount(&place.settings.dir, "size=8m") else { return };
    place.write("file", "old");
    let made = place.make(1).await;
    fs::write(place.live().join("large"), noise(20 << 20)).unwrap();
    let said = place.try_to_make(2).await.failure();
    assert!(said.contains("live/large: No space left"), "{said}");
    assert!(said.contains("free some room on its disk"), "{said}");
    assert_eq!(names(&disk.0), [made.id.as_str()]);
    place.restore(&made.id, 3).await;
    assert_eq!(names(&place.live()), ["file"]);
}

#[tokio::test]
async fn a_restore_without_room_beside_the_files_touches_nothing() {
    let mut place = Place::new();
    let Some(disk) = Disk::mount(&place.root().join("disk"), "size=8m") else { return };
    let live = disk.0.join("live");
    fs::create_dir(&live).unwrap();
    place.settings.paths = vec![live.clone()];
    fs::write(live.join("large"), noise(5 << 20)).unwrap();
    let made = place.make(1).await;
    let before = tree(&disk.0);
    let said = place.try_to_restore(&made.id, 2).await.failure();
    assert!(said.contains("6 MB are needed") && said.contains("free some room"), "{said}");
    assert_eq!(tree(&disk.0), before);
    assert_eq!(hidden(&names(&disk.0)), Vec::<&String>::new());
}

#[tokio::test]
async fn a_restore_whose_disk_fills_up_midway_touches_nothing() {
    let mut place = Place::new();
    // Room by the count of bytes, and none for so many small files.
    let Some(disk) = Disk::mount(&place.root().join("disk"), "size=64m,nr_inodes=80") else {
        return;
    };
    let live = disk.0.join("live");
    fs::create_dir(&live).unwrap();
    place.settings.paths = vec![live.clone()];
    for number in 0..50 {
        fs::write(live.join(number.to_string()), "x").unwrap();
    }
    let made = place.make(1).await;
    fs::write(live.join("0"), "new").unwrap();
    let before = tree(&live);
    let said = place.try_to_restore(&made.id, 2).await.failure();
    assert!(said.contains("No space left"), "{said}");
    assert_eq!(tree(&live), before);
    assert_eq!(names(&disk.0), ["live"]);
}

#[tokio::test]
async fn a_restore_never_moves_the_folder_with_the_backups_away() {
    let mut place = Place::new();
    place.write("file", "old");
    let made = place.make(1).await;
    fs::rename(&place.settings.dir, place.live().join("backups")).unwrap();
    place.settings.dir = place.live().join("backups");
    let before = tree(&place.live());
    let said = place.try_to_restore(&made.id, 2).await.failure();
    assert!(said.contains("let `dir` be elsewhere"), "{said}");
    assert_eq!(tree(&place.live()), before);
}
