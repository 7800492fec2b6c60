//! Three ways to deploy the same change: with ripcord, by hand in one process against libgit2 and
//! the engine's API (the floor: nothing is checked or written down), and with the usual script.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bollard::{Docker, query_parameters::RestartContainerOptionsBuilder};
use ripcord_agent::adapters::docker::default_socket;
use tokio::runtime::{Builder, Runtime};

use crate::{
    report::Series,
    scene::{Place, Scene},
};

/// Between two looks of the floor's probe.
const LOOK: Duration = Duration::from_millis(5);

/// A way to deploy.
pub(crate) trait Contestant {
    fn name(&self) -> &'static str;
    /// Where it deploys to.
    fn place(&self) -> &Place;
    /// Fetches, resets to `sha`, restarts, and returns after the first good probe.
    fn deploy(&mut self, sha: &str);
}

/// One process that does nothing but the work.
pub(crate) struct ByHand<'a> {
    place: &'a Place,
    runtime: Runtime,
    docker: Docker,
    http: reqwest::Client,
    parts: [Series; 3],
}

impl<'a> ByHand<'a> {
    pub(crate) fn new(place: &'a Place) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let socket = default_socket();
        let docker = {
            let _inside = runtime.enter();
            let socket = socket.to_string_lossy();
            Docker::connect_with_unix(&socket, 120, bollard::API_DEFAULT_VERSION).unwrap()
        };
        let docker = runtime.block_on(docker.negotiate_version()).unwrap();
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let parts =
            ["git", "restart", "probe"].map(|part| Series::new(&format!("by hand: {part}")));
        Self { place, runtime, docker, http, parts }
    }

    pub(crate) fn parts(&mut self) -> &[Series] {
        self.parts.iter_mut().for_each(Series::forget_first);
        &self.parts
    }

    fn fetch_and_reset(&self, sha: &str) {
        let repository = git2::Repository::open(&self.place.live).unwrap();
        let mut remote = repository.find_remote("origin").unwrap();
        remote.fetch(&["main"], None, None).unwrap();
        let object = repository.find_object(sha.parse().unwrap(), None).unwrap();
        repository.reset(&object, git2::ResetType::Hard, None).unwrap();
    }

    async fn restart(&self) {
        let options = RestartContainerOptionsBuilder::new().t(10).build();
        let name = self.place.project.container();
        self.docker.restart_container(&name, Some(options)).await.unwrap();
    }

    async fn probe(&self) {
        let url = self.place.url();
        let is_good = |answer: reqwest::Result<reqwest::Response>| {
            answer.is_ok_and(|answer| answer.status() == 200)
        };
        while !is_good(self.http.get(&url).send().await) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Contestant for ByHand<'_> {
    fn name(&self) -> &'static str {
        "by hand: libgit2 and the engine's API"
    }

    fn place(&self) -> &Place {
        self.place
    }

    fn deploy(&mut self, sha: &str) {
        let began = Instant::now();
        self.fetch_and_reset(sha);
        let reset = began.elapsed();
        self.runtime.block_on(self.restart());
        let restarted = began.elapsed();
        self.runtime.block_on(self.probe());
        let parts = [reset, restarted - reset, began.elapsed() - restarted];
        self.parts.iter_mut().zip(parts).for_each(|(series, took)| series.add(took));
    }
}

/// The commands that people put into a script.
pub(crate) struct Script<'a> {
    place: &'a Place,
}

impl<'a> Script<'a> {
    pub(crate) fn new(place: &'a Place) -> Self {
        Self { place }
    }
}

impl Contestant for Script<'_> {
    fn name(&self) -> &'static str {
        "script: git, docker-compose, curl"
    }

    fn place(&self) -> &Place {
        self.place
    }

    fn deploy(&mut self, sha: &str) {
        let text = "set -e\ncd \"$1\"\ngit fetch --quiet origin main\ngit reset --quiet --hard \"$2\"\n\
                    docker-compose -f \"$3\" restart -t 10\n\
                    until curl -fs -o /dev/null \"$4\"; do sleep 0.05; done\n";
        let mut script = Command::new("bash");
        script.args(["-c", text, "script"]).arg(&self.place.live).arg(sha);
        script.arg(self.place.project.file()).arg(self.place.url());
        let output = script.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A resident agent and the controller.
pub(crate) struct Ripcord<'a> {
    place: &'a Place,
    agent: Child,
    address: String,
    certs: PathBuf,
    parts: Vec<Series>,
}

