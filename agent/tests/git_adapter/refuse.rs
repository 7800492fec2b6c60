//! Repositories that cannot be served are refused with the reason, and stay untouched.

use std::fs;

use ripcord_agent::adapters::git::GitRepository;
use ripcord_core::{CommitSha, Failure, FailureKind};

use crate::support::{Scene, git, hold_for_a_moment, prepare, reset};

fn refusal(scene: &Scene) -> String {
    let failure = GitRepository::open(scene.settings()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Repository);
    failure.message
}

/// Prepares and resets; both must refuse, and leave everything as it was.
async fn refused_by_both(scene: &Scene, commit: CommitSha) -> Failure {
    let repository = scene.open();
    let before = (scene.head(), fs::read(scene.site().join("readme.txt")).ok());
    let first = prepare(&repository, commit).await.unwrap_err();
    git(&scene.site(), &["fetch", "--quiet"]);
    let second = reset(&repository, 1, commit).await.unwrap_err();
    assert_eq!(first.kind, FailureKind::Repository, "{first}");
    assert_eq!(second.kind, FailureKind::Repository, "{second}");
    assert_eq!(before, (scene.head(), fs::read(scene.site().join("readme.txt")).ok()));
    second
}

#[tokio::test]
async fn a_foreign_index_lock_stops_the_deployment_before_anything_is_touched() {
    let scene = Scene::new();
    scene.write("readme.txt", "two\n");
    let pushed = scene.commit("second");
    git(&scene.site(), &["fetch", "--quiet"]);
    scene.put(".git/index.lock", "");
    let repository = scene.open();
    for failure in
        [prepare(&repository, pushed).await, reset(&repository, 1, pushed).await.map(drop)]
    {
        let failure = failure.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Repository);
        assert!(failure.message.contains(".git/index.lock ("), "{failure}");
        assert!(failure.message.contains(" s old)"), "{failure}");
        assert!(failure.message.contains("remove the file if no git command runs"), "{failure}");
    }
    assert_eq!(scene.read("readme.txt"), "one\n");
    assert!(scene.site().join(".git/index.lock").exists());
}

#[tokio::test]
async fn a_lock_that_goes_away_by_itself_stops_nobody() {
    let scene = Scene::new();
    let pushed = scene.commit("second");
    let lock = scene.site().join(".git/index.lock");
    let mut holder = hold_for_a_moment(&lock);
    prepare(&scene.open(), pushed).await.unwrap();
    holder.wait().unwrap();
}

#[tokio::test]
async fn lfs_pointers_are_never_deployed_as_files() {
    let scene = Scene::new();
    scene.write("models/.gitattributes", "# big\n*.bin filter=lfs diff=lfs merge=lfs -text\n");
    let pushed = scene.commit("lfs");
    let failure = refused_by_both(&scene, pushed).await;
    let expected = "line 2 of models/.gitattributes asks for filter=lfs";
    assert!(failure.message.contains(expected), "{failure}");
}

#[tokio::test]
async fn filters_of_the_clone_itself_and_other_encodings_are_refused_too() {
    let scene = Scene::new();
    scene.write(".gitattributes", "*.csv working-tree-encoding=UTF-16\n");
    let pushed = scene.commit("encoding");
    let failure = refused_by_both(&scene, pushed).await;
    assert!(failure.message.contains("working-tree-encoding=UTF-16"), "{failure}");
    scene.remove(".gitattributes");
    let pushed = scene.commit("no attributes");
    scene.put(".git/info/attributes", "* filter=secret\n");
    let failure = refused_by_both(&scene, pushed).await;
    assert!(failure.message.contains("info/attributes asks for filter=secret"), "{failure}");
}

#[tokio::test]
async fn a_filter_that_the_target_no_longer_asks_for_does_not_block_it() {
    let scene = Scene::new();
    scene.write(".gitattributes", "*.bin filter=lfs\n");
    scene.commit("lfs");
    git(&scene.site(), &["pull", "--quiet"]);
    scene.remove(".gitattributes");
    let pushed = scene.commit("no lfs");
    let repository = scene.open();
    prepare(&repository, pushed).await.unwrap();
    reset(&repository, 1, pushed).await.unwrap();
    scene.assert_exact(pushed);
}

#[tokio::test]
async fn hidden_files_are_refused_by_name() {
    for flag in ["--skip-worktree", "--assume-unchanged"] {
        let scene = Scene::new();
        let pushed = scene.commit("second");
        git(&scene.site(), &["update-index", flag, "readme.txt"]);
        let failure = refused_by_both(&scene, pushed).await;
        assert!(failure.message.starts_with("readme.txt is marked"), "{failure}");
    }
}

#[tokio::test]
async fn a_split_index_is_refused_with_the_way_out() {
    let scene = Scene::new();
    let pushed = scene.commit("second");
    git(&scene.site(), &["update-index", "--split-index"]);
    let failure = refused_by_both(&scene, pushed).await;
    assert!(failure.message.contains("--no-split-index"), "{failure}");
}

#[test]
fn sparse_checkouts_are_refused() {
    let scene = Scene::new();
    git(&scene.site(), &["sparse-checkout", "set", "some"]);
    assert!(refusal(&scene).contains("git sparse-checkout disable"));
}

#[test]
fn partial_clones_are_refused() {
    let scene = Scene::new();
    git(&scene.upstream(), &["config", "uploadpack.allowFilter", "true"]);
    fs::remove_dir_all(scene.site()).unwrap();
    let url = format!("file://{}", scene.upstream().display());
    git(scene.dir.path(), &["clone", "--quiet", "--filter=blob:none", &url, "site"]);
    assert!(refusal(&scene).contains("partial clone"));
}

#[test]
fn bare_missing_and_foreign_formats_are_refused() {
    let scene = Scene::new();
    let at = |path: &str| {
        let mut settings = scene.settings();
        settings.path = scene.dir.path().join(path);
        GitRepository::open(settings).unwrap_err().message
    };
    assert!(at("upstream.git").contains("is bare"));
    assert!(at("nowhere").contains("does not exist"));
    fs::create_dir(scene.dir.path().join("plain")).unwrap();
    assert!(at("plain").contains("not inside a git work tree"));
    for (name, format) in [("sha256", "--object-format=sha256"), ("table", "--ref-format=reftable")]
    {
        git(scene.dir.path(), &["init", "--quiet", format, name]);
        assert!(at(name).contains("are not served"), "{}", at(name));
    }
}

#[tokio::test]
async fn any_folder_inside_the_work_tree_will_do() {
    let scene = Scene::new();
    scene.put("a/b/c", "x");
    let mut settings = scene.settings();
    settings.path = scene.site().join("a/b");
    let repository = GitRepository::open(settings).unwrap();
    assert_eq!(repository.common_dir(), scene.site().canonicalize().unwrap().join(".git"));
}

#[tokio::test]
async fn a_remote_that_is_not_configured_is_said() {
    let scene = Scene::new();
    let mut settings = scene.settings();
    settings.remote = "elsewhere".to_owned();
    let repository = GitRepository::open(settings).unwrap();
    let failure = prepare(&repository, scene.head()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Repository);
    assert!(failure.message.contains("no usable remote elsewhere"), "{failure}");
}

#[test]
fn a_repository_of_another_user_is_refused_with_the_way_out() {
    let scene = Scene::new();
    for place in [scene.site(), scene.site().join(".git")] {
        if std::os::unix::fs::chown(place, Some(12345), Some(12345)).is_err() {
            eprintln!("skipped: only root can give files away");
            return;
        }
    }
    assert!(refusal(&scene).contains("belongs to another user: run the agent as its owner"));
}
