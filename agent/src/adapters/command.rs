//! Runs a program to its end: hooks, the compose program, checks. Never a shell, never longer than
//! allowed, never with the agent's own environment, and nothing of it outlives the run.

use std::{
    env,
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    pin::{Pin, pin},
    process::{ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::FusedFuture};
use ripcord_core::{CommitSha, DeploymentNumber, EnvironmentName, Event, Failure, FailureKind};
use rustix::fs::{Access, access};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use super::{group::Group, lines::LineCutter};
use crate::ports::Reporter;

/// How long a program that was told to stop may take before it is killed.
const KILL_AFTER: Duration = Duration::from_secs(5);

/// How long output is still read after the program's end: only a process that it left behind can
/// hold its pipes open then.
const DRAIN: Duration = Duration::from_millis(500);

/// How long the rest of the output may take once no process of the group is left.
const DRAIN_CLOSED: Duration = Duration::from_secs(2);

/// How much is read at once: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;

/// So many lines of one run are told: a story is for people.
const MAX_LINES: usize = 20_000;

/// So many bytes of one run are told: the journal keeps them.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// What to run, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// Program and arguments; the program is looked up in `PATH` when it has no slash.
    pub argv: Vec<String>,
    /// Where it runs.
    pub cwd: PathBuf,
    /// Its environment, beside `PATH`, `HOME` and `LANG`.
    pub env: Vec<(String, String)>,
    /// How long it may run.
    pub timeout: Duration,
    /// What its output is called in the story.
    pub source: String,
}

/// Why a program did not do its work. Names the program only: arguments may be long, or private.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("cannot start {program} in {cwd}", cwd = cwd.display())]
    Spawn {
        /// The program.
        program: String,
        /// Where it should have run.
        cwd: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended with a code other than 0.
    #[error("{program} exited with code {code}")]
    Exit {
        /// The program.
        program: String,
        /// Its exit code.
        code: i32,
    },
    /// A signal ended it.
    #[error("{program} was ended by signal {signal}")]
    Signal {
        /// The program.
        program: String,
        /// The signal's number.
        signal: i32,
    },
    /// It took too long, and was stopped.
    #[error("{program} did not end within {}s and was stopped", after.as_secs_f32())]
    Timeout {
        /// The program.
        program: String,
        /// How long it could run.
        after: Duration,
    },
}

impl CommandError {
    /// The failure of the step that needed this program.
    #[must_use]
    pub fn into_failure(self, kind: FailureKind) -> Failure {
        match self {
            Self::Spawn { ref source, .. } => Failure::new(kind, format!("{self}: {source}")),
            Self::Exit { .. } | Self::Signal { .. } | Self::Timeout { .. } => {
                Failure::new(kind, self.to_string())
            }
        }
    }
}

/// Runs a program to its end, and tells its output line by line. Dropping the future kills it with
/// everything that it started.
pub async fn run(spec: CommandSpec, reporter: &Reporter) -> Result<(), CommandError> {
    let program = spec.argv.first().cloned().unwrap_or_default();
    let unusable =
        |source| CommandError::Spawn { program: program.clone(), cwd: spec.cwd.clone(), source };
    let mut child = spawn(&spec).map_err(unusable)?;
    let group = Group::of(&child);
    let story = Story::new(&spec.source, reporter);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let told = async { tokio::join!(story.tell(stdout, false), story.tell(stderr, true)) };
    let mut told = pin!(told.fuse());

    let ended = timeout(spec.timeout, wait_while(&mut child, told.as_mut())).await;
    let Ok(status) = ended else {
        let stopped = timeout(KILL_AFTER * 2, wait_while(&mut child, told.as_mut()));
        let _ = tokio::join!(group.end(KILL_AFTER), stopped);
        drain(told, DRAIN_CLOSED).await;
        return Err(CommandError::Timeout { program, after: spec.timeout });
    };
    drain(told.as_mut(), DRAIN).await;
    group.kill().await;
    drain(told, DRAIN_CLOSED).await;
    judge(&program, status.map_err(unusable)?)
}

