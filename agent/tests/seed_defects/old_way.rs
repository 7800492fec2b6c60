//! The scripts that are being replaced, in the few lines that matter (`old/*.sh`), run for real by
//! bash on a clone of its own. What they call of the world is in `old/bin`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::story::{Part, Seen, Step, World};
use crate::{
    git::{Clone, git},
    site::eventually,
};

pub struct OldWay {
    room: TempDir,
    git: Clone,
    shas: BTreeMap<String, String>,
    green: BTreeSet<String>,
    /// Each is a process that waits for its end of input before it looks at the CI.
    watchers: BTreeMap<String, Child>,
    workflow: &'static str,
    is_busy: bool,
}

/// One of the old scripts, with nothing to read and nobody who listens.
pub fn script(name: &str) -> Command {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seed_defects/old");
    let path = format!("{}:{}", old.join("bin").display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.arg(old.join(name)).env("PATH", path);
    bash.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    bash
}

impl OldWay {
    pub fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        let git = Clone::new(room.path());
        fs::write(room.path().join("runs"), "").unwrap();
        Self {
            room,
            git,
            shas: BTreeMap::new(),
            green: BTreeSet::new(),
            watchers: BTreeMap::new(),
            workflow: "CI Pipeline",
            is_busy: false,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    fn note(&self, name: &str) {
        fs::write(self.file(name), "").unwrap();
    }

    fn state(&self) -> PathBuf {
        self.file("last-validated-sha.txt")
    }

    /// One of the old scripts, about this commit.
    fn script(&self, name: &str, page: &str) -> Command {
        let mut script = script(name);
        script.current_dir(&self.git.live).env("SHA", &self.shas[page]);
        script.env("ROOM", self.room.path()).env("STATE", self.state());
        script
    }

    fn deploy(&mut self, page: &str) {
        self.shas.insert(page.to_owned(), self.git.pushed(page));
        self.put_run(page, "");
        if self.script("deploy.sh", page).status().unwrap().success() {
            self.green.insert(page.to_owned());
            let watcher = self.script("watch.sh", page).stdin(Stdio::piped()).spawn().unwrap();
            self.watchers.insert(page.to_owned(), watcher);
        }
    }

    /// The newest run is the first of GitHub's list; one that has not ended has no conclusion.
    fn put_run(&self, page: &str, conclusion: &str) {
        let sha = &self.shas[page];
        let line = |sha: &str| format!("{sha}\t{}\t{conclusion}\n", self.workflow);
        let others = if self.is_busy { 12 } else { 0 };
        let mut runs = line(&"0".repeat(40)).repeat(others) + &line(sha);
        let older = fs::read_to_string(self.file("runs")).unwrap();
        runs.extend(older.split_inclusive('\n').filter(|line| !line.starts_with(sha)));
        fs::write(self.file("runs"), runs).unwrap();
    }

    /// Lets the commit's watcher look, if there is one, to its end.
    fn look(&mut self, page: &str) {
        if let Some(mut watcher) = self.watchers.remove(page) {
            drop(watcher.stdin.take());
            watcher.wait().unwrap();
        }
    }

    /// The second looks while the first is in the middle of its reset.
    fn look_at_once(&mut self, [first, second]: [&str; 2]) {
        let room = self.room.path().display();
        let slow = format!("while [ -d {room} ]; do command -p sleep 0.02; done");
        git(&self.git.live, &["config", "filter.slow.smudge", &slow]);
        let attributes = self.git.live.join(".git/info/attributes");
        fs::write(attributes, "page.txt filter=slow\n").unwrap();
        drop(self.watchers.get_mut(first).and_then(|watcher| watcher.stdin.take()));
        eventually(|| self.git.live.join(".git/index.lock").exists());
        self.look(second);
    }

    fn page_of(&self, sha: &str) -> Option<String> {
        let sha = sha.trim();
        (!sha.is_empty()).then(|| git(&self.git.live, &["log", "-1", "--format=%s", sha]))
    }

    fn page_in(&self, file: &Path) -> Option<String> {
        self.page_of(&fs::read_to_string(file).ok()?)
    }
}

impl World for OldWay {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Deploy(page) => self.deploy(page),
            Step::Ci(page, conclusion) => {
                self.put_run(page, conclusion);
                self.look(page);
            }
            Step::CiAtOnce(pages, conclusion) => {
                pages.iter().for_each(|page| self.put_run(page, conclusion));
                self.look_at_once(pages);
            }
            Step::GithubIsBusy => self.is_busy = true,
            Step::WorkflowIsRenamed => self.workflow = "Qualité et tests",
            Step::GithubFails => self.note("github-down"),
            Step::GithubWorks => fs::remove_file(self.file("github-down")).unwrap(),
            Step::TimeIsUp(page) => self.look(page),
            Step::Reboot => std::mem::take(&mut self.watchers).into_values().for_each(kill),
            Step::Breaks(Part::Reset) => self.note("live/.git/index.lock"),
            Step::Breaks(Part::Restart) => self.note("no-restart"),
            Step::Breaks(Part::Probe) => self.note("sick"),
            Step::StateFileSays(text) => fs::write(self.state(), text).unwrap(),
            Step::StateFileIsHeld => fs::hard_link(self.state(), self.file("held")).unwrap(),
            Step::TellingFails => self.note("discord-down"),
        }
    }

    async fn seen(&mut self) -> Seen {
        let told = fs::read_to_string(self.file("told")).unwrap_or_default();
        let told = told.lines().filter_map(|line| line.split_once(' '));
        Seen {
            live: fs::read_to_string(self.git.live.join("page.txt")).unwrap_or_default(),
            validated: self.page_in(&self.state()),
            told: told.map(|(sha, word)| (self.page_of(sha).unwrap(), word.to_owned())).collect(),
            green: self.green.clone(),
            held: self.page_in(&self.file("held")),
        }
    }
}

fn kill(mut watcher: Child) {
    watcher.kill().unwrap();
    watcher.wait().unwrap();
}

impl Drop for OldWay {
    fn drop(&mut self) {
        std::mem::take(&mut self.watchers).into_values().for_each(kill);
    }
}
