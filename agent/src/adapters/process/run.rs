//! One run of the program: from its start to the end of its whole process group.

use std::{
    collections::VecDeque,
    fs, io,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    task::JoinSet,
    time::timeout,
};

use super::{
    super::{
        command::base_environment,
        group::Group,
        lines::LineCutter,
        orphan::{RunRecord, TOKEN_VARIABLE},
    },
    ProcessSettings,
    log::LogWriter,
    segments::Origin,
};

/// How much is read at once: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;

/// How long the last output may take once the group is gone.
const DRAIN: Duration = Duration::from_millis(500);

/// So many of the last lines explain a crash.
const LAST_LINES: usize = 8;

/// So much of each.
const LAST_LINE_CHARS: usize = 300;

/// The file that remembers the running process for the next agent.
pub(super) const RECORD_FILE: &str = "running.json";

/// A program that runs. Dropping it kills its group.
#[derive(Debug)]
pub(super) struct Run {
    child: Child,
    group: Group,
    pid: i32,
    capture: JoinSet<()>,
    last: Arc<Mutex<VecDeque<String>>>,
}

impl Run {
    /// Starts the program.
    pub(super) fn start(settings: &ProcessSettings, log: &LogWriter) -> io::Result<Self> {
        let token = format!("{}:{}", settings.name, jiff::Timestamp::now().as_nanosecond());
        record(settings, RunRecord::intent(&token));
        let mut child = spawn(settings, &token)?;
        let (group, last) = (Group::of(&child), Arc::default());
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        record(settings, RunRecord::of(pid, &token));
        let mut capture = JoinSet::new();
        if let Some(pipe) = child.stdout.take() {
            capture.spawn(keep(pipe, Origin::Stdout, log.clone(), Arc::clone(&last)));
        }
        if let Some(pipe) = child.stderr.take() {
            capture.spawn(keep(pipe, Origin::Stderr, log.clone(), Arc::clone(&last)));
        }
        Ok(Self { child, group, pid, capture, last })
    }

    /// The program's process id.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits until the program ends by itself. May be called again.
    pub(super) async fn ended(&mut self) -> String {
        self.child.wait().await.map_or_else(|error| error.to_string(), describe)
    }

    /// Stops the program and all that it started: SIGTERM, then SIGKILL after `grace`. Says how it
    /// ended.
    pub(super) async fn stop(mut self, grace: Duration) -> String {
        self.group.signal(Signal::TERM);
        let in_time = timeout(grace, async {
            let ended = self.ended().await;
            self.group.gone_within(grace).await;
            ended
        });
        let ended = in_time.await;
        let Self { mut child, group, capture, .. } = self;
        group.kill().await;
        drain(capture).await;
        match ended {
            Ok(ended) => ended,
            Err(_elapsed) => {
                let _ = timeout(DRAIN, child.wait()).await;
                format!("did not stop within {}s and was killed", grace.as_secs_f32())
            }
        }
    }

    /// Clears away what an ended program left behind, and gives its last lines.
    pub(super) async fn clear(self: Box<Self>) -> Vec<String> {
        let Self { group, capture, last, .. } = *self;
        group.kill().await;
        drain(capture).await;
        last.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

fn spawn(settings: &ProcessSettings, token: &str) -> io::Result<Child> {
    let (program, arguments) = settings
        .argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program is configured"))?;
    Command::new(program)
        .args(arguments)
        .current_dir(&settings.cwd)
        .env_clear()
        .envs(base_environment())
        .envs(settings.env.iter().map(|(name, value)| (name, value)))
        .env(TOKEN_VARIABLE, token)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// A full disk is no reason to keep an application down.
/// Remembers the run for the next agent.
fn record(settings: &ProcessSettings, run: io::Result<RunRecord>) {
    let saved = fs::create_dir_all(&settings.state_dir)
        .and_then(|()| run?.save(&settings.state_dir.join(RECORD_FILE)));
    if let Err(error) = saved {
        let name = &settings.name;
        tracing::warn!(%error, name, "cannot record the process: a killed agent will not find it again");
    }
}

/// Reads a pipe to its end, into the log.
async fn keep(
    mut pipe: impl AsyncRead + Unpin,
    origin: Origin,
    log: LogWriter,
    last: Arc<Mutex<VecDeque<String>>>,
) {
    let mut cutter = LineCutter::default();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = pipe.read(&mut buffer).await.unwrap_or(0);
        let mut lines = Vec::new();
        match read {
            0 => cutter.finish(&mut lines),
            count => cutter.push(&buffer[..count], &mut lines),
        }
        if !lines.is_empty() {
            remember(&last, &lines);
            log.append(origin, lines).await;
        }
        if read == 0 {
            return;
        }
    }
}

fn remember(last: &Mutex<VecDeque<String>>, lines: &[String]) {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line.chars().take(LAST_LINE_CHARS).collect());
    }
}

async fn drain(mut capture: JoinSet<()>) {
    let _ = timeout(DRAIN, async { while capture.join_next().await.is_some() {} }).await;
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
