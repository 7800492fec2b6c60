//! After a kill in the middle of a reset: the mixed tree is repaired, nothing of people's is lost.
//!
//! The victim is this test binary itself, run again with one ignored test and killed by its
//! parent.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use ripcord_agent::{adapters::git::GitRepository, ports::SourceRepository};
use ripcord_core::CommitSha;

use crate::support::{Scene, deploy, git, prepare, reset, settings_at, sha};

/// Enough files that a kill lands between the first and the last.
const FILES: usize = 600;
const FOLDERS: usize = 20;

struct Crash {
    scene: Scene,
    old: CommitSha,
    new: CommitSha,
}

/// Two commits that differ in most files, the old one deployed and the new one prepared.
async fn stage() -> Crash {
    let scene = Scene::new();
    let fill = |word: &str, from: usize| {
        for number in from..from + FILES {
            scene.write(&format!("d{}/f{number}", number % FOLDERS), format!("{word} {number}\n"));
        }
    };
    fill("old", 0);
    let old = scene.commit("old");
    for number in 0..FOLDERS {
        scene.remove(&format!("d{number}"));
    }
    fill("new", FILES / 2);
    let new = scene.commit("new");
    deploy(&scene, 1, old).await;
    prepare(&scene.open(), new).await.unwrap();
    Crash { scene, old, new }
}

/// A process of its own that resets to `commit` and is killed once `enough` of its files are there.
fn kill_in_reset(crash: &Crash, number: u64, commit: CommitSha, enough: usize) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut victim = crash.make_victim(&mut command, number, commit).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    while !crash.has_written(enough) && victim.try_wait().unwrap().is_none() {
        assert!(Instant::now() < patience, "the victim does nothing");
        std::thread::sleep(Duration::from_micros(200));
    }
    end(&mut victim);
}

fn end(victim: &mut Child) {
    let _ = victim.kill();
    victim.wait().unwrap();
}

impl Crash {
    /// Lets a command that runs this program reset to `commit`.
    fn make_victim<'c>(
        &self,
        command: &'c mut Command,
        number: u64,
        commit: CommitSha,
    ) -> &'c mut Command {
        command.args(["--exact", "crash::victim", "--ignored", "--nocapture"]);
        command.env("VICTIM_ROOT", self.scene.dir.path());
        command.env("VICTIM_COMMIT", commit.to_string()).env("VICTIM_NUMBER", number.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::null())
    }

    /// Files appear in the order of their names: folder `d9` is the last.
    fn has_written(&self, enough: usize) -> bool {
        let last = format!("d{}/f{}", enough % FOLDERS, FILES + enough);
        self.scene.site().join(last).exists()
    }
}

/// Not a test: what the other process does.
#[tokio::test]
#[ignore = "started by the tests that kill it"]
async fn victim() {
    let Ok(root) = std::env::var("VICTIM_ROOT") else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let repository = GitRepository::open(settings_at(root.as_ref())).unwrap();
    let number = variable("VICTIM_NUMBER").parse().unwrap();
    let _ = reset(&repository, number, sha(&variable("VICTIM_COMMIT"))).await;
}

/// What git itself makes of the tree, when it reads every file.
fn is_mixed(scene: &Scene) -> bool {
    let status = git(&scene.site(), &["status", "--porcelain"]);
    let head = scene.head();
    let differing = git(&scene.site(), &["diff", "--name-only", &head.to_string()]);
    !status.is_empty() && !differing.is_empty()
}

