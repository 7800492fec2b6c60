//! Deployments and readers come and go, and leave nothing behind: tasks and descriptors are as many
//! as before, however rudely the readers went.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod bounded;
    pub mod fake;
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use ripcord_agent::{
    assembly,
    config::Config,
    telemetry::{self, AgentLog},
};
use ripcord_core::{Policy, VerifyWhen};
use ripcord_proto::v1::{
    DeployRequest, StreamLogsRequest, WaitFor, WatchRequest, progress::Item,
    stream_logs_request::Of,
};
use support::{
    fake::{self, plan},
    mtls,
    pki::{OPERATOR, Pair},
    site::{Client, PATIENCE, Site, deploy, request},
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Mutex,
};
use tokio_util::sync::CancellationToken;

/// A deployment whose verdict never comes: whoever follows it is there until they go.
const ENDLESS_CHECK: &str = r#"source = "command"
run = [["sh", "-c", "echo checking; exec sleep 100000"]]"#;
const FEW: usize = 200;
const MANY: usize = 1000;
/// What the allocator and the pools of libraries may keep: far less than a kilobyte per turn leaked.
const TOLERANCE_KIB: u64 = 4 * 1024;

/// Descriptors belong to the whole process: one test at a time.
static TURN: Mutex<()> = Mutex::const_new(());
static LOG: OnceLock<Arc<AgentLog>> = OnceLock::new();

/// What this process holds that a leak would add to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    tasks: usize,
    files: usize,
}

fn held(tasks_of: &Handle) -> Held {
    let files = fs::read_dir("/proc/self/fd").unwrap().count();
    Held { tasks: tasks_of.metrics().num_alive_tasks(), files }
}

