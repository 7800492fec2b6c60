//! The one task that asks for the runs of a repository, and those who listen to it.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use ripcord_core::{
    Verdict, VerdictReport,
    ci::{Run, Wanted, judge},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::schedule::{Schedule, WatchId};
use crate::ports::{CannotAsk, RunSource};

/// A red verdict waits so long at most for the names of what failed.
const NAMING: Duration = Duration::from_secs(10);
/// Pauses before each try to read them.
const TRIES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(2)];
/// So many red runs are remembered with what failed in them.
const MOST_RED_RUNS: usize = 64;
/// After a bug made it panic, the task goes on after so long.
const AFTER_A_PANIC: Duration = Duration::from_secs(30);

/// Asks a source of runs for all who listen. Asks nothing while nobody does; ends when dropped.
pub struct Poller {
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

impl Poller {
    /// Starts the task, in the current runtime.
    #[must_use]
    pub fn start(source: Arc<dyn RunSource>) -> Arc<Self> {
        let (state, changed) = Default::default();
        let desk = Arc::new(Desk { source, state, changed });
        let task = tokio::spawn(desk.clone().keep_polling());
        Arc::new(Self { desk, task })
    }

    /// Listens to what the runs of `wanted` say of the `required` workflows.
    pub(super) fn listen(
        &self,
        wanted: Wanted,
        required: Arc<[String]>,
        first: Instant,
        every: Duration,
    ) -> Listening {
        let (out, news) = watch::channel(None);
        let mut state = self.desk.state();
        let is_paused = state.schedule.is_paused(Instant::now());
        let listener = Listener { wanted: wanted.clone(), required, out };
        if let Some(trouble) = state.trouble.as_ref().filter(|_| is_paused) {
            listener.tell(unknown(trouble));
        }
        let id = state.schedule.add(wanted, first, every);
        state.listeners.insert(id, listener);
        drop(state);
        self.desk.changed.notify_one();
        Listening { id, news, desk: self.desk.clone() }
    }

