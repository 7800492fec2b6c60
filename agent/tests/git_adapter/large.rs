//! A long history of everything that repositories hold, deployed commit by commit, forwards and in
//! random order, with git as the judge each time.

use std::{collections::BTreeMap, fmt::Write as _, fs, io::Write as _, process::Stdio};

use ripcord_core::CommitSha;

use crate::support::{Scene, git, git_command, judge, prepare, reset, sha};

const REGULAR: &str = "100644";
const EXECUTABLE: &str = "100755";
const LINK: &str = "120000";

/// Names that tools stumble over.
const NAMES: [&str; 22] = [
    "a",
    "A",
    "b.txt",
    "B.TXT",
    "é",
    "日本語",
    "with space",
    "quote\"d",
    "new\nline",
    "back\\slash",
    "[x]",
    "*",
    "-dash",
    "#hash",
    "!bang",
    "tab\there",
    ".hidden",
    "a-b",
    "a.b",
    "~",
    "x\\",
    "'s",
];

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }

    fn path(&mut self) -> String {
        let depth = if self.roll(40) == 0 { 30 } else { 1 + self.roll(4) };
        let names: Vec<_> = (0..depth).map(|_| NAMES[self.roll(NAMES.len())]).collect();
        names.join("/")
    }

    fn content(&mut self, most: usize) -> Vec<u8> {
        let length = self.roll(most);
        if self.roll(3) > 0 {
            let end = if self.roll(4) == 0 { "\r\n" } else { "\n" };
            let line = format!("line {} é{end}", self.roll(1000));
            return line.repeat(length / line.len() + 1).into_bytes();
        }
        (0..length).map(|_| self.roll(256).to_le_bytes()[0]).collect()
    }
}

/// A tree, and the stream for `git fast-import` that makes its history.
struct History {
    dice: Dice,
    files: BTreeMap<String, (&'static str, Vec<u8>)>,
    stream: Vec<u8>,
    /// Longest content of a file.
    most: usize,
}

impl History {
    fn put(&mut self, path: String, mode: &'static str, mut content: Vec<u8>) {
        if path.ends_with(".txt") {
            // Git itself never comes to rest with files that are against their own attributes.
            content.retain(|byte| *byte != b'\r');
        }
        let inside = format!("{path}/");
        let above = |other: &str| path.starts_with(&format!("{other}/"));
        let gone = |other: &String| other.starts_with(&inside) || above(other);
        for other in self.files.keys().filter(|other| gone(other)).cloned().collect::<Vec<_>>() {
            self.remove(&other);
        }
        let line = format!("M {mode} inline {}\ndata {}\n", quoted(&path), content.len());
        self.stream.extend_from_slice(line.as_bytes());
        self.stream.extend_from_slice(&content);
        self.stream.push(b'\n');
        self.files.insert(path, (mode, content));
    }

    fn remove(&mut self, path: &str) {
        self.files.remove(path);
        writeln!(self.stream, "D {}", quoted(path)).unwrap();
    }

    fn any(&mut self) -> Option<String> {
        let index = self.dice.roll(self.files.len().max(1));
        self.files.keys().nth(index).cloned()
    }

    fn change(&mut self) {
        let (action, Some(old)) = (self.dice.roll(12), self.any()) else { return self.add() };
        let (mode, content) = self.files[&old].clone();
        match action {
            0 | 1 => self.remove(&old),
            2 => {
                self.remove(&old);
                let path = self.dice.path();
                self.put(path, mode, content);
            }
            3 => {
                self.remove(&old);
                let upper = old.to_uppercase();
                self.put(if upper == old { old.to_lowercase() } else { upper }, mode, content);
            }
            4 if mode == REGULAR => self.put(old, EXECUTABLE, content),
            4 if mode == EXECUTABLE => self.put(old, REGULAR, content),
            5 => {
                let path = self.dice.path();
                self.put(path, LINK, b"../somewhere/\xc3\xa9".to_vec());
            }
            6 | 7 if mode != LINK => {
                let content = self.dice.content(self.most);
                self.put(old, mode, content);
            }
            _ => self.add(),
        }
    }