fn open_files() -> Vec<PathBuf> {
    let files = fs::read_dir("/proc/self/fd").unwrap();
    files.filter_map(|file| fs::read_link(file.ok()?.path()).ok()).collect()
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Waits until no more is held than before: what was let go ends when it notices.
async fn comes_back_to(before: Held, tasks_of: &Handle) {
    let began = Instant::now();
    loop {
        let now = held(tasks_of);
        if now.tasks <= before.tasks && now.files <= before.files {
            return;
        }
        let is_late = began.elapsed() > PATIENCE;
        assert!(!is_late, "held before: {before:?}, and now: {now:?}: {:#?}", open_files());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn deployments_leave_nothing(times: usize) {
    let agent = fake::Agent::new();
    let policy = Policy { when: VerifyWhen::None, ..Policy::default() };
    let lab = agent.stage("lab", policy, plan()).await;
    let mut rounds = (0..times).map(|round| u8::try_from(round % 250).unwrap());
    let one = async |index| {
        let asked = ripcord_core::DeployRequest { redeploy: true, ..fake::request(index) };
        let answer = lab.handle.deploy(asked, "", &ripcord_agent::engine::Carried::Nothing).await;
        let ripcord_core::Answer::Admitted(number) = answer.unwrap() else { panic!("refused") };
        lab.ended(number).await;
    };
    for _ in 0..20 {
        one(rounds.next().unwrap()).await;
    }
    let (before, memory) = (held(&Handle::current()), resident_kib());
    for index in rounds {
        one(index).await;
    }
    comes_back_to(before, &Handle::current()).await;
    let grown = resident_kib().saturating_sub(memory);
    eprintln!("{times} deployments: {before:?}, {grown} KiB more");
    assert!(grown < TOLERANCE_KIB, "{grown} KiB more after {times} deployments");
}

/// An agent in this process, on a runtime of its own, so that its tasks can be counted.
struct InProcess {
    /// Until the end: whoever waits may not drop it.
    runtime: Option<Runtime>,
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl InProcess {
    fn start(site: &Site) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let file = site.write_config(&site.environment("lab", ENDLESS_CHECK));
        let (config, shutdown) = (Config::load(&file).unwrap(), CancellationToken::new());
        let log = LOG.get_or_init(telemetry::start).clone();
        let starting = assembly::Agent::start(config, file, log, shutdown.clone());
        let address = std::thread::scope(|threads| {
            let started = threads.spawn(|| runtime.block_on(starting).unwrap()).join().unwrap();
            let address = started.address();
            runtime.spawn(started.run_to_the_end());
            address
        });
        Self { runtime: Some(runtime), address, shutdown }
    }

    fn client(&self, site: &Site, pair: &Pair) -> Client {
        Client::new(mtls::client(self.address, &site.pki, pair))
    }

    fn handle(&self) -> &Handle {
        self.runtime.as_ref().unwrap().handle()
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.runtime.take().unwrap().shutdown_background();
    }
}

fn logs(of: Option<Of>) -> StreamLogsRequest {
    let environment = "lab".to_owned();
    StreamLogsRequest { environment, of, follow: true, ..StreamLogsRequest::default() }
}

fn watching() -> WatchRequest {
    let (environment, wait) = ("lab".to_owned(), WaitFor::Verdict.into());
    WatchRequest { environment, deployment: 1, wait, ..WatchRequest::default() }
}

/// Waits until the check runs: what it needs is not what a reader leaves behind.
async fn checks(client: &mut Client) {
    let mut events = client.watch(watching()).await.unwrap().into_inner();
    loop {
        let told = events.message().await.unwrap().unwrap().progress.unwrap().item;
        if matches!(told, Some(Item::Event(event)) if event.kind == "output") {
            return;
        }
    }
}

/// Somebody connects, reads one thing or another, and is gone in the middle of it.
async fn come_and_go(agent: &InProcess, site: &Site, pair: &Pair, round: usize) {
    let mut client = agent.client(site, pair);
    match round % 5 {
        0 => drop(client.watch(watching()).await.unwrap().into_inner().message().await.unwrap()),
        1 => drop(client.stream_logs(logs(None)).await.unwrap()),
        2 => {
            let of_agent = logs(Some(Of::Agent(true)));
            let stream = client.stream_logs(of_agent).await.unwrap();
            drop(stream.into_inner().message().await.unwrap());
        }
        3 => drop(client.stream_logs(logs(Some(Of::Deployment(1)))).await.unwrap()),
        // The beginning of a handshake, and silence.
        _ => {
            let mut stranger = TcpStream::connect(agent.address).unwrap();
            stranger.write_all(&[0x16, 0x03, 0x01, 0x02]).unwrap();
        }
    }
}

async fn readers_leave_nothing(times: usize) {
    let site = Site::new().await;
    let agent = InProcess::start(&site);
    let pair = site.pki.client(OPERATOR);
    let sha = site.git.pushed("second");
    let until_live = DeployRequest { wait: WaitFor::Live.into(), ..request("lab", &sha) };
    let told = deploy(&mut agent.client(&site, &pair), until_live).await;
    assert!(told.error.is_none(), "{told:?}");
    checks(&mut agent.client(&site, &pair)).await;
    let idle = held(agent.handle());
    for round in 0..20 {
        come_and_go(&agent, &site, &pair, round).await;
    }
    comes_back_to(idle, agent.handle()).await;
    let (before, memory) = (held(agent.handle()), resident_kib());
    for round in 0..times {
        come_and_go(&agent, &site, &pair, round).await;
    }
    comes_back_to(before, agent.handle()).await;
    let grown = resident_kib().saturating_sub(memory);
    eprintln!("{times} readers: {before:?}, {grown} KiB more");
    assert!(grown < TOLERANCE_KIB, "{grown} KiB more after {times} readers");
}

async fn come_and_go_many_times(times: usize) {
    let _turn = TURN.lock().await;
    deployments_leave_nothing(times).await;
    readers_leave_nothing(times).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_deployments_and_rude_readers_leave_no_task_and_no_descriptor_behind() {
    come_and_go_many_times(FEW).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute; CI runs it"]
async fn a_thousand_deployments_and_rude_readers_leave_no_task_and_no_descriptor_behind() {
    come_and_go_many_times(MANY).await;
}