/// From the admission to the end of each of these.
const PHASES: [&str; 5] = ["preparing", "resetting", "restarting", "probing", "live"];

impl<'a> Ripcord<'a> {
    pub(crate) fn start(scene: &'a Scene) -> Self {
        let certs = scene.folder.path().join("certs");
        let mut make = Command::new(controller());
        let made = make.args(["certs", "dev", "--out"]).arg(&certs).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let config = scene.folder.path().join("agent.toml");
        fs::write(&config, configuration(scene, &certs)).unwrap();
        let mut agent = Command::new(env!("CARGO_BIN_EXE_ripcord-agent"))
            .args(["run", "--config"])
            .arg(&config)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(agent.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = said.find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line).ok()?;
            line["address"].as_str().map(str::to_owned)
        });
        std::thread::spawn(move || said.for_each(drop));
        let name = |phase: &str| Series::new(&format!("ripcord: admitted to the end of {phase}"));
        let parts = PHASES.map(name).into();
        Self { place: &scene.ripcord, agent, address: address.unwrap(), certs, parts }
    }

    /// The controller with these arguments.
    pub(crate) fn controller(&self, arguments: &[&str]) -> Command {
        let file = |name: &str| self.certs.join(name);
        let port = self.address.rsplit(':').next().unwrap();
        let mut command = Command::new(controller());
        command.args(arguments).env("RIPCORD_AGENT", format!("https://localhost:{port}"));
        command.env("RIPCORD_CA", file("agent-ca.pem")).env("RIPCORD_CERT", file("operator.pem"));
        command.env("RIPCORD_KEY", file("operator.key")).current_dir(&self.certs);
        for inherited in ["GITHUB_ACTIONS", "GITHUB_SHA", "RIPCORD_CONFIG"] {
            command.env_remove(inherited);
        }
        command
    }

    pub(crate) fn parts(&mut self) -> &[Series] {
        self.parts.iter_mut().for_each(Series::forget_first);
        &self.parts
    }

    /// What the agent holds in memory now: this field of its status.
    pub(crate) fn memory_kib(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.agent.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Processor time so far, in the kernel's ticks.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.agent.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Contestant for Ripcord<'_> {
    fn name(&self) -> &'static str {
        "ripcord deploy --wait live"
    }

    fn place(&self) -> &Place {
        self.place
    }

    fn deploy(&mut self, sha: &str) {
        let arguments = ["deploy", "bench", "--sha", sha, "--wait", "live", "--json"];
        let output = self.controller(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for (series, phase) in self.parts.iter_mut().zip(PHASES) {
            let took = result["timings_ms"][phase].as_u64().unwrap_or_default();
            series.add(Duration::from_millis(took));
        }
    }
}

impl Drop for Ripcord<'_> {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

/// The controller, built beside the agent.
fn controller() -> PathBuf {
    let controller = PathBuf::from(env!("CARGO_BIN_EXE_ripcord-agent")).with_file_name("ripcord");
    assert!(controller.exists(), "first: cargo build --release --package ripcord --bins");
    controller
}

fn configuration(scene: &Scene, certs: &std::path::Path) -> String {
    format!(
        r#"listen = "127.0.0.1:0"
state_dir = "{state_dir}"
[tls]
cert = "{certs}/agent.pem"
key = "{certs}/agent.key"
client_ca = "{certs}/client-ca.pem"
[[access]]
identity = "spiffe://ripcord-dev/operator/*"
allow = {{ "*" = ["deploy", "rollback", "hold", "verdict", "status", "logs"] }}
[environments.bench]
repository = "{live}"
url = "{url}"
[environments.bench.runtime]
kind = "compose"
file = "{file}"
[environments.bench.verify]
when = "none"
"#,
        state_dir = scene.folder.path().join("state").display(),
        certs = certs.display(),
        live = scene.ripcord.live.display(),
        url = scene.ripcord.url(),
        file = scene.ripcord.project.file().display(),
    )
}
