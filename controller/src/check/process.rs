//! One shell line, run to its end: in a process group of its own, with nothing to read, never longer
//! than it may take. Nothing of it outlives the run.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    process::{Child, Command},
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::capture::Capture;

/// How long what was told to stop may take before it is killed: shorter than the time that an agent
/// or a workflow that ends us gives us.
const GRACE: Duration = Duration::from_secs(3);
/// How often a group that ends is looked at.
const POLL: Duration = Duration::from_millis(10);
/// How long output is still read when the line is over: only what it left behind can write then.
const DRAIN: Duration = Duration::from_millis(300);
/// What a pipe holds.
const READ_BYTES: usize = 64 * 1024;

/// Where and as what lines run.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// The folder of `ripcord.toml`, which folders are named from.
    pub(crate) root: Arc<Path>,
    /// The repository's root, which files are named from; nearly always the same.
    pub(crate) repository: Arc<Path>,
    /// The group's name, for `RIPCORD_CHECK`.
    pub(crate) group: Arc<str>,
    /// Becomes true when everything must end now.
    pub(crate) stop: watch::Receiver<bool>,
}

/// How a line ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal of somebody else.
    Signal(i32),
    /// It was stopped at its deadline.
    TooLate,
    /// It was stopped because everything is.
    Stopped,
    /// It never ran.
    NotStarted(io::Error),
}

/// Runs `line` in `dir`, and adds what it prints to `output`. Dropping the future kills it.
pub(super) async fn run(
    line: &str,
    dir: &Path,
    surroundings: &Surroundings,
    deadline: Instant,
    output: &mut Capture,
) -> Ending {
    if *surroundings.stop.borrow() {
        return Ending::Stopped;
    }
    let (mut child, pipe) = match spawn(line, dir, surroundings) {
        Ok(spawned) => spawned,
        Err(error) => return Ending::NotStarted(error),
    };
    let group = Group::of(&child);
    let reading = Reading::begin(pipe, std::mem::take(output));
    let mut stop = surroundings.stop.clone();
    let ending = tokio::select! {
        status = child.wait() => status.map_or_else(Ending::NotStarted, judge),
        () = sleep_until(deadline) => Ending::TooLate,
        () = stopped(&mut stop) => Ending::Stopped,
    };
    match ending {
        Ending::TooLate | Ending::Stopped => group.end(&mut child).await,
        Ending::Exit(_) | Ending::Signal(_) | Ending::NotStarted(_) => {}
    }
    *output = reading.end(group).await;
    ending
}

/// Both streams are one pipe, so that lines keep their order.
fn spawn(line: &str, dir: &Path, surroundings: &Surroundings) -> io::Result<(Child, Receiver)> {
    let (reader, writer) = io::pipe()?;
    let child = Command::new("sh")
        .args(["-c", line])
        .current_dir(surroundings.root.join(dir))
        .env("RIPCORD_CHECK", &*surroundings.group)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, Receiver::from_owned_fd(OwnedFd::from(reader))?))
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Nobody is left to say stop: then it is never said.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn judge(status: ExitStatus) -> Ending {
    status.code().map_or_else(|| Ending::Signal(status.signal().unwrap_or_default()), Ending::Exit)
}

/// A pipe that is read while the line runs: a program whose output nobody reads stands still.
struct Reading {
    task: JoinHandle<Capture>,
    enough: oneshot::Sender<()>,
}

impl Reading {
    fn begin(pipe: Receiver, capture: Capture) -> Self {
        let (enough, told) = oneshot::channel();
        Self { task: tokio::spawn(read(pipe, capture, told)), enough }
    }

    /// What was printed. Kills what the line left behind and holds the pipe open.
    async fn end(mut self, group: Group) -> Capture {
        let read = timeout(DRAIN, &mut self.task).await;
        drop(group);
        let read = match read {
            Ok(read) => read,
            Err(_) => match timeout(DRAIN, &mut self.task).await {
                Ok(read) => read,
                Err(_) => {
                    let _ = self.enough.send(());
                    self.task.await
                }
            },
        };
        read.unwrap_or_default()
    }
}

async fn read(mut pipe: Receiver, mut capture: Capture, told: oneshot::Receiver<()>) -> Capture {
    let reading = async {
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            capture.push(&buffer[..count]);
        }
    };
    tokio::select! {
        () = reading => {}
        _ = told => {}
    }
    capture
}

/// A line's process group. Killed when dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        Self(pid.and_then(Pid::from_raw))
    }

    /// SIGTERM, and SIGKILL to who is still there after the grace.
    async fn end(&self, child: &mut Child) {
        self.signal(Signal::TERM);
        let gone = async {
            let _ = child.wait().await;
            while self.is_alive() {
                sleep(POLL).await;
            }
        };
        if timeout(GRACE, gone).await.is_err() {
            self.signal(Signal::KILL);
            let _ = child.wait().await;
        }
    }

    /// Whether a member runs. Where there is a `/proc`, it tells those that have ended and that
    /// nobody reaps, as the first process of many containers does not.
    fn is_alive(&self) -> bool {
        let answers = |leader: &Pid| test_kill_process_group(*leader).is_ok();
        self.0.filter(answers).is_some_and(|leader| has_member(leader).unwrap_or(true))
    }

    /// A group that is gone does not matter.
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            let _ = kill_process_group(leader, signal);
        }
    }
}

fn has_member(leader: Pid) -> Option<bool> {
    let group = leader.as_raw_nonzero().to_string();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    // Behind the name in parentheses, which may contain anything: state, parent, group.
    let is_member = |stat: &str| {
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let (state, member_of) = (fields.next()?, fields.nth(1)?);
        Some(member_of == group && !matches!(state, "Z" | "X"))
    };
    let stat = |process: fs::DirEntry| fs::read_to_string(process.path().join("stat")).ok();
    Some(processes.filter_map(stat).any(|stat| is_member(&stat) == Some(true)))
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
