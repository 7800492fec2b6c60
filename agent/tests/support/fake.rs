//! An environment whose outside world is a script: every port is the same fake, which notes what was
//! asked of it and what the journal said at that moment. Journal and driver are real.

// Each test binary uses its own part of this.
#![allow(missing_docs, dead_code, unused_imports, unreachable_pub, clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    future::pending,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _};
use ripcord_agent::{
    engine::{Carried, Clock, Driver, EnvironmentHandle, Parts, ProbePlan, Setup},
    journal::{Journal, Record, file_in},
    ports::{
        Between, Hooks, LogChunks, LogSource, LogStart, Moment, PreparedCommit, Probe, Question,
        Reporter, Runtime, RuntimeHealth, Sample, SourceRepository, TreeState, Verifier,
    },
};
use ripcord_core::{
    Answer, CommitSha, DeployRequest, Deployment, DeploymentNumber, Environment, EnvironmentName,
    Event, Failure, Phase, Policy, Sequence, Verdict, VerdictReport, effect::TreeReport,
};
use tempfile::TempDir;
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore, mpsc},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

#[path = "samples.rs"]
mod samples;
#[path = "fake_source.rs"]
mod source;

pub use super::bounded::bounded;
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use samples::{answered, silent};

/// What happens when; by default all goes well at once, and no verdict comes.
pub struct Script {
    /// A permit per reset and restart; plenty unless a test takes them.
    pub touching: Semaphore,
    pub reset_panics: AtomicBool,
    pub prepare_tells: AtomicUsize,
    pub samples: Mutex<VecDeque<Sample>>,
    pub health_hangs: AtomicBool,
    pub check_panics: AtomicUsize,
    pub check_tells: AtomicUsize,
    pub verdict: Mutex<Option<Verdict>>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            touching: Semaphore::new(Semaphore::MAX_PERMITS),
            reset_panics: AtomicBool::default(),
            prepare_tells: AtomicUsize::default(),
            samples: Mutex::default(),
            health_hangs: AtomicBool::default(),
            check_panics: AtomicUsize::default(),
            check_tells: AtomicUsize::default(),
            verdict: Mutex::default(),
        }
    }
}

pub struct World {
    pub script: Script,
    journal: Journal,
    environment: EnvironmentName,
    /// What was asked, and the phase that the journal had on the disk by then.
    calls: Mutex<Vec<(&'static str, Option<Phase>)>>,
    /// When the application was looked at.
    pub looks: Mutex<Vec<Instant>>,
    /// Wakes when a reset or restart has begun, and when a check was cut off.
    pub begun: Semaphore,
    pub cut_off: Semaphore,
    /// Wake when the repository begins to be put in order, and when that is given up.
    pub tidying: Semaphore,
    pub untidied: Semaphore,
}

pub fn sha(index: u8) -> CommitSha {
    CommitSha::from_bytes([index; 20])
}

impl World {
    fn note(&self, call: &'static str) {
        // Blocking on purpose: while it runs, paused time stands still.
        let (journal, name) = (self.journal.clone(), self.environment.clone());
        let read = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
                .block_on(journal.state(&name))
        });
        let state = read.join().unwrap().unwrap();
        let phase = state.and_then(|state| state.active_deployment().map(|active| active.phase));
        self.calls.lock().unwrap().push((call, phase));
    }

    pub fn calls(&self) -> Vec<(&'static str, Option<Phase>)> {
        self.calls.lock().unwrap().clone()
    }

    pub fn called(&self, what: &str) -> usize {
        self.calls().iter().filter(|(call, _)| *call == what).count()
    }

    async fn touch(&self, call: &'static str) {
        self.note(call);
        self.begun.add_permits(1);
        self.script.touching.acquire().await.unwrap().forget();
    }

    /// Lets no reset or restart end until it is told to.
    pub fn stop_touching(&self) {
        self.script.touching.forget_permits(Semaphore::MAX_PERMITS);
    }
}

#[async_trait]
impl Runtime for World {
    async fn preflight(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn restart(&self, _: &Reporter) -> Result<String, Failure> {
        self.touch("restart").await;
        Ok("restarted".to_owned())
    }

    async fn health(&self) -> Result<RuntimeHealth, Failure> {
        if self.script.health_hangs.load(Ordering::SeqCst) {
            return pending().await;
        }
        Ok(RuntimeHealth::Fine)
    }

    async fn ensure_running(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn shutdown(&self) {
        self.calls.lock().unwrap().push(("shutdown", None));
    }

    fn logs(&self) -> Arc<dyn LogSource> {
        Arc::new(NoLog)
    }
}

struct NoLog;

impl LogSource for NoLog {
    fn lines(&self, _: LogStart) -> LogChunks {
        stream::empty().boxed()
    }
}

#[async_trait]
impl Probe for World {
    async fn sample(&self) -> Sample {
        self.looks.lock().unwrap().push(Instant::now());
        self.script.samples.lock().unwrap().pop_front().unwrap_or_else(|| answered(200))
    }
}

#[async_trait]
impl Hooks for World {
    async fn run(
        &self,
        _: Moment,
        _: DeploymentNumber,
        _: CommitSha,
        _: &Reporter,
    ) -> Result<(), Failure> {
        Ok(())
    }
}

/// Gives a permit when it is dropped before its time.
struct CutOff<'a>(&'a Semaphore);

impl Drop for CutOff<'_> {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

#[async_trait]
impl Verifier for World {
    async fn watch(&self, _: Question, reporter: &Reporter, reports: mpsc::Sender<VerdictReport>) {
        let left = self.script.check_panics.load(Ordering::SeqCst);
        self.script.check_panics.store(left.saturating_sub(1), Ordering::SeqCst);
        assert!(left == 0, "as the script says");
        for number in 0..self.script.check_tells.load(Ordering::SeqCst) {
            let (source, line) = ("check".to_owned(), number.to_string());
            reporter.tell(Event::Output { source, stderr: false, line }).await;
        }
        let verdict = *self.script.verdict.lock().unwrap();
        let Some(verdict) = verdict else {
            let _cut_off = CutOff(&self.cut_off);
            return pending().await;
        };
        let _ = reports.send(VerdictReport::of(verdict)).await;
        // A real source still has to clean up: only then is there an order to keep.
        tokio::task::yield_now().await;
    }

