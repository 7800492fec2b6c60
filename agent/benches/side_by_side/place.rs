//! What is deployed, and where: an origin, and for each way to deploy a clone of its own with a
//! compose project that serves it, so that none finds the work of another.

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;

use crate::{
    docker::Project,
    git::{Clone, git},
    page,
};

/// Serves the page as it was when the container started, and stops at once when it is told to.
pub(crate) const OBEDIENT: &str = "command: [/bin/busybox, sh, -c, \"busybox mkdir -p /served; busybox cp /www/page.txt /served; \
     trap 'exit 0' TERM; busybox httpd -f -p 8080 -h /served & wait\"]";
/// The same, but its first process never hears that it shall stop.
pub(crate) const DEAF: &str = "command: [/bin/busybox, sh, -c, \"busybox mkdir -p /served; busybox cp /www/page.txt /served; \
     busybox httpd -f -p 8080 -h /served; true\"]";

/// The files beside the one that changes: a small project.
const OTHER_FILES: usize = 200;

/// An origin, and a folder for everything.
pub(crate) struct Scene {
    pub(crate) git: Clone,
    pub(crate) folder: TempDir,
}

/// One clone, and the container that serves it.
pub(crate) struct Place {
    pub(crate) live: PathBuf,
    pub(crate) project: Project,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = Clone::new(folder.path());
        for number in 0..OTHER_FILES {
            let text = format!("file {number}\n").repeat(100);
            std::fs::write(git.work.join(format!("file-{number}.txt")), text).unwrap();
        }
        git.pushed("first");
        Self { git, folder }
    }

    /// A clone with a running service.
    pub(crate) fn place(&self, name: &str, service: &str) -> Place {
        self.place_with(name, service, || {})
    }

    /// The same, where something has to be done in the clone before it runs.
    pub(crate) fn place_with(&self, name: &str, service: &str, prepare: impl FnOnce()) -> Place {
        let mut project = Project::new().unwrap();
        git(self.folder.path(), &["clone", "--quiet", self.git.origin.to_str().unwrap(), name]);
        let live = self.folder.path().join(name);
        project.mounted = live.clone();
        project.write(&format!("{service}\nports: [\"127.0.0.1:{}:8080\"]", project.port));
        prepare();
        project.compose(["up", "-d"]);
        Place { live, project }
    }
}

impl Place {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/page.txt", self.project.port)
    }

    /// What a visitor sees now.
    pub(crate) fn page(&self) -> Option<String> {
        page::get(self.project.port, Duration::from_secs(1))
    }

    /// `agent.toml`'s table for it, with this `verify` table.
    pub(crate) fn environment(&self, name: &str, verify: &str) -> String {
        format!(
            r#"
[environments.{name}]
repository = "{live}"
url = "{url}"
[environments.{name}.runtime]
kind = "compose"
file = "{file}"
[environments.{name}.verify]
{verify}
"#,
            live = self.live.display(),
            url = self.url(),
            file = self.project.file().display(),
        )
    }
}
