//! An upstream repository, a folder to commit in, and a deployed clone; all made by git itself.

use std::{
    fs,
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::Duration,
};

use ripcord_agent::{
    adapters::git::{GitRepository, Settings, http_client},
    ports::{Reporter, SourceRepository},
};
use ripcord_core::{CommitSha, DeploymentNumber, Failure, effect::TreeReport};

/// Runs git and answers its output; fails the test when git fails.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = git_command(folder, arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {text} {complaint}");
    text
}

pub fn git_command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    // Nothing here has to survive a power cut, nor is watched by a daemon.
    for (name, value) in [("COUNT", "2"), ("KEY_0", "core.fsync"), ("VALUE_0", "none")] {
        command.env(format!("GIT_CONFIG_{name}"), value);
    }
    command.env("GIT_CONFIG_KEY_1", "gc.auto").env("GIT_CONFIG_VALUE_1", "0");
    for (name, value) in [("NAME", "Ada Lovelace"), ("EMAIL", "ada@example.org")] {
        command.env(format!("GIT_AUTHOR_{name}"), value);
        command.env(format!("GIT_COMMITTER_{name}"), value);
    }
    command
}

pub struct Scene {
    pub dir: tempfile::TempDir,
}

/// The settings for the site of a scene at `root`.
pub fn settings_at(root: &Path) -> Settings {
    Settings {
        environment: "preprod".parse().unwrap(),
        path: root.join("site"),
        remote: "origin".to_owned(),
        branch: "main".to_owned(),
        credentials: None,
        state_dir: root.join("state"),
        fetch_timeout: Duration::from_secs(20),
        http: Some(http_client::build(None).unwrap()),
        ssh_program: "ssh".into(),
    }
}

/// In memory where there is enough of it: nothing here is about disks, and they are slow at the
/// thousands of small files.
fn scratch() -> tempfile::TempDir {
    const ENOUGH: u64 = 2 << 30;
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |found| found.f_bavail * found.f_frsize);
    let in_memory = (free >= ENOUGH).then(|| tempfile::tempdir_in(memory).ok()).flatten();
    in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

impl Scene {
    /// An upstream with one commit, cloned to `site`: a copy of one that git made.
    pub fn new() -> Self {
        static FIRST: LazyLock<Scene> = LazyLock::new(Scene::made_by_git);
        let dir = scratch();
        for folder in ["upstream.git", "work", "site"] {
            copy(&FIRST.dir.path().join(folder), &dir.path().join(folder));
        }
        let scene = Self { dir };
        let url = scene.upstream().display().to_string();
        git(&scene.site(), &["remote", "set-url", "origin", &url]);
        scene
    }

    fn made_by_git() -> Self {
        let scene = Self { dir: scratch() };
        let root = scene.dir.path();
        let init = ["init", "--quiet", "--template=", "--initial-branch=main"];
        git(root, &[&init[..], &["--bare", "upstream.git"]].concat());
        git(root, &[&init[..], &["work"]].concat());
        git(&scene.work(), &["remote", "add", "origin", "../upstream.git"]);
        scene.write("readme.txt", "one\n");
        scene.commit("first commit");
        git(root, &["clone", "--quiet", "--template=", "upstream.git", "site"]);
        scene
    }

    pub fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub fn site(&self) -> PathBuf {
        self.dir.path().join("site")
    }

    pub fn upstream(&self) -> PathBuf {
        self.dir.path().join("upstream.git")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Writes a file to be committed.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        put(&self.work(), path, content);
    }

    pub fn link(&self, path: &str, target: &str) {
        let place = self.work().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&place);
        symlink(target, place).unwrap();
    }

    pub fn executable(&self, path: &str, yes: bool) {
        let mode = if yes { 0o755 } else { 0o644 };
        fs::set_permissions(self.work().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn remove(&self, path: &str) {
        let place = self.work().join(path);
        if place.is_dir() { fs::remove_dir_all(place) } else { fs::remove_file(place) }.unwrap();
    }

    /// Commits everything and pushes it to main.
    pub fn commit(&self, subject: &str) -> CommitSha {
        let sha = self.commit_unpushed(subject);
        git(&self.work(), &["push", "--quiet", "--force", "origin", "HEAD:main"]);
        sha
    }

    pub fn commit_unpushed(&self, subject: &str) -> CommitSha {
        git(&self.work(), &["add", "--all"]);
        git(&self.work(), &["commit", "--quiet", "--allow-empty", "--message", subject]);
        self.work_head()
    }

    /// A pushed commit in which the line endings of `dos.txt` and the like, as they were committed, are
    /// against the attributes: nothing but the attributes is added to it.
    pub fn commit_against_attributes(&self) -> CommitSha {
        self.commit("before there were attributes");
        let work = self.work();
        git(&work, &["config", "core.safecrlf", "false"]);
        fs::write(work.join(".gitattributes"), "*.txt text\n").unwrap();
        git(&work, &["add", ".gitattributes"]);
        git(&work, &["commit", "--quiet", "-m", "attributes"]);
        git(&work, &["push", "--quiet", "origin", "HEAD:main"]);
        self.work_head()
    }

    pub fn work_head(&self) -> CommitSha {
        sha(&git(&self.work(), &["rev-parse", "HEAD"]))
    }

    pub fn settings(&self) -> Settings {
        settings_at(self.dir.path())
    }

    pub fn open(&self) -> GitRepository {
        GitRepository::open(self.settings()).unwrap()
    }

    /// What git says of the deployed tree.
    pub fn status(&self) -> String {
        git(&self.site(), &["status", "--porcelain"])
    }

    pub fn head(&self) -> CommitSha {
        sha(&git(&self.site(), &["rev-parse", "HEAD"]))
    }

    /// Git itself agrees, without trusting its own cache, that the tree is that of `commit`.
    pub fn assert_exact(&self, commit: CommitSha) {
        assert_eq!(self.head(), commit);
        git(&self.site(), &["update-index", "--really-refresh", "-q"]);
        assert_eq!(git(&self.site(), &["diff", "--stat", &commit.to_string()]), "");
        assert_eq!(git(&self.site(), &["diff", "--cached", "--stat"]), "");
        assert_eq!(self.listing(&self.site()), wanted_listing(&self.work(), commit));
    }

    /// The same for a commit that only the deployed clone has.
    pub fn assert_exact_in_site(&self, commit: CommitSha) {
        assert_eq!(self.head(), commit);
        assert_eq!(self.listing(&self.site()), wanted_listing(&self.site(), commit));
    }

    /// Mode, content id and path of every tracked file as it is on disk.
    pub fn listing(&self, folder: &Path) -> Vec<String> {
        let paths = git(folder, &["-c", "core.quotePath=false", "ls-files"]);
        let mut lines: Vec<_> = paths.lines().map(|path| disk_line(folder, path)).collect();
        lines.sort();
        lines
    }

    /// The file of the deployed tree.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.site().join(path)).unwrap()
    }

    pub fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        put(&self.site(), path, content);
    }

    /// What is in the only save of local modifications.
    pub fn only_save(&self) -> PathBuf {
        let saves = self.saves();
        assert_eq!(saves.len(), 1, "{saves:?}");
        saves[0].clone()
    }

    pub fn saves(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.state().join("saved/preprod"));
        folder.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }
}

