//! Which backups are there: named, listed, private, whole or said not to be, and not too many.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::Duration,
};

use ripcord_agent::{
    adapters::backup::FileBackups,
    ports::{Backups as _, Reporter},
};
use ripcord_core::DeploymentNumber;
use rustix::fs::{FlockOperation, flock};

use crate::support::{Place, damage, mode, names, noise, some_commit};

#[tokio::test]
async fn a_backup_is_listed_with_all_that_is_known_of_it_and_is_private() {
    let place = Place::new();
    place.write("one", "1234");
    place.write("folder/two", "567");
    let made = place.make(142).await;
    assert!(made.id.as_str().ends_with("Z-142"));
    assert_eq!((made.files, made.bytes), (2, 7));
    let [backup] = &place.list().await[..] else { panic!("one") };
    assert_eq!(
        (&backup.id, backup.before, backup.of),
        (&made.id, DeploymentNumber(142), some_commit())
    );
    assert_eq!((backup.files, backup.bytes), (2, 7));
    assert_eq!(backup.path.to_str(), Some(made.path.as_str()));
    assert_eq!(backup.damage, None);
    let now = jiff::Timestamp::now().as_millisecond();
    assert!((now - 60_000..=now).contains(&backup.made_at.0), "{:?}", backup.made_at);
    let folder = place.folder_of(&made.id);
    assert_eq!((mode(&place.settings.dir), mode(&folder)), (0o700, 0o700));
    assert_eq!(names(&folder), ["SHA256SUMS", "files.tar.zst", "manifest.json"]);
    for name in names(&folder) {
        assert_eq!(mode(&folder.join(name)), 0o600);
    }
}

#[tokio::test]
async fn the_oldest_go_when_there_are_more_than_shall_be_kept() {
    let mut place = Place::new();
    place.settings.keep = 3;
    let mut made = Vec::new();
    for number in 1..=5 {
        made.push(place.make(number).await.id);
    }
    let listed: Vec<_> = place.list().await.into_iter().map(|backup| backup.id).collect();
    made.reverse();
    assert_eq!(listed, made[..3]);
    assert_eq!(names(&place.settings.dir).len(), 3);
}

#[tokio::test]
async fn the_one_just_made_never_goes_also_when_the_clock_was_set_back() {
    let mut place = Place::new();
    place.settings.keep = 1;
    let made = place.make(1).await.id;
    let manifest = place.folder_of(&made).join("manifest.json");
    age(&place, &manifest, 4_000_000_000_000);
    let newer = place.make(2).await.id;
    let listed: Vec<_> = place.list().await.into_iter().map(|backup| backup.id).collect();
    assert_eq!(listed, [newer]);
}

/// Says of a backup that it was made then, with good sums.
fn age(place: &Place, manifest: &Path, millis: i64) {
    let text = fs::read_to_string(manifest).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["summary"]["made_at"] = millis.into();
    crate::damage::forge(place, manifest.parent().unwrap(), &json);
}

#[tokio::test]
async fn a_second_backup_in_the_same_second_has_a_name_of_its_own() {
    let place = Place::new();
    let made = [place.make(7).await.id, place.make(7).await.id, place.make(7).await.id];
    assert_eq!(place.list().await.len(), 3, "{made:?}");
}

#[tokio::test]
async fn damage_that_a_look_can_find_is_said_and_never_hides_the_others() {
    let place = Place::new();
    fs::write(place.live().join("file"), noise(10_000)).unwrap();
    let mut made = Vec::new();
    for number in 1..=7 {
        made.push(place.make(number).await.id);
    }
    let folder = |at: usize| place.folder_of(&made[at]);
    fs::remove_file(folder(0).join("files.tar.zst")).unwrap();
    File::options().write(true).open(folder(1).join("files.tar.zst")).unwrap().set_len(9).unwrap();
    fs::write(folder(2).join("manifest.json"), "{").unwrap();
    damage(&folder(3).join("manifest.json"), 60);
    fs::remove_file(folder(4).join("SHA256SUMS")).unwrap();
    fs::remove_file(folder(5).join("manifest.json")).unwrap();
    fs::write(place.settings.dir.join("notes.txt"), "mine").unwrap();
    fs::write(place.settings.dir.join("20261123T061742Z-9"), "a file").unwrap();
    let listed = place.list().await;
    let said = |at: usize| {
        let found = listed.iter().find(|backup| backup.id == made[at]).unwrap();
        found.damage.clone().unwrap_or_default()
    };
    assert!(said(0).contains("cannot read files.tar.zst: No such file"), "{}", said(0));
    assert!(said(1).contains("files.tar.zst has 9 bytes instead of"), "{}", said(1));
    assert!(said(2).contains("cannot read manifest.json"), "{}", said(2));
    assert!(said(3).contains("manifest.json"), "{}", said(3));
    assert!(said(4).contains("cannot read SHA256SUMS"), "{}", said(4));
    assert!(said(5).contains("cannot read manifest.json"), "{}", said(5));
    assert_eq!(said(6), "");
    assert_eq!(listed.len(), 8, "and the file that is called like a backup");
}