/// On a busy machine a kill may come when all is written: then it is tried again.
async fn killed_in_the_middle(enough: usize) -> Crash {
    for _ in 0..10 {
        let crash = stage().await;
        kill_in_reset(&crash, 2, crash.new, enough);
        if is_mixed(&crash.scene) {
            return crash;
        }
    }
    panic!("ten kills came too late or too early");
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_reset_is_repaired_by_repeating_it() {
    for enough in [0, 15, 5] {
        let crash = killed_in_the_middle(enough).await;
        assert!(!crash.scene.open().inspect(crash.old).await.unwrap().exact);
        let report = reset(&crash.scene.open(), 2, crash.new).await.unwrap();
        let cached = git(&crash.scene.site(), &["ls-files", "--debug"]);
        assert!(!cached.contains("mtime: 0:0"), "the next status would read every file");
        crash.scene.assert_exact(crash.new);
        assert_eq!((report.saved_to, report.untracked), (None, 0));
        assert!(crash.scene.saves().is_empty());
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_reset_is_repaired_by_going_back_without_leftovers() {
    let crash = stage().await;
    kill_in_reset(&crash, 2, crash.new, 15);
    assert!(is_mixed(&crash.scene));
    let report = reset(&crash.scene.open(), 3, crash.old).await.unwrap();
    crash.scene.assert_exact(crash.old);
    assert_eq!(crash.scene.status(), "", "no file of the broken-off commit stays behind");
    assert_eq!((report.saved_to, report.untracked), (None, 0));
}

#[tokio::test]
async fn the_good_save_of_the_first_try_is_kept_and_named_again_after_a_kill() {
    let crash = stage().await;
    let file = format!("d0/f{FILES}");
    crash.scene.put("d0/f0", "hot fix of an operator\n");
    crash.scene.put(&file, "untracked, in the way\n");
    crash.scene.put("notes", "untracked, not in the way\n");
    kill_in_reset(&crash, 2, crash.new, 15);
    let first = crash.scene.only_save();
    let report = reset(&crash.scene.open(), 2, crash.new).await.unwrap();
    crash.scene.assert_exact(crash.new);
    assert_eq!(crash.scene.only_save(), first);
    assert_eq!(report.saved_to, Some(first.display().to_string()));
    assert_eq!(report.saved, ["d0/f0", &file]);
    let kept = |path: &str| fs::read_to_string(first.join("files").join(path)).unwrap();
    assert_eq!(kept("d0/f0"), "hot fix of an operator\n");
    assert_eq!(kept(&file), "untracked, in the way\n");
    assert_eq!(crash.scene.read("notes"), "untracked, not in the way\n");
}

#[tokio::test]
async fn what_an_operator_changes_after_the_kill_is_saved_and_the_mixed_tree_is_not() {
    let crash = stage().await;
    kill_in_reset(&crash, 2, crash.new, 15);
    crash.scene.put("readme.txt", "repaired by hand at 2 a.m.\n");
    let report = reset(&crash.scene.open(), 3, crash.old).await.unwrap();
    crash.scene.assert_exact(crash.old);
    assert_eq!(report.saved, ["readme.txt"]);
}

#[tokio::test]
async fn the_lock_of_our_own_dead_process_is_removed() {
    let crash = stage().await;
    kill_in_reset(&crash, 2, crash.new, 15);
    crash.scene.put(".git/index.lock", "half an index");
    crash.scene.put(".git/refs/heads/main.lock", "");
    prepare(&crash.scene.open(), crash.new).await.unwrap();
    crash.scene.put(".git/index.lock", "half an index");
    reset(&crash.scene.open(), 2, crash.new).await.unwrap();
    crash.scene.assert_exact(crash.new);
    crash.scene.put(".git/index.lock", "of somebody else");
    reset(&crash.scene.open(), 3, crash.old).await.unwrap_err();
}

#[tokio::test]
async fn a_branch_is_on_the_disk_before_its_reset_counts_as_done() {
    let crash = stage().await;
    let calls = crash.scene.dir.path().join("calls");
    let mut traced = Command::new("strace");
    traced.args(["-f", "-y", "-e", "trace=fsync,unlink,unlinkat", "-o"]).arg(&calls);
    traced.arg(std::env::current_exe().unwrap());
    let traced = crash.make_victim(&mut traced, 2, crash.new).status();
    if !traced.is_ok_and(|status| status.success()) {
        eprintln!("skipped: system calls cannot be traced here (needs strace)");
        return;
    }
    crash.scene.assert_exact(crash.new);
    let calls = fs::read_to_string(calls).unwrap();
    let first = |what: &str| calls.lines().position(|line| line.contains(what)).unwrap();
    let done = first(".resetting");
    assert!(first(".git/refs/heads/main>") < done, "{calls}");
    assert!(first(".git/refs/heads>") < done, "{calls}");
}

/// What a process that died long ago left.
fn leave_marker(scene: &Scene, folder: &str, kind: &str, text: &str) -> PathBuf {
    let place = scene.site().canonicalize().unwrap().join(folder);
    let name = git2::Oid::hash_object(git2::ObjectType::Blob, place.to_str().unwrap().as_bytes());
    let marker = scene.state().join("locks").join(format!("{}.{kind}", name.unwrap()));
    fs::create_dir_all(marker.parent().unwrap()).unwrap();
    fs::write(&marker, text).unwrap();
    marker
}

#[tokio::test]
async fn locks_of_refs_that_our_own_dead_fetch_left_are_removed() {
    let scene = Scene::new();
    let pushed = scene.commit("second");
    leave_marker(&scene, ".git", "fetching", "");
    scene.put(".git/refs/remotes/origin/main.lock", "");
    scene.put(&format!(".git/refs/ripcord/preprod/{pushed}.lock"), "");
    prepare(&scene.open(), pushed).await.unwrap();
    scene.put(".git/refs/remotes/origin/main.lock", "of somebody else");
    let next = scene.commit("third");
    prepare(&scene.open(), next).await.unwrap_err();
}

#[tokio::test]
async fn a_lock_that_is_newer_than_this_agent_is_not_that_of_its_dead_predecessor() {
    let scene = Scene::new();
    let head = scene.head();
    leave_marker(&scene, ".git", "resetting", "");
    let repository = scene.open();
    let lock = scene.site().join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    let later = SystemTime::now() + Duration::from_secs(1);
    fs::File::options().write(true).open(&lock).unwrap().set_modified(later).unwrap();
    let failure = reset(&repository, 1, head).await.unwrap_err();
    assert!(failure.message.contains("another git command"), "{failure}");
    assert!(lock.exists());
}

#[tokio::test]
async fn another_agent_at_work_is_not_taken_for_a_dead_one() {
    let scene = Scene::new();
    let head = scene.head();
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", other.id())).unwrap();
    let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let claim = format!(
        "{{\"owner\":{{\"pid\":{},\"boot\":\"{}\",\"started\":\"{started}\"}},\"deployment\":2,\
         \"sha\":\"{head}\",\"saved\":null}}",
        other.id(),
        boot.trim()
    );
    let marker = leave_marker(&scene, ".git", "resetting", &claim);
    let failure = reset(&scene.open(), 3, head).await.unwrap_err();
    assert!(failure.message.contains(&format!("process {}", other.id())), "{failure}");
    end(&mut other);
    reset(&scene.open(), 3, head).await.unwrap();
    assert!(!marker.exists(), "the work is done");
}

#[tokio::test]
async fn a_marker_that_a_power_cut_emptied_means_look_at_everything() {
    let scene = Scene::new();
    let head = scene.head();
    let repository: GitRepository = scene.open();
    leave_marker(&scene, ".git", "resetting", "");
    assert!(!repository.inspect(head).await.unwrap().exact);
    reset(&repository, 1, head).await.unwrap();
    assert!(repository.inspect(head).await.unwrap().exact);
}