/// Starts it as the leader of a process group of its own, with nothing to read.
fn spawn(spec: &CommandSpec) -> io::Result<Child> {
    let (program, arguments) =
        spec.argv.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Command::new(program)
        .args(arguments)
        .current_dir(&spec.cwd)
        .env_clear()
        .envs(base_environment())
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// What every program may know of the agent's own environment; nothing else of it is passed on.
pub(super) fn base_environment() -> impl Iterator<Item = (&'static str, OsString)> {
    let from_ours = |name, default: &str| (name, env::var_os(name).unwrap_or(default.into()));
    [
        from_ours("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        from_ours("HOME", "/"),
        from_ours("LANG", "C.UTF-8"),
    ]
    .into_iter()
}

/// Whether a program that is named without a folder is one that may be run.
pub(super) fn is_in_path(program: &Path) -> bool {
    let path = base_environment().find(|(name, _)| *name == "PATH").map(|(_, path)| path);
    let folders = path.iter().flat_map(env::split_paths);
    folders.map(|folder| folder.join(program)).any(|file| why_not_run(&file).is_none())
}

/// Why a file cannot be run as a program.
pub(super) fn why_not_run(program: &Path) -> Option<String> {
    if program.is_dir() {
        return Some("it is a folder".to_owned());
    }
    access(program, Access::EXEC_OK).err().map(|error| error.to_string())
}

/// Waits for the program's end while its output is told; it may close its pipes and go on.
async fn wait_while<F: FusedFuture>(
    child: &mut Child,
    mut told: Pin<&mut F>,
) -> io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            _ = &mut told, if !told.is_terminated() => {}
        }
    }
}

async fn drain<F: FusedFuture>(told: Pin<&mut F>, limit: Duration) {
    if !told.is_terminated() {
        let _ = timeout(limit, told).await;
    }
}

fn judge(program: &str, status: ExitStatus) -> Result<(), CommandError> {
    let program = program.to_owned();
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(CommandError::Exit { program, code }),
        (None, signal) => Err(CommandError::Signal { program, signal: signal.unwrap_or_default() }),
    }
}

/// Tells the output of one run, up to a bound.
struct Story<'a> {
    source: &'a str,
    reporter: &'a Reporter,
    room: Mutex<Room>,
}

/// What of one run may still be told.
struct Room {
    lines: usize,
    bytes: usize,
    is_closed: bool,
}

/// What happens to a line.
enum Place {
    Tell,
    /// The first line that finds no room.
    Cut,
    Skip,
}

impl<'a> Story<'a> {
    fn new(source: &'a str, reporter: &'a Reporter) -> Self {
        let room = Mutex::new(Room { lines: MAX_LINES, bytes: MAX_BYTES, is_closed: false });
        Self { source, reporter, room }
    }

    /// Reads a pipe to its end: a program whose output nobody reads would stand still.
    async fn tell(&self, pipe: Option<impl AsyncRead + Unpin>, stderr: bool) {
        let Some(mut pipe) = pipe else { return };
        let (mut cutter, mut lines) = (LineCutter::default(), Vec::new());
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = pipe.read(&mut buffer).await.unwrap_or(0);
            match read {
                0 => cutter.finish(&mut lines),
                count => cutter.push(&buffer[..count], &mut lines),
            }
            for line in lines.drain(..) {
                self.tell_line(line, stderr).await;
            }
            if read == 0 {
                return;
            }
        }
    }

    async fn tell_line(&self, line: String, stderr: bool) {
        let source = self.source.to_owned();
        match self.place(line.len()) {
            Place::Tell => self.reporter.tell(Event::Output { source, stderr, line }).await,
            Place::Cut => {
                self.reporter.remark(format!("output of {source} cut: it is too long")).await;
            }
            Place::Skip => {}
        }
    }

    fn place(&self, bytes: usize) -> Place {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if room.is_closed {
            return Place::Skip;
        }
        if room.lines == 0 || room.bytes < bytes {
            room.is_closed = true;
            return Place::Cut;
        }
        room.lines -= 1;
        room.bytes -= bytes;
        Place::Tell
    }
}

/// Who a command of the operator works for, as its environment says it.
#[must_use]
pub fn identity_of(
    environment: &EnvironmentName,
    deployment: DeploymentNumber,
    sha: CommitSha,
) -> Vec<(String, String)> {
    vec![
        ("RIPCORD_ENVIRONMENT".to_owned(), environment.to_string()),
        ("RIPCORD_DEPLOYMENT".to_owned(), deployment.0.to_string()),
        ("RIPCORD_SHA".to_owned(), sha.to_string()),
    ]
}
