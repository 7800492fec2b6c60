//! A compose project of its own for each test, on a real Docker engine: image, containers and
//! network are gone when the test is.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use ripcord_agent::{
    adapters::docker::{Containers, DockerRuntime, DockerSettings, RestartAction, default_socket},
    ports::{Reporter, Runtime, Told},
};
use ripcord_core::{Event, Failure};
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub const LONG: Duration = Duration::from_secs(60);

/// A compose project whose services run busybox.
pub struct Project {
    /// Folder of the compose file.
    pub folder: PathBuf,
    /// Project name, image name, and prefix of container names.
    pub name: String,
    /// A free port of the loopback interface.
    pub port: u16,
    /// What the services see as `/www`.
    pub mounted: PathBuf,
    _temporary: TempDir,
}

impl Project {
    /// A project without containers; nothing, and one line that says so, where no engine answers.
    pub fn new() -> Option<Self> {
        if !docker(["version"]).status.success() {
            eprintln!("skipped: no Docker engine answers at {}", default_socket().display());
            return None;
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ripcord-test-{}-{count}", std::process::id());
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join(&name);
        let mounted = folder.join("www");
        fs::create_dir_all(&mounted).unwrap();
        import_image(&name);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some(Self { folder, name, port, mounted, _temporary: temporary })
    }

    /// A project with one running service `web`: these lines of YAML, beside image and volume.
    pub fn up(service: &str) -> Option<Self> {
        let project = Self::new()?;
        project.write(service);
        project.compose(["up", "-d"]);
        Some(project)
    }

    /// Writes the compose file with one service.
    pub fn write(&self, service: &str) {
        self.write_services(&[("web", service)]);
    }

    /// Writes the compose file.
    pub fn write_services(&self, services: &[(&str, &str)]) {
        let mut yaml = "version: \"3.7\"\nservices:\n".to_owned();
        for (name, lines) in services {
            yaml += &format!("  {name}:\n    image: {}:1\n", self.name);
            yaml += &format!("    volumes: [\"{}:/www\"]\n", self.mounted.display());
            for line in lines.lines().filter(|line| !line.trim().is_empty()) {
                yaml += &format!("    {}\n", line.trim_end());
            }
        }
        fs::write(self.file(), yaml).unwrap();
    }

    /// YAML of a service that serves `www` on the project's port.
    pub fn httpd(&self) -> String {
        format!(
            "command: [/bin/busybox, httpd, -f, -p, \"8080\", -h, /www]\nports: [\"127.0.0.1:{}:8080\"]",
            self.port
        )
    }

    /// The compose file.
    pub fn file(&self) -> PathBuf {
        self.folder.join("docker-compose.yml")
    }

    /// Runs the compose program on the project.
    pub fn compose<const N: usize>(&self, arguments: [&str; N]) {
        let output = Command::new("docker-compose")
            .arg("-f")
            .arg(self.file())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The container of the service `web`.
    pub fn container(&self) -> String {
        format!("{}_web_1", self.name)
    }

    /// What the environment's configuration would say.
    pub fn settings(&self, action: RestartAction) -> DockerSettings {
        DockerSettings {
            socket: default_socket(),
            containers: Containers::ComposeProject { file: self.file(), project: None },
            action,
            stop_timeout: None,
            wait_for_deaf: false,
        }
    }

    /// A runtime that restarts the containers.
    pub fn runtime(&self) -> DockerRuntime {
        DockerRuntime::new(self.settings(RestartAction::Restart))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let file = self.file();
        let _ = Command::new("docker-compose")
            .arg("-f")
            .arg(file)
            .args(["down", "-t", "0", "--remove-orphans"])
            .output();
        docker(["rmi", "-f", &format!("{}:1", self.name)]);
    }
}

/// Runs the docker program.
pub fn docker<const N: usize>(arguments: [&str; N]) -> Output {
    Command::new("docker").args(arguments).output().unwrap()
}

/// An image of busybox alone, made of this machine's own: no registry is asked.
fn import_image(name: &str) {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().map(Path::new);
    let busybox = busybox.into_iter().find(|path| path.exists()).expect("busybox (static)");
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("bin")).unwrap();
    fs::copy(busybox, root.path().join("bin/busybox")).unwrap();
    for applet in ["sh", "sleep", "cat", "head", "seq", "tr", "test"] {
        std::os::unix::fs::symlink("busybox", root.path().join("bin").join(applet)).unwrap();
    }
    let tar = Command::new("tar").arg("-C").arg(root.path()).args(["-c", "."]).output().unwrap();
    let mut import = Command::new("docker")
        .args(["import", "-", &format!("{name}:1")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(&tar.stdout).unwrap();
    assert!(import.wait().unwrap().success());
}

/// Restarts, and gives the story's remarks and output lines too.
pub async fn restart(runtime: &DockerRuntime) -> (Result<String, Failure>, Vec<String>) {
    let (reporter, mut told) = Reporter::channel(16);
    let story = tokio::spawn(async move {
        let mut story = Vec::new();
        while let Some(told) = told.recv().await {
            match told {
                Told::Story(Event::Remarked { message }) => story.push(message),
                Told::Story(Event::Output { line, .. }) => story.push(line),
                other => panic!("{other:?}"),
            }
        }
        story
    });
    let result = runtime.restart(&reporter).await;
    drop(reporter);
    (result, story.await.unwrap())
}

/// Waits until it holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
