//! Random histories, deployed in random order, always end in the tree that git has.

use proptest::{prelude::*, test_runner::TestRunner};
use ripcord_core::CommitSha;

use crate::support::{Scene, git, prepare, reset};

/// Few names, so that files, folders and links take each other's place often.
const NAMES: [&str; 4] = ["a", "b", "ü", "c d"];

#[derive(Debug, Clone)]
enum Change {
    Write(String, String),
    Link(String, String),
    Executable(String, bool),
    Remove(String),
}

fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(&NAMES[..]);
    prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => (path(), "[a-z\n\r\u{0}]{0,12}").prop_map(|(path, text)| Change::Write(path, text)),
        1 => (path(), path()).prop_map(|(path, target)| Change::Link(path, target)),
        1 => (path(), any::<bool>()).prop_map(|(path, yes)| Change::Executable(path, yes)),
        3 => path().prop_map(Change::Remove),
    ]
}

/// Makes room for `path`: what stands in its way goes.
fn clear(scene: &Scene, path: &str) {
    let root = scene.work();
    for (end, _) in path.match_indices('/') {
        let above = root.join(&path[..end]);
        if above.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            std::fs::remove_file(above).unwrap();
        }
    }
    match root.join(path).symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(root.join(path)).unwrap(),
        Ok(_) => std::fs::remove_file(root.join(path)).unwrap(),
        Err(_) => {}
    }
}

fn apply(scene: &Scene, change: &Change) {
    match change {
        Change::Write(path, text) => {
            clear(scene, path);
            scene.write(path, text);
        }
        Change::Link(path, target) => {
            clear(scene, path);
            scene.link(path, target);
        }
        Change::Executable(path, yes) => {
            let metadata = scene.work().join(path).symlink_metadata();
            if metadata.is_ok_and(|metadata| metadata.is_file()) {
                scene.executable(path, *yes);
            }
        }
        Change::Remove(path) => clear(scene, path),
    }
}

fn make(scene: &Scene, history: &[Vec<Change>]) -> Vec<CommitSha> {
    let commit = |changes: &Vec<Change>| {
        changes.iter().for_each(|change| apply(scene, change));
        scene.commit_unpushed("next")
    };
    let commits = history.iter().map(commit).collect();
    git(&scene.work(), &["push", "--quiet", "--force", "origin", "HEAD:main"]);
    commits
}

#[test]
fn any_commit_can_follow_any_other() {
    let history = prop::collection::vec(prop::collection::vec(change(), 1..8), 20);
    let order = prop::collection::vec(any::<prop::sample::Index>(), 12);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 3, max_shrink_iters: 0, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let result = runner.run(&(history, order), |(history, order)| {
        let scene = Scene::new();
        let commits = make(&scene, &history);
        let repository = scene.open();
        runtime.block_on(prepare(&repository, commits[19])).unwrap();
        for (number, index) in (1..).zip(order) {
            let commit = *index.get(&commits);
            let report = runtime.block_on(reset(&repository, number, commit)).unwrap();
            scene.assert_exact(commit);
            prop_assert_eq!(scene.status(), "");
            prop_assert_eq!((report.saved_to, report.untracked), (None, 0));
        }
        Ok(())
    });
    result.unwrap();
}
