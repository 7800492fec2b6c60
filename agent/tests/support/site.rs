//! A whole site for tests: a git origin, the clone that is deployed, an application that serves it,
//! and a real agent process that is spoken to over mutual TLS.

// Each test binary uses its own part of this.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use ripcord_proto::v1::{
    self, DeployRequest, Outcome, Progress, WaitFor, agent_service_client::AgentServiceClient,
    progress::Item,
};
use tempfile::TempDir;
use tonic::{Status, Streaming, transport::Channel};

use super::{
    git::Clone,
    mtls,
    pki::{OPERATOR, Pki},
};

/// How long anything in a test may take before it counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub type Client = AgentServiceClient<Channel>;

pub struct Site {
    pub folder: TempDir,
    pub pki: Pki,
    pub git: Clone,
    /// Answers with `page.txt` of the live tree, and with 500 when it says `broken`.
    pub application: String,
}

/// An agent process; killed with the value.
pub struct Agent {
    pub process: Child,
    pub address: SocketAddr,
    /// Where it is scraped, when that is configured.
    pub metrics: Option<SocketAddr>,
    lines: mpsc::Receiver<String>,
    said: Arc<Mutex<String>>,
}

impl Site {
    pub async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let git = Clone::new(folder.path());
        let application = serve(git.live.join("page.txt")).await;
        Self { folder, pki: Pki::new(), git, application }
    }

    pub fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// One environment, `lab`, whose check is `check.sh` of the commit.
    pub fn lab(&self) -> String {
        self.environment("lab", "source = \"command\"\nrun = [[\"sh\", \"check.sh\"]]")
    }

    /// An environment on the clone, with this `verify` table.
    pub fn environment(&self, name: &str, verify: &str) -> String {
        let runtime = "kind = \"process\"\nrun = [\"sleep\", \"100000\"]";
        self.environment_of(name, runtime, &self.application, verify)
    }

    /// An environment on the clone with this `runtime` table, healthy when `url` answers.
    pub fn environment_of(&self, name: &str, runtime: &str, url: &str, verify: &str) -> String {
        format!(
            r#"
[environments.{name}]
repository = "{live}"
url = "{url}"
[environments.{name}.runtime]
{runtime}
[environments.{name}.health]
attempts = 2
interval = "50ms"
[environments.{name}.verify]
{verify}
"#,
            live = self.git.live.display(),
        )
    }

    pub fn write_config(&self, environments: &str) -> PathBuf {
        let tls = self.pki.tls_config();
        let config = format!(
            r#"listen = "127.0.0.1:0"
state_dir = "{state_dir}"
[tls]
cert = "{cert}"
key = "{key}"
client_ca = "{client_ca}"
[[access]]
identity = "{OPERATOR}"
allow = {{ "*" = ["deploy", "rollback", "hold", "verdict", "status", "logs"] }}
[[access]]
identity = "spiffe://lab/viewer/*"
allow = {{ "*" = ["status", "logs"] }}
{environments}"#,
            state_dir = self.state_dir().display(),
            cert = tls.cert.display(),
            key = tls.key.display(),
            client_ca = tls.client_ca.display(),
        );
        let file = self.folder.path().join("agent.toml");
        fs::write(&file, config).unwrap();
        file
    }

    /// Starts an agent with these environments, and waits until it listens.
    pub fn start(&self, environments: &str) -> Agent {
        Agent::start(&self.write_config(environments))
    }

    /// A client with all rights.
    pub fn client(&self, agent: &Agent) -> Client {
        self.client_as(agent, OPERATOR)
    }

    pub fn client_as(&self, agent: &Agent, identity: &'static str) -> Client {
        let pair = self.pki.client(identity);
        Client::new(mtls::client(agent.address, &self.pki, &pair))
    }
}

impl Agent {
    pub fn start(config: &Path) -> Self {
        Self::start_as(&mut Self::command(config))
    }

    /// Starts this command, and waits until it listens.
    pub fn start_as(command: &mut Command) -> Self {
        let mut agent = Self::spawn(command);
        assert!(agent.listens(), "the agent ended, or says nothing");
        agent
    }

