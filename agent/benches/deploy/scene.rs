//! What is deployed, and where: an origin, and for each way to deploy a clone of its own with a
//! compose project that serves it, so that none finds the work of another.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    docker::Project,
    git::{Clone, git},
};

/// Serves the tree, and stops at once when it is told to.
const SERVICE: &str = "command: [/bin/busybox, sh, -c, \"trap 'exit 0' TERM; \
                       busybox httpd -f -p 8080 -h /www & wait\"]\n\
                       ports: [\"127.0.0.1:PORT:8080\"]";

/// The files beside the one that changes: a small project.
const OTHER_FILES: usize = 200;

/// Everything that is needed.
pub(crate) struct Scene {
    pub(crate) by_hand: Place,
    pub(crate) ripcord: Place,
    pub(crate) script: Place,
    pub(crate) git: Clone,
    pub(crate) folder: TempDir,
}

/// One clone, and the containers that serve it.
pub(crate) struct Place {
    pub(crate) live: PathBuf,
    pub(crate) project: Project,
}

impl Scene {
    /// Nothing, and one line that says so, where no engine answers.
    pub(crate) fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let git = Clone::new(folder.path());
        for number in 0..OTHER_FILES {
            let text = format!("file {number}\n").repeat(100);
            std::fs::write(git.work.join(format!("file-{number}.txt")), text).unwrap();
        }
        git.pushed("first");
        let place = |name| Place::new(folder.path(), &git.origin, name);
        let (by_hand, ripcord, script) = (place("by-hand")?, place("ripcord")?, place("script")?);
        Some(Self { by_hand, ripcord, script, git, folder })
    }
}

impl Place {
    fn new(folder: &Path, origin: &Path, name: &str) -> Option<Self> {
        let mut project = Project::new()?;
        git(folder, &["clone", "--quiet", origin.to_str().unwrap(), name]);
        let live = folder.join(name);
        project.mounted = live.clone();
        project.write(&SERVICE.replace("PORT", &project.port.to_string()));
        project.compose(["up", "-d"]);
        Some(Self { live, project })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/page.txt", self.project.port)
    }

    /// What a visitor sees now.
    pub(crate) fn page(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.project.port)).unwrap();
        stream.write_all(b"GET /page.txt HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}