fn wanted_listing(folder: &Path, commit: CommitSha) -> Vec<String> {
    let tree = ["-c", "core.quotePath=false", "ls-tree", "-r", &commit.to_string()];
    let mut lines: Vec<_> = git(folder, &tree).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The line that `git ls-tree` prints of a file, made from what is on disk.
fn disk_line(folder: &Path, path: &str) -> String {
    let place = folder.join(path);
    let metadata = place.symlink_metadata().unwrap();
    let (mode, content) = if metadata.is_symlink() {
        ("120000", fs::read_link(&place).unwrap().into_os_string().into_encoded_bytes())
    } else if metadata.permissions().mode() & 0o100 == 0 {
        ("100644", fs::read(&place).unwrap())
    } else {
        ("100755", fs::read(&place).unwrap())
    };
    let id = git2::Oid::hash_object(git2::ObjectType::Blob, &content).unwrap();
    format!("{mode} blob {id}\t{path}")
}

/// Somebody who has a lock by now, and soon no more.
pub fn hold_for_a_moment(lock: &Path) -> Child {
    let mut holder = Command::new("sh");
    holder.args(["-c", "touch \"$0\"; echo; sleep 0.1; rm \"$0\""]).arg(lock);
    let mut holder = holder.stdout(Stdio::piped()).spawn().unwrap();
    holder.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    holder
}

/// Replaces the clone by one that has the last commit only.
pub fn shallow(scene: &Scene) {
    fs::remove_dir_all(scene.site()).unwrap();
    let url = format!("file://{}", scene.upstream().display());
    git(scene.dir.path(), &["clone", "--quiet", "--depth", "1", &url, "site"]);
}

/// Git itself, with an index of its own that trusts no stat data, finds nothing to complain about.
pub fn judge(site: &Path, commit: CommitSha) {
    let commit = commit.to_string();
    assert_eq!(git(site, &["rev-parse", "HEAD"]), commit);
    assert_eq!(git(site, &["status", "--porcelain"]), "", "{commit}");
    let listed = git(site, &["ls-files", "--stage", "-z"]).replace(" 0\t", "\t");
    let wanted = git(site, &["ls-tree", "-r", "-z", &commit]).replace(" blob ", " ");
    assert_eq!(listed, wanted, "the index is not that of {commit}");
    let tree = git(site, &["rev-parse", &format!("{commit}^{{tree}}")]);
    assert_eq!(git(site, &["write-tree"]), tree, "the index notes other folders");
    let fresh = tempfile::tempdir().unwrap();
    for arguments in [&["read-tree", &commit][..], &["diff", "--exit-code", "--stat"]] {
        let mut command = git_command(site, arguments);
        let output = command.env("GIT_INDEX_FILE", fresh.path().join("index")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{commit}: {said}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

fn put(folder: &Path, path: &str, content: impl AsRef<[u8]>) {
    let place = folder.join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, content).unwrap();
}

pub fn sha(text: &str) -> CommitSha {
    text.parse().unwrap()
}

/// A reporter that nobody listens to.
pub fn nobody() -> Reporter {
    Reporter::channel(1).0
}

pub async fn prepare(repository: &GitRepository, sha: CommitSha) -> Result<(), Failure> {
    repository.prepare(sha, None, &nobody()).await.map(drop)
}

pub async fn reset(
    repository: &GitRepository,
    number: u64,
    sha: CommitSha,
) -> Result<TreeReport, Failure> {
    repository.reset(DeploymentNumber(number), sha, &nobody()).await
}

/// Prepares and resets, as a deployment does.
pub async fn deploy(scene: &Scene, number: u64, sha: CommitSha) -> TreeReport {
    let repository = scene.open();
    prepare(&repository, sha).await.unwrap();
    reset(&repository, number, sha).await.unwrap()
}