    /// Looks at `wanted` as soon as that is allowed. Answers whether anybody listens for it.
    pub(super) fn look_now(&self, wanted: &Wanted) -> bool {
        let is_watched = self.desk.state().schedule.nudge(wanted, Instant::now());
        self.desk.changed.notify_one();
        is_watched
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Somebody who listens, until it is dropped.
pub(super) struct Listening {
    id: WatchId,
    news: watch::Receiver<Option<VerdictReport>>,
    desk: Arc<Desk>,
}

impl Listening {
    /// The next report that differs from the one before; only the newest one is kept.
    pub(super) async fn next(&mut self) -> VerdictReport {
        loop {
            if self.news.changed().await.is_err() {
                // Unlistened only by our own drop: the desk holds the sender until then.
                std::future::pending::<()>().await;
            }
            if let Some(report) = self.news.borrow_and_update().clone() {
                return report;
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.desk.state();
        state.schedule.remove(self.id);
        state.listeners.remove(&self.id);
    }
}

/// What the task and the listeners share.
struct Desk {
    source: Arc<dyn RunSource>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    schedule: Schedule,
    listeners: BTreeMap<WatchId, Listener>,
    trouble: Option<String>,
    /// What failed in which attempt of which run.
    red: BTreeMap<(u64, u64), Vec<String>>,
}

struct Listener {
    wanted: Wanted,
    required: Arc<[String]>,
    out: watch::Sender<Option<VerdictReport>>,
}

impl Desk {
    /// A panic is a bug, and no reason to leave deployments without their verdict.
    async fn keep_polling(self: Arc<Self>) {
        while AssertUnwindSafe(self.poll()).catch_unwind().await.is_err() {
            self.state()
                .tell_all("a bug of the agent stops it from asking GitHub; its log says where");
            sleep(AFTER_A_PANIC).await;
        }
    }

    async fn poll(&self) {
        loop {
            let next = self.state().schedule.next().map(|(at, wanted)| (at, wanted.clone()));
            match next {
                Some((at, wanted)) if at <= Instant::now() => self.look(&wanted).await,
                Some((at, _)) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = self.changed.notified() => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    async fn look(&self, wanted: &Wanted) {
        match self.source.runs(wanted).await {
            Ok(runs) => {
                let listeners = self.state().succeeded(wanted);
                for (id, required) in listeners {
                    let report = self.report(&required, wanted, &runs).await;
                    self.state().tell(id, report);
                }
            }
            Err(trouble) => self.state().failed(wanted, trouble),
        }
    }

    async fn report(&self, required: &[String], wanted: &Wanted, runs: &[Run]) -> VerdictReport {
        let judgement = judge(required, wanted, runs);
        let jobs = match judgement.decided_by {
            Some(red) if judgement.verdict == Verdict::Failure => self.failed_jobs(red).await,
            Some(_) | None => Vec::new(),
        };
        VerdictReport {
            value: judgement.verdict,
            url: judgement.decided_by.map(|run| run.url.clone()),
            jobs,
            detail: judgement.detail,
        }
    }

    /// What failed. Read once: a verdict that is told already does not change for its decoration.
    async fn failed_jobs(&self, run: &Run) -> Vec<String> {
        let key = (run.id, run.attempt);
        if let Some(jobs) = self.state().red.get(&key) {
            return jobs.clone();
        }
        let jobs = timeout(NAMING, self.try_failed_jobs(run)).await.unwrap_or_default();
        let mut state = self.state();
        state.red.insert(key, jobs.clone());
        while state.red.len() > MOST_RED_RUNS {
            state.red.pop_first();
        }
        jobs
    }

    async fn try_failed_jobs(&self, run: &Run) -> Vec<String> {
        for pause in TRIES {
            sleep(pause).await;
            match self.source.failed_jobs(run).await {
                Ok(jobs) => return jobs,
                Err(CannotAsk { detail, retry_at }) => {
                    tracing::warn!(run = run.id, detail, "what failed in a run could not be read");
                    if retry_at.is_some() {
                        break;
                    }
                }
            }
        }
        Vec::new()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes a good look, and answers who listens for its result.
    fn succeeded(&mut self, wanted: &Wanted) -> Vec<(WatchId, Arc<[String]>)> {
        self.schedule.succeeded(wanted, Instant::now());
        if self.trouble.take().is_some() {
            tracing::info!("GitHub can be asked again");
        }
        let listeners = self.listeners.iter().filter(|(_, listener)| listener.wanted == *wanted);
        listeners.map(|(id, listener)| (*id, listener.required.clone())).collect()
    }

    /// Notes that nothing can be asked: that goes for everybody.
    fn failed(&mut self, wanted: &Wanted, trouble: CannotAsk) {
        let CannotAsk { detail, retry_at } = trouble;
        self.schedule.failed(wanted, Instant::now(), retry_at, chance());
        if self.trouble.as_ref() != Some(&detail) {
            tracing::warn!(detail, "GitHub cannot be asked");
        }
        self.tell_all(&detail);
        self.trouble = Some(detail);
    }

    fn tell_all(&self, trouble: &str) {
        self.listeners.values().for_each(|listener| listener.tell(unknown(trouble)));
    }

    fn tell(&self, id: WatchId, report: VerdictReport) {
        if let Some(listener) = self.listeners.get(&id) {
            listener.tell(report);
        }
    }
}

impl Listener {
    fn tell(&self, report: VerdictReport) {
        self.out.send_if_modified(|last| {
            let is_news = last.as_ref() != Some(&report);
            *last = Some(report);
            is_news
        });
    }
}

fn unknown(trouble: &str) -> VerdictReport {
    VerdictReport { detail: Some(trouble.to_owned()), ..VerdictReport::of(Verdict::Unknown) }
}

/// From 0 to 1; the standard library seeds its hashers at random.
fn chance() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(random >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}
