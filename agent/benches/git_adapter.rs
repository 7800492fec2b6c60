//! What a deployment costs in git: the adapter, beside the same work by hand over libgit2 in one
//! process (the floor) and by the git program.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use divan::Bencher;
use git2::{
    AutotagOption, Commit, FetchOptions, FileMode, Oid, Repository, ResetType, Signature,
    build::{CheckoutBuilder, TreeUpdateBuilder},
};
use ripcord_agent::{
    adapters::git::{GitRepository, Settings},
    ports::{Reporter, SourceRepository},
};
use ripcord_core::{CommitSha, DeploymentNumber};
use tokio::runtime::{Builder, Runtime};

const FILES_PER_FOLDER: usize = 25;
const BRANCH: &str = "+refs/heads/main:refs/remotes/origin/main";

fn main() {
    divan::main();
}

/// How large the tree is, and how much of it changes.
#[derive(Clone, Copy)]
struct Size {
    files: usize,
    changed: usize,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} files", self.changed, self.files)
    }
}

const SIZES: [Size; 4] = [
    Size { files: 300, changed: 1 },
    Size { files: 300, changed: 100 },
    Size { files: 5000, changed: 1 },
    Size { files: 5000, changed: 100 },
];

/// An upstream and its clone.
struct Scene {
    dir: tempfile::TempDir,
    upstream: Repository,
    size: Size,
    pushed: AtomicU64,
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    assert!(command.current_dir(folder).args(arguments).status().unwrap().success());
}

fn path(number: usize) -> String {
    format!("dossier-é/{}/fichier 日本 {number}.txt", number / FILES_PER_FOLDER)
}

impl Scene {
    fn new(size: Size) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let upstream = Repository::init_bare(dir.path().join("upstream.git")).unwrap();
        upstream.set_head("refs/heads/main").unwrap();
        let scene = Self { dir, upstream, size, pushed: AtomicU64::new(0) };
        scene.push(size.files);
        git(scene.dir.path(), &["clone", "--quiet", "upstream.git", "site"]);
        scene
    }

    /// A commit on main that changes the first file of each of so many places.
    fn push(&self, changed: usize) -> Oid {
        let number = self.pushed.fetch_add(1, Ordering::Relaxed);
        let parent = self.upstream.head().ok().map(|head| head.peel_to_commit().unwrap());
        let empty = || self.upstream.treebuilder(None).unwrap().write().unwrap();
        let base = parent.as_ref().map_or_else(empty, Commit::tree_id);
        let mut update = TreeUpdateBuilder::new();
        for file in (0..self.size.files).step_by(self.size.files / changed).take(changed) {
            let text = format!("{number} {file}\n").repeat(200);
            update.upsert(path(file), self.upstream.blob(text.as_bytes()).unwrap(), FileMode::Blob);
        }
        let base = self.upstream.find_tree(base).unwrap();
        let tree = update.create_updated(&self.upstream, &base).unwrap();
        let tree = self.upstream.find_tree(tree).unwrap();
        let author = Signature::now("Ada", "ada@example.org").unwrap();
        let parents: Vec<_> = parent.iter().collect();
        let head = Some("refs/heads/main");
        self.upstream.commit(head, &author, &author, "next", &tree, &parents).unwrap()
    }

    fn push_next(&self) -> Oid {
        self.push(self.size.changed)
    }

    fn site(&self) -> PathBuf {
        self.dir.path().join("site")
    }

    fn adapter(&self) -> Adapter {
        let repository = GitRepository::open(Settings {
            environment: "preprod".parse().unwrap(),
            path: self.site(),
            remote: "origin".to_owned(),
            branch: "main".to_owned(),
            credentials: None,
            state_dir: self.dir.path().join("state"),
            fetch_timeout: Duration::from_secs(20),
            http: None,
            ssh_program: "ssh".into(),
        });
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Adapter { repository: repository.unwrap(), runtime }
    }
}

