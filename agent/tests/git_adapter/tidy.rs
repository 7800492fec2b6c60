//! What many fetches leave behind is put together, and no object is ever missing.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant, SystemTime},
};

use git2::{Oid, Repository};
use ripcord_agent::{adapters::git::GitRepository, ports::SourceRepository};

use crate::{
    disk::Disk,
    support::{Scene, deploy, git, git_command, settings_at},
};

/// As many as make it worth while.
const PACKS: usize = 20;
const LOOSE: usize = 2_000;

/// A clone in which nobody has tidied up: packs of a few objects, and loose ones, that no commit
/// names.
fn untidy(site: &Path, packs: usize, loose: usize) -> Vec<Oid> {
    let repo = Repository::open(site).unwrap();
    let folder = site.join(".git/objects/pack");
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    let blob = |text: String| repo.blob(format!("{turn} {text}").as_bytes()).unwrap();
    let mut all = Vec::new();
    for pack in 0..packs {
        let blobs: Vec<_> = (0..5).map(|number| blob(format!("{pack} {number}\n"))).collect();
        let mut builder = repo.packbuilder().unwrap();
        blobs.iter().for_each(|id| builder.insert_object(*id, None).unwrap());
        builder.write(&folder, 0o444).unwrap();
        blobs.iter().for_each(|id| fs::remove_file(file_of(site, *id)).unwrap());
        all.extend(blobs);
    }
    all.extend((0..loose).map(|number| blob(format!("loose {number}\n"))));
    all
}

fn file_of(site: &Path, id: Oid) -> PathBuf {
    let id = id.to_string();
    site.join(".git/objects").join(&id[..2]).join(&id[2..])
}

/// Every object that git finds, reachable or not.
fn objects(site: &Path) -> BTreeSet<String> {
    let list = ["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"];
    git(site, &list).lines().map(str::to_owned).collect()
}

fn counted(site: &Path, what: &str) -> usize {
    let counts = git(site, &["count-objects", "-v"]);
    let line = counts.lines().find_map(|line| line.strip_prefix(&format!("{what}: ")));
    line.unwrap().parse().unwrap()
}

fn assert_whole(site: &Path, before: &BTreeSet<String>) {
    assert_eq!(&objects(site), before);
    git(site, &["fsck", "--full", "--strict", "--no-dangling"]);
    assert_eq!(counted(site, "garbage"), 0);
}

#[tokio::test]
async fn many_packs_and_loose_objects_become_one_pack_and_none_is_lost() {
    // The deployment left a pack, which alone is no reason to be written anew.
    for (packs, loose, left) in [(PACKS, 3, 1), (0, LOOSE, 2)] {
        let scene = Scene::new();
        scene.write("readme.txt", "two\n");
        let live = scene.commit("second");
        deploy(&scene, 1, live).await;
        let site = scene.site();
        let all = untidy(&site, packs, loose);
        let before = objects(&site);
        let reader = Repository::open(&site).unwrap();
        reader.find_blob(all[0]).unwrap();
        let done = scene.open().tidy().await.unwrap().unwrap();
        assert!(done.ends_with("loose objects are one pack now"), "{done}");
        assert_whole(&site, &before);
        assert_eq!((counted(&site, "packs"), counted(&site, "count")), (left, 0));
        all.iter().for_each(|id| drop(reader.find_blob(*id).unwrap()));
        assert_eq!(scene.open().tidy().await.unwrap(), None, "all is in order now");
        scene.write("readme.txt", "three\n");
        let next = scene.commit("third");
        deploy(&scene, 2, next).await;
        scene.assert_exact(next);
    }
}

#[tokio::test]
async fn a_few_packs_and_loose_objects_are_left_alone() {
    let scene = Scene::new();
    untidy(&scene.site(), PACKS / 2, LOOSE / 20);
    let before = (counted(&scene.site(), "packs"), counted(&scene.site(), "count"));
    assert_eq!(scene.open().tidy().await.unwrap(), None);
    assert_eq!((counted(&scene.site(), "packs"), counted(&scene.site(), "count")), before);
}

/// As many objects as are put together at a time, in one small pack.
fn full_pack(site: &Path) {
    let blobs = (0..50_000).map(|number| format!("blob\ndata 5\n{number:05}\n"));
    let mut command = git_command(site, &["-c", "fastimport.unpackLimit=0", "fast-import"]);
    let mut import =
        command.arg("--quiet").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let told = import.stdin.take().unwrap().write_all(blobs.collect::<String>().as_bytes());
    told.unwrap();
    assert!(import.wait().unwrap().success());
}

#[tokio::test]
async fn loose_objects_find_room_beside_a_pack_that_is_full() {
    let scene = Scene::new();
    full_pack(&scene.site());
    untidy(&scene.site(), 0, LOOSE);
    let before = objects(&scene.site());
    scene.open().tidy().await.unwrap().unwrap();
    assert_eq!(counted(&scene.site(), "count"), 0);
    assert_whole(&scene.site(), &before);
    assert_eq!(scene.open().tidy().await.unwrap(), None, "the full pack is not written again");
}

#[tokio::test]
async fn packs_that_somebody_keeps_stay() {
    let scene = Scene::new();
    untidy(&scene.site(), PACKS + 1, 0);
    let folder = scene.site().join(".git/objects/pack");
    let packs = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let kept = packs.into_iter().find(|path| path.extension().unwrap() == "pack").unwrap();
    fs::write(kept.with_extension("keep"), "").unwrap();
    let before = objects(&scene.site());
    scene.open().tidy().await.unwrap().unwrap();
    assert!(kept.exists());
    assert_whole(&scene.site(), &before);
    untidy(&scene.site(), PACKS, 0);
    git(&scene.site(), &["multi-pack-index", "write"]);
    assert_eq!(scene.open().tidy().await.unwrap(), None, "whoever makes one tidies up, too");
}

