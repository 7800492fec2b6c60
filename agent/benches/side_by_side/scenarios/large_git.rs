//! The git part of a deployment in a repository of 100,000 files, one of which has changed: what the
//! agent does (fetch, look whether it may be written, pin, write), and `git fetch && git reset --hard`.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ripcord_agent::{
    adapters::git::{GitRepository, Settings},
    ports::{Reporter, SourceRepository as _},
};
use ripcord_core::{CommitSha, DeploymentNumber};
use tokio::runtime::{Builder, Runtime};

use crate::{
    agent::succeed, findings::Findings, git::git, interrupt, options::Options, series::Series,
    targets, turns::order,
};

const PER_FOLDER: usize = 100;

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    let files = options.either(100_000, 10_000);
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::new(folder.path(), files);
    let [theirs, ours] = ["git", "ripcord"].map(|name| origin.clone_to(name));
    let adapter = Adapter::new(folder.path(), ours.clone());
    let mut series =
        ["git fetch && git reset --hard", "ripcord: prepare and reset"].map(Series::of_times);
    let rounds = options.rounds(15, 3);
    for round in 0..=rounds {
        let sha = origin.push(round * 7919 % files, round);
        for at in order(round, 2) {
            interrupt::check();
            let began = Instant::now();
            let live = match at {
                0 => by_git(&theirs, &sha),
                _ => adapter.deploy(&ours, &sha, round),
            };
            // The first round only warms up.
            if round > 0 {
                series[at].add(began.elapsed());
            }
            is_exactly(live, &sha);
        }
    }
    findings.show(&[&series[0], &series[1]]);
    if options.quick {
        findings.note(format!("the large repository had {files} files only"));
    }
    findings.compare(&targets::LARGE_GIT, &series[1], &series[0]);
}

fn by_git<'a>(live: &'a Path, sha: &str) -> &'a Path {
    let line = format!("git fetch --quiet origin main && git reset --quiet --hard {sha}");
    succeed(Command::new("sh").args(["-c", &line]).current_dir(live));
    live
}

/// Every byte of the tree is that of the commit.
fn is_exactly(live: &Path, sha: &str) {
    assert_eq!(git(live, &["rev-parse", "HEAD"]), sha);
    assert_eq!(git(live, &["status", "--porcelain"]), "");
    assert_eq!(git(live, &["diff", "--stat", sha]), "");
}

/// Where commits come from: a bare repository, filled by `git fast-import`.
struct Origin(PathBuf);

impl Origin {
    fn new(folder: &Path, files: usize) -> Self {
        let origin = folder.join("origin.git");
        git(folder, &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"]);
        let origin = Self(origin);
        let mut stream = head("first", "");
        for number in 0..files {
            stream += &file(number, 0);
        }
        origin.import(&stream);
        origin
    }

    fn clone_to(&self, name: &str) -> PathBuf {
        let folder = self.0.parent().unwrap();
        git(folder, &["clone", "--quiet", self.0.to_str().unwrap(), name]);
        folder.join(name)
    }

    /// One file changes.
    fn push(&self, number: usize, version: usize) -> String {
        self.import(&(head("next", "from refs/heads/main^0\n") + &file(number, version + 1)));
        git(&self.0, &["rev-parse", "main"])
    }

    fn import(&self, stream: &str) {
        let mut import = Command::new("git");
        import
            .arg("-C")
            .arg(&self.0)
            .args(["fast-import", "--quiet", "--date-format=now"])
            .stdin(Stdio::piped());
        let mut import = import.spawn().unwrap();
        import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        assert!(import.wait().unwrap().success());
    }
}

fn head(subject: &str, from: &str) -> String {
    let length = subject.len();
    format!(
        "commit refs/heads/main\ncommitter Ann <ann@example.invalid> now\ndata {length}\n{subject}\n{from}"
    )
}

fn file(number: usize, version: usize) -> String {
    let mut text = format!("file {number}, version {version}\n").repeat(10);
    let _ = writeln!(text, "the end");
    let folder = number / PER_FOLDER;
    format!("M 100644 inline {folder}/{number}.txt\ndata {}\n{text}\n", text.len())
}

struct Adapter {
    repository: GitRepository,
    runtime: Runtime,
}

impl Adapter {
    fn new(folder: &Path, path: PathBuf) -> Self {
        let repository = GitRepository::open(Settings {
            environment: "bench".parse().unwrap(),
            path,
            remote: "origin".to_owned(),
            branch: "main".to_owned(),
            credentials: None,
            state_dir: folder.join("state"),
            fetch_timeout: Duration::from_secs(60),
            http: None,
            ssh_program: "ssh".into(),
        });
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { repository: repository.unwrap(), runtime }
    }

    fn deploy<'a>(&self, live: &'a Path, sha: &str, round: usize) -> &'a Path {
        let sha: CommitSha = sha.parse().unwrap();
        let number = DeploymentNumber(round as u64 + 1);
        let reporter = Reporter::channel(1).0;
        self.runtime.block_on(async {
            self.repository.prepare(sha, None, &reporter).await.unwrap();
            self.repository.reset(number, sha, &reporter).await.unwrap();
        });
        live
    }
}