struct Adapter {
    repository: GitRepository,
    runtime: Runtime,
}

impl Adapter {
    fn prepare(&self, commit: Oid) {
        let reporter = Reporter::channel(1).0;
        let prepared = self.repository.prepare(sha(commit), None, &reporter);
        self.runtime.block_on(prepared).unwrap();
    }

    fn reset(&self, commit: Oid) {
        let reporter = Reporter::channel(1).0;
        let reset = self.repository.reset(DeploymentNumber(1), sha(commit), &reporter);
        self.runtime.block_on(reset).unwrap();
    }

    /// What happens after deployments: only a few pins stay.
    fn unpin(&self) {
        self.runtime.block_on(self.repository.unpin_except(&[])).unwrap();
    }
}

fn sha(commit: Oid) -> CommitSha {
    commit.to_string().parse().unwrap()
}

fn fetch_by_hand(repo: &Repository, commit: Oid) {
    let mut options = FetchOptions::new();
    options.download_tags(AutotagOption::None);
    let mut remote = repo.find_remote("origin").unwrap();
    remote.fetch(&[BRANCH], Some(&mut options), None).unwrap();
    let tip = repo.refname_to_id("refs/remotes/origin/main").unwrap();
    assert!(tip == commit || repo.graph_descendant_of(tip, commit).unwrap());
}

fn reset_by_hand(repo: &Repository, commit: Oid) {
    let object = repo.find_object(commit, None).unwrap();
    let mut checkout = CheckoutBuilder::new();
    repo.reset(&object, ResetType::Hard, Some(checkout.force())).unwrap();
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 40)]
fn deploy_adapter(bencher: Bencher, size: Size) {
    let scene = Scene::new(size);
    let adapter = scene.adapter();
    let next = || {
        adapter.unpin();
        scene.push_next()
    };
    bencher.with_inputs(next).bench_local_values(|commit| {
        adapter.prepare(commit);
        adapter.reset(commit);
    });
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 40)]
fn deploy_floor(bencher: Bencher, size: Size) {
    let scene = Scene::new(size);
    bencher.with_inputs(|| scene.push_next()).bench_local_values(|commit| {
        let repo = Repository::open(scene.site()).unwrap();
        fetch_by_hand(&repo, commit);
        reset_by_hand(&repo, commit);
    });
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 40)]
fn deploy_git_program(bencher: Bencher, size: Size) {
    let scene = Scene::new(size);
    bencher.with_inputs(|| scene.push_next()).bench_local_values(|commit| {
        let commit = commit.to_string();
        git(&scene.site(), &["fetch", "--quiet", "--no-tags", "origin", BRANCH]);
        git(&scene.site(), &["merge-base", "--is-ancestor", &commit, "origin/main"]);
        git(&scene.site(), &["reset", "--quiet", "--hard", &commit]);
    });
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 40)]
fn prepare(bencher: Bencher, size: Size) {
    let scene = Scene::new(size);
    let adapter = scene.adapter();
    let next = || {
        adapter.unpin();
        scene.push_next()
    };
    bencher.with_inputs(next).bench_local_values(|commit| adapter.prepare(commit));
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 40)]
fn reset(bencher: Bencher, size: Size) {
    let scene = Scene::new(size);
    let adapter = scene.adapter();
    let prepared = || {
        adapter.unpin();
        let commit = scene.push_next();
        adapter.prepare(commit);
        commit
    };
    bencher.with_inputs(prepared).bench_local_values(|commit| adapter.reset(commit));
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 40)]
fn inspect(bencher: Bencher, size: Size) {
    let scene = Scene::new(size);
    let adapter = scene.adapter();
    let commit = scene.push_next();
    adapter.prepare(commit);
    adapter.reset(commit);
    bencher.bench_local(|| {
        let state = adapter.runtime.block_on(adapter.repository.inspect(sha(commit)));
        assert!(state.unwrap().exact);
    });
}