    /// Starts this command.
    pub fn spawn(command: &mut Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (told, lines) = mpsc::channel();
        let said = Arc::<Mutex<String>>::default();
        let all = said.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                *all.lock().unwrap() += &format!("{line}\n");
                let _ = told.send(line);
            }
        });
        Self { process, address: ([127, 0, 0, 1], 0).into(), metrics: None, lines, said }
    }

    /// Waits until it listens; `false` when it ends before.
    pub fn listens(&mut self) -> bool {
        let Some(line) = self.line_with("address") else { return false };
        let address = |field: &str| line[field].as_str().and_then(|text| text.parse().ok());
        self.address = address("address").unwrap_or(self.address);
        self.metrics = address("metrics");
        true
    }

    pub fn command(config: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord-agent"));
        command.args(["run", "--config"]).arg(config).stdin(Stdio::null()).stdout(Stdio::null());
        command.env_remove("RUST_LOG");
        command
    }

    /// The first log line with this field; `None` when the lines end, or it never comes.
    fn line_with(&self, field: &str) -> Option<serde_json::Value> {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).ok()?;
            let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if value[field].is_string() {
                return Some(value);
            }
        }
    }

    /// Waits for a log line that contains `text`.
    pub fn wait_for_line(&self, text: &str) {
        while !self.lines.recv_timeout(PATIENCE).expect("the line never came").contains(text) {}
    }

    /// Every line of its log so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// SIGKILL: nothing is tidied up.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM; answers how it ended.
    pub fn terminate(mut self) -> std::process::ExitStatus {
        let pid = i32::try_from(self.process.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.process.wait().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves what the file says now, so that what is live can be seen from outside.
async fn serve(page: PathBuf) -> String {
    let answer = move || {
        let text = fs::read_to_string(&page).unwrap_or_default();
        let status = if text.contains("broken") { 500 } else { 200 };
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        async move { (status, text) }
    };
    let router = axum::Router::new().fallback(answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/")
}

/// Waits, not for ever, until something is so.
#[track_caller]
pub fn eventually(is_so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it never came to be so");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn request(environment: &str, sha: &str) -> DeployRequest {
    DeployRequest {
        environment: environment.to_owned(),
        sha: sha.to_owned(),
        wait: WaitFor::Verdict.into(),
        ..DeployRequest::default()
    }
}

/// What a stream told, and how it ended.
#[derive(Debug, Default)]
pub struct Told {
    pub admitted: Option<v1::Admitted>,
    pub events: Vec<v1::Event>,
    pub result: Option<v1::Result>,
    pub error: Option<Status>,
}

impl Told {
    pub fn outcome(&self) -> Outcome {
        self.result.as_ref().unwrap_or_else(|| panic!("no result: {self:?}")).outcome()
    }

    pub fn result(&self) -> &v1::Result {
        self.result.as_ref().unwrap_or_else(|| panic!("no result: {self:?}"))
    }

    pub fn has(&self, kind: &str) -> bool {
        self.events.iter().any(|event| event.kind == kind)
    }

    pub fn story(&self) -> String {
        let lines: Vec<&str> = self.events.iter().map(|event| event.message.as_str()).collect();
        lines.join("\n")
    }

    fn add(&mut self, progress: Progress) {
        match progress.item.unwrap() {
            Item::Admitted(admitted) => self.admitted = Some(admitted),
            Item::Event(event) => self.events.push(event),
            Item::Activity(_) => {}
            Item::Result(result) => self.result = Some(result),
        }
    }
}

/// Reads a progress stream to its end, but not for ever.
pub async fn listen<T>(mut stream: Streaming<T>, unwrap: impl Fn(T) -> Option<Progress>) -> Told {
    let mut told = Told::default();
    let reading = async {
        loop {
            match stream.message().await {
                Ok(Some(message)) => told.add(unwrap(message).unwrap()),
                Ok(None) => return None,
                Err(status) => return Some(status),
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, reading).await;
    told.error = error.unwrap_or_else(|_| panic!("the stream does not end: {}", told.story()));
    told
}

/// Deploys, and listens to the end; a refusal is an error in [`Told`].
pub async fn deploy(client: &mut Client, request: DeployRequest) -> Told {
    match client.deploy(request).await {
        Ok(stream) => listen(stream.into_inner(), |message| message.progress).await,
        Err(status) => Told { error: Some(status), ..Told::default() },
    }
}

pub async fn watch(client: &mut Client, environment: &str, number: u64, after: u64) -> Told {
    let request = v1::WatchRequest {
        environment: environment.to_owned(),
        deployment: number,
        after_sequence: after,
        wait: WaitFor::Verdict.into(),
    };
    match client.watch(request).await {
        Ok(stream) => listen(stream.into_inner(), |message| message.progress).await,
        Err(status) => Told { error: Some(status), ..Told::default() },
    }
}

pub async fn rollback(client: &mut Client, request: v1::RollbackRequest) -> Told {
    match client.rollback(request).await {
        Ok(stream) => listen(stream.into_inner(), |message| message.progress).await,
        Err(status) => Told { error: Some(status), ..Told::default() },
    }
}

pub async fn status(client: &mut Client, environment: &str) -> v1::EnvironmentStatus {
    let request = v1::StatusRequest { environments: vec![environment.to_owned()] };
    let response = client.status(request).await.unwrap().into_inner();
    response.environments.into_iter().next().unwrap()
}

pub async fn history(client: &mut Client, environment: &str) -> Vec<v1::DeploymentSummary> {
    let request = v1::HistoryRequest { environment: environment.to_owned(), limit: 1000 };
    client.history(request).await.unwrap().into_inner().deployments
}

/// The `ErrorInfo` reason of a refusal.
pub fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
