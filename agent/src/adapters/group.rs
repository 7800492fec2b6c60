//! Process groups: how a program and everything that it started are signalled, awaited and ended.
//!
//! A group lives until its last member is gone, also when its leader went first. Zombies do not
//! count: whoever is their parent may never reap them, and they hold no port and no file.

use std::{fs, io, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::time::{Instant, sleep};

/// How often a group is looked at while it ends: an application that stops fast restarts fast.
const POLL: Duration = Duration::from_millis(5);

/// How long SIGKILL may take; longer only in uninterruptible sleep, which nobody can end.
const KILL_TAKES: Duration = Duration::from_secs(5);

/// A process group, by the id of its leader. Killed when dropped, unless it was [`Group::release`]d.
#[derive(Debug)]
pub(super) struct Group {
    leader: Option<Pid>,
}

impl Group {
    /// The group that `leader` leads.
    pub(super) fn led_by(leader: Pid) -> Self {
        Self { leader: Some(leader) }
    }

    /// The group of a child that was started as the leader of its own; none when it is gone already.
    pub(super) fn of(child: &tokio::process::Child) -> Self {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        Self { leader: pid.and_then(Pid::from_raw) }
    }

    /// Sends `signal` to every member. A group that is gone does not matter.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, signal);
        }
    }

    /// Whether a member runs.
    pub(super) fn is_alive(&self) -> bool {
        self.leader.is_some_and(|leader| {
            test_kill_process_group(leader) != Err(rustix::io::Errno::SRCH) && has_member(leader)
        })
    }

    /// Waits until no member runs, and says whether that came true within `limit`.
    pub(super) async fn gone_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(POLL).await;
        }
        true
    }

    /// SIGTERM, and SIGKILL to who is still there after `grace`. Whether SIGTERM was enough.
    pub(super) async fn end(mut self, grace: Duration) -> bool {
        self.signal(Signal::TERM);
        let obeyed = self.gone_within(grace).await;
        if !obeyed {
            self.signal(Signal::KILL);
            self.gone_within(KILL_TAKES).await;
        }
        self.release();
        obeyed
    }

    /// Kills who is left, now.
    pub(super) async fn kill(mut self) {
        if self.is_alive() {
            self.signal(Signal::KILL);
            self.gone_within(KILL_TAKES).await;
        }
        self.release();
    }

    fn release(&mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn has_member(leader: Pid) -> bool {
    let leader = leader.as_raw_nonzero().get();
    processes().any(|process| process.group == leader && !process.is_zombie)
}

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    /// Its id.
    pub(super) pid: i32,
    /// Its process group.
    pub(super) group: i32,
    /// When it started, in clock ticks since boot: with the id, it names a process for good.
    pub(super) started: u64,
    /// Whether it has ended and only waits to be reaped.
    pub(super) is_zombie: bool,
}

/// All processes that this agent can see.
pub(super) fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Process::look(entry.file_name().to_str()?.parse().ok()?).ok())
}

impl Process {
    /// What the kernel says of `pid` now.
    pub(super) fn look(pid: i32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(pid, &stat).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    /// The program's name is in parentheses and may contain anything, parentheses and spaces too.
    fn parse(pid: i32, stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        Some(Self {
            pid,
            group: fields.get(2)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) Z 1 42 42 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 98765 1 2";
        let process = Process::parse(7, stat).expect("parses");
        assert_eq!(process, Process { pid: 7, group: 42, started: 98765, is_zombie: true });
        assert_eq!(Process::parse(7, "7 (torn"), None);
    }
}
