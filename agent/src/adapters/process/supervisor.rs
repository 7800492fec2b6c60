//! The task that owns the program: starts it, starts it again when it ends by itself, stops it.

use std::time::Duration;

use ripcord_core::{Failure, FailureKind};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{
    super::orphan::end_recorded,
    Answer, ProcessSettings,
    log::LogWriter,
    run::{RECORD_FILE, Run},
};

/// Pause before the first start after a crash; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longest pause: a program that never comes up costs next to nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Whoever ran for so long has come up: crashes before that are forgotten.
const SETTLED: Duration = Duration::from_secs(60);

/// So much of a command line is shown.
const SHOWN_CHARS: usize = 120;

/// What the supervisor can be asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// Run, unless it runs.
    Start(oneshot::Sender<Answer>),
    /// Stop if it runs, and run.
    Restart(oneshot::Sender<Answer>),
    /// Do not run.
    Stop(oneshot::Sender<Answer>),
}

/// What everybody may know of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nobody asked for it.
    Stopped,
    /// It runs, and did not crash lately.
    Running,
    /// It ended by itself, and was, or will be, started again.
    Crashing {
        /// How it ended, and what it said last.
        detail: String,
    },
}

/// What the program does.
#[derive(Debug)]
enum State {
    Stopped,
    Running { run: Box<Run>, settled_at: Option<Instant> },
    Pausing { until: Instant },
}

/// What happened next.
enum Next {
    Asked(Option<Ask>),
    Ended(String),
    Settled,
    PauseOver,
}

/// Owner of the program.
#[derive(Debug)]
pub(super) struct Supervisor {
    settings: ProcessSettings,
    log: LogWriter,
    told: watch::Sender<Condition>,
    state: State,
    crashes: u32,
}

impl Supervisor {
    pub(super) fn new(
        settings: ProcessSettings,
        log: LogWriter,
        told: watch::Sender<Condition>,
    ) -> Self {
        Self { settings, log, told, state: State::Stopped, crashes: 0 }
    }

    /// Serves until nobody can ask any more; then stops the program.
    pub(super) async fn run(mut self, mut asked: mpsc::Receiver<Ask>) {
        loop {
            match self.next(&mut asked).await {
                Next::Asked(Some(ask)) => self.serve(ask).await,
                Next::Asked(None) => return self.stop().await,
                Next::Ended(how) => self.crashed(&how).await,
                Next::Settled => self.settle(),
                Next::PauseOver => drop(self.start("after a crash").await),
            }
        }
    }

    async fn next(&mut self, asked: &mut mpsc::Receiver<Ask>) -> Next {
        match &mut self.state {
            State::Stopped => Next::Asked(asked.recv().await),
            State::Running { run, settled_at } => {
                let settled = at(*settled_at);
                tokio::select! {
                    ask = asked.recv() => Next::Asked(ask),
                    how = run.ended() => Next::Ended(how),
                    () = settled => Next::Settled,
                }
            }
            State::Pausing { until } => tokio::select! {
                ask = asked.recv() => Next::Asked(ask),
                () = sleep_until(*until) => Next::PauseOver,
            },
        }
    }

    async fn serve(&mut self, ask: Ask) {
        let (answer, to) = match ask {
            Ask::Start(to) => (self.ensure().await, to),
            Ask::Restart(to) => (self.restart().await, to),
            Ask::Stop(to) => {
                self.stop().await;
                (Ok("stopped".to_owned()), to)
            }
        };
        let _ = to.send(answer);
    }

    async fn ensure(&mut self) -> Answer {
        match &self.state {
            State::Running { .. } | State::Pausing { .. } => Ok("runs already".to_owned()),
            State::Stopped => self.start("by the agent").await,
        }
    }

    async fn restart(&mut self) -> Answer {
        self.stop().await;
        self.crashes = 0;
        self.start("for a deployment").await
    }

    async fn stop(&mut self) {
        if let State::Running { run, .. } = std::mem::replace(&mut self.state, State::Stopped) {
            let pid = run.pid();
            let how = run.stop(self.settings.stop_timeout).await;
            self.log.mark(format!("stopped: pid {pid} {how}")).await;
            self.log.flush().await;
            self.forget();
        }
        self.told.send_replace(Condition::Stopped);
    }

    async fn start(&mut self, why: &str) -> Answer {
        self.end_orphan().await;
        match Run::start(&self.settings, &self.log) {
            Ok(run) => Ok(self.started(run, why).await),
            Err(error) => Err(self.not_started(&error).await),
        }
    }

    async fn started(&mut self, run: Run, why: &str) -> String {
        let pid = run.pid();
        self.log.mark(format!("started {why}: pid {pid}")).await;
        let settled_at = (self.crashes > 0).then(|| Instant::now() + SETTLED);
        self.state = State::Running { run: Box::new(run), settled_at };
        if self.crashes == 0 {
            self.told.send_replace(Condition::Running);
        }
        let command: String = self.settings.argv.join(" ").chars().take(SHOWN_CHARS).collect();
        format!("restarted `{command}` (pid {pid})")
    }

    async fn not_started(&mut self, error: &std::io::Error) -> Failure {
        let program = self.settings.argv.first().map_or("", String::as_str);
        let cwd = self.settings.cwd.display();
        let message = format!("cannot start {program} in {cwd}: {error}");
        self.log.mark(message.clone()).await;
        self.pause(message.clone());
        Failure::new(FailureKind::Runtime, message)
    }

    /// An agent that was killed may have left the program running; it holds the port.
    async fn end_orphan(&self) {
        let record = self.settings.state_dir.join(RECORD_FILE);
        if let Some(pid) = end_recorded(&record, self.settings.stop_timeout).await {
            self.log.mark(format!("stopped pid {pid}, which an earlier agent left running")).await;
        }
    }

    async fn crashed(&mut self, how: &str) {
        let State::Running { run, .. } = std::mem::replace(&mut self.state, State::Stopped) else {
            return;
        };
        let last = run.clear().await;
        self.forget();
        self.log.mark(how).await;
        self.log.flush().await;
        let program = self.settings.argv.first().map_or("", String::as_str);
        let said = if last.is_empty() { String::new() } else { format!(": {}", last.join(" | ")) };
        self.pause(format!("{program} {how}{said}"));
    }

    fn pause(&mut self, detail: String) {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.crashes.min(16));
        self.crashes += 1;
        self.state = State::Pausing { until: Instant::now() + pause.min(LONGEST_PAUSE) };
        self.told.send_replace(Condition::Crashing { detail });
    }

    fn settle(&mut self) {
        self.crashes = 0;
        if let State::Running { settled_at, .. } = &mut self.state {
            *settled_at = None;
        }
        self.told.send_replace(Condition::Running);
    }

    fn forget(&self) {
        let _ = std::fs::remove_file(self.settings.state_dir.join(RECORD_FILE));
    }
}

/// That instant; never, when there is none.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
