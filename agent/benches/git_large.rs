//! The git part of a deployment in a large repository, and in one that nobody tidied up, beside the
//! git program: the same commits on two clones, in turns, so that a busy machine is unfair to both.
//!
//! `cargo bench --package ripcord-agent --bench git_large`, with `RIPCORD_FILES` and `RIPCORD_ROUNDS`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ripcord_agent::{
    adapters::git::{GitRepository, Settings},
    ports::{Reporter, SourceRepository},
};
use ripcord_core::{CommitSha, DeploymentNumber};
use tokio::runtime::{Builder, Runtime};

const FILES_PER_FOLDER: usize = 25;
const FOLDERS_PER_FOLDER: usize = 40;
/// As many as git leaves at most before it tidies up: `gc.auto` and `gc.autoPackLimit`.
const LOOSE: usize = 5_000;
const PACKS: usize = 47;

fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.args(["-c", "gc.auto=0", "-c", "user.name=a", "-c", "user.email=a@example.org"]);
    let output = command.current_dir(folder).args(arguments).stderr(Stdio::inherit()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn path(file: usize) -> String {
    let folder = file / FILES_PER_FOLDER;
    format!("part{}/folder{folder}/file{file}.txt", folder / FOLDERS_PER_FOLDER)
}

/// An upstream with a history in which each commit changes one file.
struct Scene {
    dir: tempfile::TempDir,
    commits: Vec<String>,
}

impl Scene {
    fn new(files: usize, commits: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "upstream.git"]);
        let upstream = dir.path().join("upstream.git");
        let mut import = Command::new("git");
        import.current_dir(&upstream).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
        let mut import = import.spawn().unwrap();
        let mut into = import.stdin.take().unwrap();
        for number in 0..=commits {
            let changed = if number == 0 { 0..files } else { one_of(files, number) };
            into.write_all(commit(number, changed).as_bytes()).unwrap();
        }
        drop(into);
        assert!(import.wait().unwrap().success());
        let list = git(&upstream, &["rev-list", "--reverse", "main"]);
        let scene = Self { dir, commits: list.lines().map(str::to_owned).collect() };
        scene.push(0);
        for site in ["ours", "theirs"] {
            git(scene.dir.path(), &["clone", "--quiet", "upstream.git", site]);
            // Files that are as new as the index are read again each time.
            std::thread::sleep(Duration::from_millis(20));
            git(&scene.site(site), &["update-index", "--really-refresh", "-q"]);
        }
        scene
    }

    fn push(&self, number: usize) {
        let branch = self.dir.path().join("upstream.git/refs/heads/main");
        fs::write(branch, format!("{}\n", self.commits[number])).unwrap();
    }

    fn site(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn adapter(&self) -> Adapter {
        let repository = GitRepository::open(Settings {
            environment: "preprod".parse().unwrap(),
            path: self.site("ours"),
            remote: "origin".to_owned(),
            branch: "main".to_owned(),
            credentials: None,
            state_dir: self.dir.path().join("state"),
            fetch_timeout: Duration::from_secs(60),
            http: None,
            ssh_program: "ssh".into(),
        });
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Adapter { repository: repository.unwrap(), runtime }
    }
}

fn one_of(files: usize, number: usize) -> std::ops::Range<usize> {
    let file = number * 7_919 % files;
    file..file + 1
}

fn commit(number: usize, files: std::ops::Range<usize>) -> String {
    let at = 1_700_000_000 + number;
    let mut text = format!("commit refs/heads/main\ncommitter a <a@example.org> {at} +0000\n");
    text.push_str("data 4\nnext\n");
    for file in files {
        let content = format!("{number} {file}\n").repeat(40);
        let (path, length) = (path(file), content.len());
        writeln!(text, "M 100644 inline {path}\ndata {length}\n{content}").unwrap();
    }
    text
}

struct Adapter {
    repository: GitRepository,
    runtime: Runtime,
}

impl Adapter {
    fn prepare(&self, sha: CommitSha) {
        let reporter = Reporter::channel(1).0;
        self.runtime.block_on(self.repository.prepare(sha, None, &reporter)).unwrap();
    }

    fn reset(&self, sha: CommitSha) {
        let reporter = Reporter::channel(1).0;
        let reset = self.repository.reset(DeploymentNumber(1), sha, &reporter);
        assert_eq!(self.runtime.block_on(reset).unwrap().changed, 1);
    }