    fn look_now(&self, _: CommitSha) -> bool {
        false
    }
}

/// A running driver on a scripted world.
pub struct Stage {
    pub world: Arc<World>,
    pub handle: EnvironmentHandle,
    pub shutdown: CancellationToken,
    pub driver: JoinHandle<()>,
}

/// What stages on one agent share.
pub struct Agent {
    pub folder: TempDir,
    pub journal: Journal,
    pub lock: Arc<AsyncMutex<()>>,
}

pub const GRACE: Duration = Duration::from_secs(8);

pub fn plan() -> ProbePlan {
    let interval = Duration::from_secs(10);
    ProbePlan { attempts: 3, interval, grace: Duration::ZERO, successes: 1 }
}

impl Agent {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let journal = Journal::open(&file_in(folder.path())).unwrap();
        Self { folder, journal, lock: Arc::default() }
    }

    pub fn journal_file(&self) -> PathBuf {
        file_in(self.folder.path()).to_path_buf()
    }

    pub async fn stage(&self, name: &str, policy: Policy, probe_plan: ProbePlan) -> Stage {
        self.stage_with(name, policy, |setup| setup.parts.probe_plan = probe_plan).await
    }

    pub async fn stage_with(
        &self,
        name: &str,
        policy: Policy,
        change: impl FnOnce(&mut Setup),
    ) -> Stage {
        let name: EnvironmentName = name.parse().unwrap();
        let world = Arc::new(World {
            script: Script::default(),
            journal: self.journal.clone(),
            environment: name.clone(),
            calls: Mutex::default(),
            looks: Mutex::default(),
            begun: Semaphore::new(0),
            cut_off: Semaphore::new(0),
            tidying: Semaphore::new(0),
            untidied: Semaphore::new(0),
        });
        let parts = parts(&world, plan(), self.lock.clone());
        let mut setup = Setup {
            name,
            about: Default::default(),
            policy,
            parts,
            journal: self.journal.clone(),
            clock: Clock::system(),
            shutdown_grace: GRACE,
            predecessor: None,
        };
        change(&mut setup);
        let (driver, handle) = Driver::new(setup).await.unwrap();
        let shutdown = CancellationToken::new();
        let driver = tokio::spawn(driver.run(shutdown.clone()));
        Stage { world, handle, shutdown, driver }
    }
}

pub fn parts(world: &Arc<World>, probe_plan: ProbePlan, lock: Arc<AsyncMutex<()>>) -> Parts {
    Parts {
        source: world.clone(),
        runtime: world.clone(),
        probe: Some(world.clone()),
        probe_plan,
        hooks: world.clone(),
        verifier: Some(world.clone()),
        backups: None,
        promotion: None,
        proof: None,
        repository_lock: lock,
    }
}

pub fn request(index: u8) -> DeployRequest {
    DeployRequest {
        sha: sha(index),
        by: "spiffe://test/operator/ada".parse().unwrap(),
        reason: None,
        request_id: None,
        redeploy: false,
        allow_older: false,
        override_quarantine: false,
        planned_on: None,
    }
}

impl Stage {
    pub async fn deploy(&self, index: u8) -> DeploymentNumber {
        match self.handle.deploy(request(index), "", &Carried::Nothing).await.unwrap() {
            Answer::Admitted(number) => number,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a state, bounded by the wall's clock: the tests' own may be paused.
    pub async fn until(&self, what: impl FnMut(&Arc<Environment>) -> bool) {
        let mut state = self.handle.state.clone();
        bounded(async move { drop(state.wait_for(what).await.unwrap()) }).await;
    }

    pub async fn ended(&self, number: DeploymentNumber) -> Deployment {
        self.until(|state| {
            state.last >= number && state.open.get(&number).is_none_or(|it| it.outcome.is_some())
        })
        .await;
        self.handle.deployment(number).await.unwrap()
    }

    pub async fn story(&self, number: DeploymentNumber) -> Vec<Record> {
        let journal = self.handle.journal();
        let chapter = journal.chapter(&self.handle.name, number, Sequence(0), 100_000).await;
        chapter.unwrap().unwrap().records
    }

    pub async fn kinds(&self, number: DeploymentNumber) -> Vec<&'static str> {
        self.story(number).await.iter().map(|record| record.entry.event.name()).collect()
    }
}