#[tokio::test]
async fn two_environments_may_share_a_folder_and_see_and_remove_only_their_own() {
    let place = Place::new();
    let mut other = Place::new();
    other.settings.environment = "lab".parse().unwrap();
    other.settings.dir = place.settings.dir.clone();
    other.settings.keep = 1;
    let ours = place.make(1).await.id;
    other.make(1).await;
    let theirs = other.make(2).await.id;
    assert_eq!(place.list().await[0].id, ours);
    assert_eq!((place.list().await.len(), other.list().await.len()), (1, 1));
    let said = place.try_to_restore(&theirs, 3).await.failure();
    assert!(said.contains("of lab"), "{said}");
}

#[tokio::test]
async fn what_a_dead_process_left_goes_with_the_next_backup_and_what_is_being_written_stays() {
    let place = Place::new();
    place.write("file", "x");
    fs::create_dir(&place.settings.dir).unwrap();
    let [dead, alive] = ["20261123T061742Z-1", "20261123T061742Z-2"]
        .map(|id| place.settings.dir.join(format!(".{id}.part")));
    for part in [&dead, &alive] {
        fs::create_dir(part).unwrap();
        fs::write(part.join("files.tar.zst"), "half").unwrap();
    }
    let lock = File::open(&alive).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    assert_eq!(place.list().await.len(), 0, "half a backup is none");
    place.make(3).await;
    assert_eq!((dead.exists(), alive.exists()), (false, true));
    drop(lock);
    place.make(4).await;
    assert!(!alive.exists());
}

#[tokio::test]
async fn a_call_that_is_dropped_stops_and_nobody_writes_beside_it() {
    let place = Place::new();
    for number in 0..4 {
        fs::write(place.live().join(number.to_string()), noise(16 << 20)).unwrap();
    }
    let backups: FileBackups = place.backups();
    let (reporter, mut heard) = Reporter::channel(64);
    let first = backups.make(DeploymentNumber(1), None, &reporter);
    tokio::select! {
        done = first => panic!("it was too quick: {done:?}"),
        told = heard.recv() => assert!(told.is_some(), "it has begun"),
    }
    let made = backups.make(DeploymentNumber(2), None, &reporter);
    let made = tokio::time::timeout(Duration::from_secs(60), made).await.unwrap().unwrap();
    assert_eq!(names(&place.settings.dir), [made.id.as_str()], "nothing of the first is left");
}

#[tokio::test]
async fn a_restore_that_nobody_waits_for_any_more_ends_before_the_next_one_begins() {
    let place = Place::new();
    place.write("only", "one file");
    let small = place.make(1).await.id;
    for number in 0..3000 {
        fs::write(place.live().join(number.to_string()), "x").unwrap();
    }
    let large = place.make(2).await.id;
    let before = fs::metadata(place.live().join("2999")).unwrap().ino();
    let backups = place.backups();
    let (reporter, _heard) = Reporter::channel(64);
    let has_begun = async {
        let sealed = place.root().join(".live.restoring-3");
        while !sealed.exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        done = backups.restore(&large, DeploymentNumber(3), &reporter) => panic!("too quick: {done:?}"),
        () = has_begun => {}
    }
    backups.restore(&small, DeploymentNumber(4), &reporter).await.unwrap();
    assert_eq!(names(&place.live()), ["only"]);
    let kept = place.root().join(".live.replaced-4/2999");
    assert_ne!(fs::metadata(kept).unwrap().ino(), before, "the first one was done by then");
}
