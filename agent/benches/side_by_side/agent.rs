//! A real agent process, and the controller that asks it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::{interrupt, machine};

/// A process that ends when this does, and when the benchmark is killed.
pub(crate) struct Daemon(pub(crate) Child);

impl Daemon {
    /// This command's process, with its standard error to be read.
    pub(crate) fn start(command: &Command) -> Self {
        let mut tied = Command::new("setpriv");
        tied.args(["--pdeathsig", "KILL", "--"])
            .arg(command.get_program())
            .args(command.get_args());
        tied.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::null());
        Self(tied.stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The lines of its standard error.
    pub(crate) fn lines(&mut self) -> impl Iterator<Item = String> + Send + use<> {
        BufReader::new(self.0.stderr.take().unwrap()).lines().map_while(Result::ok)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `ripcord certs dev` makes.
#[derive(Clone)]
pub(crate) struct Certs(PathBuf);

impl Certs {
    pub(crate) fn new(folder: &Path) -> Self {
        let certs = folder.join("certs");
        let mut make = Command::new(binary("ripcord"));
        succeed(make.args(["certs", "dev", "--out"]).arg(&certs));
        Self(certs)
    }

    /// Issues a certificate for another operator: its path, without `.pem` and `.key`.
    pub(crate) fn issue(&self, name: &str) -> PathBuf {
        let identity = format!("spiffe://ripcord-dev/operator/{name}");
        let mut issue = Command::new(binary("ripcord"));
        issue.args(["certs", "issue", "--identity", &identity, "--ca-dir"]).arg(&self.0);
        succeed(issue.arg("--out").arg(self.file(name)));
        self.file(name).join(name)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// An agent that listens.
pub(crate) struct Agent {
    process: Daemon,
    pub(crate) port: u16,
    certs: Certs,
}

impl Agent {
    /// An agent with its state and configuration in this folder.
    pub(crate) fn start(folder: &Path, certs: &Certs, more: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join("agent.toml");
        fs::write(&file, configuration(folder, certs, more)).unwrap();
        let mut command = Command::new(binary("ripcord-agent"));
        let mut process = Daemon::start(command.args(["run", "--config"]).arg(&file));
        let mut said = process.lines();
        let mut before = Vec::new();
        let address = said.by_ref().find_map(|line| {
            let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            before.push(line);
            json["address"].as_str().map(str::to_owned)
        });
        let address = address.unwrap_or_else(|| panic!("no agent: {}", before.join("\n")));
        std::thread::spawn(move || said.for_each(drop));
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        Self { process, port, certs: certs.clone() }
    }

    /// The controller with these arguments.
    pub(crate) fn controller(&self, arguments: &[&str]) -> Command {
        let mut command = plain_controller(&self.certs, arguments);
        command.env("RIPCORD_AGENT", format!("https://localhost:{}", self.port));
        command
    }

    /// What the agent holds in memory, in bytes: this field of its status.
    pub(crate) fn memory(&self, field: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
    }

    /// Processor time within this time from now, in milliseconds.
    pub(crate) fn processor_time(&self, within: Duration) -> f64 {
        let tasks = PathBuf::from(format!("/proc/{}/task", self.process.0.id()));
        let before = spent(&tasks);
        let mut after = before.clone();
        let until = Instant::now() + within;
        // What a thread has spent is gone with it, so threads are looked at again and again.
        while Instant::now() < until {
            interrupt::wait(Duration::from_millis(100));
            after.extend(spent(&tasks));
        }
        let before = |thread: &OsString| before.get(thread).copied().unwrap_or(0.0);
        after.iter().map(|(thread, spent)| spent - before(thread)).sum::<f64>() / 1e6
    }
}

/// The processor time of each thread so far, in nanoseconds.
fn spent(tasks: &Path) -> BTreeMap<OsString, f64> {
    let threads = fs::read_dir(tasks).unwrap().map(|thread| thread.unwrap().file_name());
    let spent = |thread: OsString| {
        let text = fs::read_to_string(tasks.join(&thread).join("schedstat")).ok()?;
        Some((thread, text.split(' ').next()?.parse().ok()?))
    };
    threads.filter_map(spent).collect()
}

/// The controller with these arguments and certificates, and no agent.
pub(crate) fn plain_controller(certs: &Certs, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("ripcord"));
    command.args(arguments).current_dir(&certs.0);
    command.env("RIPCORD_CA", certs.file("agent-ca.pem"));
    command.env("RIPCORD_CERT", certs.file("operator.pem"));
    command.env("RIPCORD_KEY", certs.file("operator.key"));
    for inherited in ["GITHUB_ACTIONS", "GITHUB_SHA", "RIPCORD_CONFIG", "RIPCORD_AGENT"] {
        command.env_remove(inherited);
    }
    command
}

/// What a command that must succeed has printed.
pub(crate) fn succeed(command: &mut Command) -> Vec<u8> {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    stdout
}

/// What `just bench` has built as it is shipped, which a build for a benchmark is not quite.
pub(crate) fn binary(name: &str) -> PathBuf {
    machine::folder().join("bin").join(name)
}

fn configuration(folder: &Path, certs: &Certs, more: &str) -> String {
    format!(
        r#"listen = "127.0.0.1:0"
state_dir = "{folder}/state"
[tls]
cert = "{certs}/agent.pem"
key = "{certs}/agent.key"
client_ca = "{certs}/client-ca.pem"
[[access]]
identity = "spiffe://ripcord-dev/operator/*"
allow = {{ "*" = ["deploy", "rollback", "hold", "verdict", "status", "logs"] }}
{more}"#,
        folder = folder.display(),
        certs = certs.0.display(),
    )
}
