//! What others do in the tree while a reset runs is neither lost nor taken for the commit's.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{OpenOptionsExt, symlink},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use ripcord_core::CommitSha;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::support::{Scene, git, hold_for_a_moment, judge, prepare, reset};

/// A file at which whoever comes to read it waits, until this is dropped.
struct Gate(PathBuf);

impl Gate {
    fn at(place: PathBuf) -> Self {
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        mknodat(CWD, &place, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        Self(place)
    }

    /// Waits for somebody to come, and holds them until what is answered is dropped.
    fn hold(&self) -> File {
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let mut held = options.open(&self.0);
        wait_until(|| {
            held = options.open(&self.0);
            held.is_ok()
        });
        fs::remove_file(&self.0).unwrap();
        held.unwrap()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // To open it for both never waits; a gate that is gone was held.
        let _let_go = OpenOptions::new().read(true).write(true).open(&self.0);
        let _ = fs::remove_file(&self.0);
    }
}

/// As if the last reset was a while ago: what the index does not vouch for is read once more, and
/// whoever reads it comes to a gate too early.
fn rest(scene: &Scene) {
    git(&scene.site(), &["update-index", "--refresh"]);
    let index = File::open(scene.site().join(".git/index")).unwrap();
    index.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < patience, "the reset does not come here");
        thread::yield_now();
    }
}

#[tokio::test]
async fn a_file_that_somebody_writes_right_behind_the_reset_is_not_noted_as_the_commits() {
    let scene = Scene::new();
    for folder in ["a", "z"] {
        scene.write(&format!("{folder}/file"), "old\n");
    }
    let old = scene.commit("old");
    for folder in ["a", "z"] {
        scene.write(&format!("{folder}/file"), "new\n");
    }
    let new = scene.commit("new");
    let repository = scene.open();
    prepare(&repository, new).await.unwrap();
    reset(&repository, 1, old).await.unwrap();
    rest(&scene);
    let (gate, file) =
        (Gate::at(scene.site().join("z/.gitattributes")), scene.site().join("a/file"));
    let watcher = thread::spawn(move || {
        wait_until(|| fs::read(&file).is_ok_and(|text| text == b"new\n"));
        fs::write(&file, "of a watcher\n").unwrap();
        drop(gate);
    });
    reset(&repository, 2, new).await.unwrap();
    watcher.join().unwrap();
    judge(&scene.site(), new);
    assert_eq!(scene.read("a/file"), "new\n");
}

/// Does `deed` in the site of a scene, while a reset there has looked at the tree and not begun.
fn behind_the_look<D: Send + 'static>(
    scene: &Scene,
    deed: impl FnOnce(&Path) -> D + Send + 'static,
) -> JoinHandle<D> {
    let (site, gate) = (scene.site(), Gate::at(scene.site().join(".git/info/attributes")));
    thread::spawn(move || {
        let held = gate.hold();
        let done = deed(&site);
        drop(held);
        done
    })
}

#[tokio::test]
async fn what_lies_behind_a_link_that_came_behind_the_look_is_not_deleted() {
    let scene = Scene::new();
    scene.write("a/gone", "old\n");
    let old = scene.commit("old");
    scene.remove("a");
    let new = scene.commit("new");
    let repository = scene.open();
    prepare(&repository, new).await.unwrap();
    reset(&repository, 1, old).await.unwrap();
    rest(&scene);
    let elsewhere = scene.dir.path().join("elsewhere");
    let there = elsewhere.clone();
    let operator = behind_the_look(&scene, move |site| {
        fs::rename(site.join("a"), &there).unwrap();
        symlink(&there, site.join("a")).unwrap();
    });
    let failure = reset(&repository, 2, new).await.unwrap_err();
    operator.join().unwrap();
    assert!(failure.message.contains("site/a became a link just now"), "{failure}");
    let report = reset(&repository, 3, new).await.unwrap();
    assert_eq!(fs::read_to_string(elsewhere.join("gone")).unwrap(), "old\n");
    assert_eq!(report.saved, ["a/gone", "a"]);
    judge(&scene.site(), new);
}

/// The second of two commits that differ in one file, prepared; the first one is deployed.
async fn stage() -> (Scene, CommitSha) {
    let scene = Scene::new();
    scene.write("other", "old\n");
    let old = scene.commit("old");
    scene.write("other", "new\n");
    let new = scene.commit("new");
    let repository = scene.open();
    prepare(&repository, new).await.unwrap();
    reset(&repository, 1, old).await.unwrap();
    rest(&scene);
    (scene, new)
}

#[tokio::test]
async fn what_is_staged_behind_the_look_is_saved_before_it_is_written_over() {
    let (scene, new) = stage().await;
    let operator = behind_the_look(&scene, |site| {
        fs::write(site.join("readme.txt"), "hot fix\n").unwrap();
        git(site, &["add", "readme.txt"]);
    });
    let report = reset(&scene.open(), 2, new).await.unwrap();
    operator.join().unwrap();
    assert_eq!(report.saved, ["readme.txt"]);
    let kept = fs::read_to_string(scene.only_save().join("files/readme.txt")).unwrap();
    assert_eq!(kept, "hot fix\n");
    judge(&scene.site(), new);
}

#[tokio::test]
async fn a_lock_that_comes_behind_the_look_and_goes_away_by_itself_stops_nobody() {
    let (scene, new) = stage().await;
    let status = behind_the_look(&scene, |site| hold_for_a_moment(&site.join(".git/index.lock")));
    reset(&scene.open(), 2, new).await.unwrap();
    status.join().unwrap().wait().unwrap();
    judge(&scene.site(), new);
}