#[tokio::test]
async fn whoever_gives_it_up_early_leaves_a_repository_that_works() {
    let scene = Scene::new();
    untidy(&scene.site(), PACKS * 2, LOOSE);
    let before = objects(&scene.site());
    let repository = scene.open();
    for patience in [0, 1, 3, 10, 30] {
        let _ = tokio::time::timeout(Duration::from_millis(patience), repository.tidy()).await;
        assert_eq!(objects(&scene.site()), before);
    }
    let patience = Instant::now() + Duration::from_secs(30);
    while repository.tidy().await.unwrap().is_none() && counted(&scene.site(), "packs") > 1 {
        assert!(Instant::now() < patience, "the one that was given up never ends");
    }
    assert_whole(&scene.site(), &before);
}

/// Not a test: what the other process does.
#[tokio::test]
#[ignore = "started by the test that kills it"]
async fn victim() {
    let Ok(root) = std::env::var("VICTIM_ROOT") else { return };
    let repository = GitRepository::open(settings_at(root.as_ref())).unwrap();
    repository.tidy().await.unwrap();
}

/// Kills a process that tidies up as soon as `is_time`.
fn kill_when(scene: &Scene, is_time: impl Fn() -> bool) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tidy::victim", "--ignored"]).stdout(Stdio::null());
    command.env("VICTIM_ROOT", scene.dir.path());
    let mut victim = command.spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    while !is_time() && victim.try_wait().unwrap().is_none() {
        assert!(Instant::now() < patience, "the victim does nothing");
    }
    let _ = victim.kill();
    victim.wait().unwrap();
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_no_object_and_the_next_time_finishes_it() {
    let scene = Scene::new();
    let site = scene.site();
    let folder = site.join(".git/objects");
    let aside = folder.join("tmp_objdir-ripcord");
    let files = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);
    let packs = || files(&folder.join("pack"));
    for moment in 0..5 {
        let all = untidy(&site, PACKS, 200);
        let loose = file_of(&site, *all[all.len() - 200..].iter().min().unwrap());
        let (before, packs_then) = (objects(&site), packs());
        kill_when(&scene, || match moment {
            0 => aside.exists(),
            1 => files(&aside) > 0,
            2 => packs() > packs_then,
            3 => packs() + 6 < packs_then,
            _ => !loose.exists(),
        });
        assert_eq!(objects(&site), before, "{moment}");
    }
    untidy(&site, PACKS, 0);
    let before = objects(&site);
    let left = fs::read_dir(folder.join("pack")).unwrap().map(|entry| entry.unwrap().path());
    left.for_each(|file| make_old(&file));
    scene.open().tidy().await.unwrap();
    assert_whole(&site, &before);
}

#[tokio::test]
async fn a_loose_object_that_a_power_cut_emptied_is_left_alone_and_stops_nobody() {
    let scene = Scene::new();
    let site = scene.site();
    let all = untidy(&site, PACKS, 3);
    let before = objects(&site);
    let empty = file_of(&site, Oid::hash_object(git2::ObjectType::Blob, b"lost").unwrap());
    fs::create_dir_all(empty.parent().unwrap()).unwrap();
    fs::write(&empty, "").unwrap();
    scene.open().tidy().await.unwrap().unwrap();
    assert!(empty.exists(), "a fetch may bring it again");
    assert!(!file_of(&site, all[all.len() - 1]).exists());
    fs::remove_file(&empty).unwrap();
    assert_whole(&site, &before);
}

/// As if somebody had written it long ago.
fn make_old(file: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(7_200);
    File::open(file).unwrap().set_modified(long_ago).unwrap();
}

#[tokio::test]
async fn an_index_whose_pack_is_about_to_come_stays_and_an_abandoned_one_goes() {
    let scene = Scene::new();
    untidy(&scene.site(), PACKS, 0);
    let folder = scene.site().join(".git/objects/pack");
    let (coming, abandoned) = (folder.join("pack-coming.idx"), folder.join("pack-abandoned.idx"));
    for index in [&coming, &abandoned] {
        fs::write(index, "").unwrap();
        fs::write(index.with_extension("rev"), "").unwrap();
    }
    make_old(&abandoned);
    scene.open().tidy().await.unwrap().unwrap();
    for end in ["idx", "rev"] {
        assert!(coming.with_extension(end).exists(), "its fetch is under way");
        assert!(!abandoned.with_extension(end).exists(), "nobody comes back for it");
    }
}

#[tokio::test]
async fn a_full_disk_leaves_the_repository_as_it_was() {
    let scene = Scene::new();
    let small = scene.dir.path().join("small");
    let Some(disk) = Disk::mount(&small, "size=24m") else { return };
    let site = small.join("site");
    git(scene.dir.path(), &["clone", "--quiet", "--no-local", "upstream.git", "small/site"]);
    let mut settings = scene.settings();
    settings.path = site.clone();
    let repository = GitRepository::open(settings).unwrap();
    untidy(&site, PACKS, LOOSE);
    let before = objects(&site);
    let ballast = disk.fill();
    let failure = repository.tidy().await.unwrap_err();
    assert!(failure.message.starts_with("cannot put the packs of "), "{failure}");
    assert_whole(&site, &before);
    fs::remove_file(ballast).unwrap();
    repository.tidy().await.unwrap().unwrap();
    assert_whole(&site, &before);
}