    fn inspect(&self, sha: CommitSha) {
        assert!(self.runtime.block_on(self.repository.inspect(sha)).unwrap().exact);
    }
}

/// What was measured, by name, in milliseconds.
#[derive(Default)]
struct Figures(Vec<(&'static str, Vec<f64>)>);

impl Figures {
    fn time(&mut self, name: &'static str, work: impl FnOnce()) {
        let begin = Instant::now();
        work();
        let took = begin.elapsed().as_secs_f64() * 1e3;
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, figures)) => figures.push(took),
            None => self.0.push((name, vec![took])),
        }
    }

    fn median(&self, name: &str) -> f64 {
        let (_, figures) = self.0.iter().find(|(known, _)| *known == name).unwrap();
        let mut figures = figures.clone();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    }

    fn print(&self, title: &str) {
        println!("\n{title}");
        for (name, figures) in &self.0 {
            let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
            println!("  {name:<28} median {:7.1} ms, least {least:7.1} ms", self.median(name));
        }
        let whole =
            |who: &str| self.median(&format!("{who} fetch")) + self.median(&format!("{who} reset"));
        println!("  ratio of fetch and reset: {:.2}", whole("our") / whole("git's"));
    }
}

fn rounds(scene: &Scene, numbers: std::ops::Range<usize>) -> Figures {
    let (adapter, theirs) = (scene.adapter(), scene.site("theirs"));
    let mut figures = Figures::default();
    for number in numbers {
        let commit = &scene.commits[number];
        let sha: CommitSha = commit.parse().unwrap();
        scene.push(number);
        figures.time("our fetch", || adapter.prepare(sha));
        figures.time("our reset", || adapter.reset(sha));
        figures.time("git's fetch", || drop(git(&theirs, &["fetch", "--quiet"])));
        figures.time("git's reset", || drop(git(&theirs, &["reset", "--quiet", "--hard", commit])));
        figures.time("our status", || adapter.inspect(sha));
        figures.time("git's status", || assert_eq!(git(&theirs, &["status", "--porcelain"]), ""));
        adapter.runtime.block_on(adapter.repository.unpin_except(&[])).unwrap();
    }
    let judged = ["diff", "--exit-code", "HEAD"];
    git(&scene.site("ours"), &judged);
    assert_eq!(git(&scene.site("ours"), &["status", "--porcelain"]), "");
    figures
}

fn large(rounds_wanted: usize) {
    let files = setting("RIPCORD_FILES", 100_000);
    let scene = Scene::new(files, rounds_wanted);
    let figures = rounds(&scene, 1..rounds_wanted + 1);
    figures.print(&format!("{files} files, one changed, {rounds_wanted} rounds in turns"));
}

/// Packs of one object each, and loose objects, as years of fetches leave them.
fn neglect(site: &Path) {
    let repo = git2::Repository::open(site).unwrap();
    let blob = |text: String| repo.blob(text.as_bytes()).unwrap();
    for pack in 0..PACKS {
        let mut builder = repo.packbuilder().unwrap();
        builder.insert_object(blob(format!("pack {pack}")), None).unwrap();
        builder.write(&site.join(".git/objects/pack"), 0o444).unwrap();
    }
    for number in 0..LOOSE {
        blob(format!("loose {number}"));
    }
}

fn neglected(rounds_wanted: usize) {
    let scene = Scene::new(1_000, 3 * rounds_wanted);
    let part = |number: usize| number * rounds_wanted + 1..(number + 1) * rounds_wanted + 1;
    rounds(&scene, part(0)).print("1,000 files, as cloned");
    ["ours", "theirs"].iter().for_each(|site| neglect(&scene.site(site)));
    rounds(&scene, part(1))
        .print(&format!("the same with {PACKS} packs, {LOOSE} loose objects more"));
    let adapter = scene.adapter();
    let begin = Instant::now();
    let done = adapter.runtime.block_on(adapter.repository.tidy()).unwrap().unwrap();
    println!("\ntidied in {:.0} ms: {done}", begin.elapsed().as_secs_f64() * 1e3);
    rounds(&scene, part(2)).print("the same, ours tidied up");
}

fn main() {
    let rounds = setting("RIPCORD_ROUNDS", 21);
    neglected(rounds);
    large(rounds);
}