    fn add(&mut self) {
        let (path, content) = (self.dice.path(), self.dice.content(self.most));
        self.put(path, REGULAR, content);
    }

    /// Commit `number` on top of the one before, and now and then of an older one too.
    fn commit(&mut self, number: usize) {
        let mut head = String::new();
        writeln!(head, "commit refs/heads/main\nmark :{number}").unwrap();
        writeln!(head, "committer Ada <ada@example.org> {} +0100", 1_700_000_000 + number).unwrap();
        head.push_str("data 5\nnext\n\n");
        if number > 1 {
            writeln!(head, "from :{}", number - 1).unwrap();
        }
        if number > 5 && number.is_multiple_of(10) {
            writeln!(head, "merge :{}", number - 4).unwrap();
        }
        self.stream.extend_from_slice(head.as_bytes());
        match number {
            1 => {
                let attributes = "* text=auto\n*.txt text eol=crlf\n";
                self.put(".gitattributes".to_owned(), REGULAR, attributes.into());
                (0..40).for_each(|_| self.add());
            }
            // An empty commit.
            number if number.is_multiple_of(13) => {}
            // What is tracked may be ignored too.
            number if number.is_multiple_of(17) => {
                self.put(".gitignore".to_owned(), REGULAR, format!("*.txt\n/{number}\n").into());
            }
            _ => (0..=self.dice.roll(8)).for_each(|_| self.change()),
        }
    }
}

/// All bytes in octal: what fast-import and nobody else reads with pleasure.
fn quoted(path: &str) -> String {
    let mut quoted = path.bytes().fold("\"".to_owned(), |mut quoted, byte| {
        write!(quoted, "\\{byte:03o}").unwrap();
        quoted
    });
    quoted.push('"');
    quoted
}

/// Such a history in the upstream; its commits, oldest first.
fn make(scene: &Scene, commits: usize, most: usize) -> Vec<CommitSha> {
    let (dice, files) = (Dice(0x9e37_79b9_7f4a_7c15), BTreeMap::new());
    let mut history = History { dice, files, stream: Vec::new(), most };
    (1..=commits).for_each(|number| history.commit(number));
    let mut import = git_command(&scene.upstream(), &["fast-import", "--quiet", "--force"]);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(&history.stream).unwrap();
    assert!(import.wait().unwrap().success());
    let list = ["rev-list", "--reverse", "--first-parent", "main"];
    git(&scene.upstream(), &list).lines().map(sha).collect()
}

/// Deploys all of them in order, each as if it had just been pushed, then some at random.
async fn deploys(commits: usize, most: usize, at_random: usize) {
    let scene = Scene::new();
    let commits = make(&scene, commits, most);
    let repository = scene.open();
    let upstream = scene.upstream().join("refs/heads/main");
    let mut dice = Dice(88_172_645_463_325_252);
    let random = (0..at_random).map(|_| commits[dice.roll(commits.len())]);
    let order: Vec<_> = commits.iter().copied().chain(random).collect();
    for (number, commit) in order.into_iter().enumerate() {
        let tip = commits.get(number).or(commits.last()).unwrap();
        fs::write(&upstream, format!("{tip}\n")).unwrap();
        prepare(&repository, commit).await.unwrap();
        let report = reset(&repository, number.try_into().unwrap(), commit).await.unwrap();
        assert_eq!((report.saved_to, report.untracked), (None, 0), "{commit}");
        judge(&scene.site(), commit);
    }
}

#[tokio::test]
async fn every_commit_of_an_odd_history_arrives_as_git_has_it() {
    deploys(45, 3000, 25).await;
}

#[tokio::test]
#[ignore = "minutes; run it after changes to the reset: cargo test --test git_adapter -- --ignored large"]
async fn every_commit_of_a_long_and_large_history_arrives_as_git_has_it() {
    deploys(400, 60_000, 200).await;
}
