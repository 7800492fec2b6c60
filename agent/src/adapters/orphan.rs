//! Finds what an agent that was killed left running, so that it is not started twice: applications
//! that the agent supervises, and commands that write files.
//!
//! An id alone names nobody: ids are used again. A process is ours when id, start time and boot are
//! those that were recorded, or when it carries the token that only our child and its children got.

use std::{fs, io, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::group::{Group, Process, processes};

/// The environment variable that every process of a run inherits.
pub(super) const TOKEN_VARIABLE: &str = "RIPCORD_PROCESS";

/// How often it is looked whether orphans are gone.
const POLL: Duration = Duration::from_millis(10);

/// A run, as it is remembered on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunRecord {
    /// The leader of its process group; `None` while it is being started.
    pub(super) leader: Option<Leader>,
    /// Which boot of the machine.
    boot: String,
    /// What its processes carry in [`TOKEN_VARIABLE`].
    token: String,
}

/// The leader of a run's process group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leader {
    /// Its id.
    pub(super) pid: i32,
    /// When it started, in clock ticks since boot.
    started: u64,
}

impl RunRecord {
    /// The record of a run that is about to be started: an agent that is killed between the start
    /// and the next record leaves nothing that its successor does not find.
    pub(super) fn intent(token: &str) -> io::Result<Self> {
        Ok(Self { leader: None, boot: boot()?, token: token.to_owned() })
    }

    /// The record of a process that was just started.
    pub(super) fn of(pid: i32, token: &str) -> io::Result<Self> {
        let started = Process::look(pid)?.started;
        Ok(Self { leader: Some(Leader { pid, started }), ..Self::intent(token)? })
    }

    /// Remembers the run: complete or not at all.
    pub(super) fn save(&self, file: &Path) -> io::Result<()> {
        let new = file.with_extension("new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, file)
    }

    /// The leader, when it still runs.
    fn running(&self) -> Option<i32> {
        let Leader { pid, started } = self.leader.as_ref()?;
        let process = Process::look(*pid).ok()?;
        (process.started == *started && !process.is_zombie).then_some(*pid)
    }

    /// Members of the group whose leader is gone, or not known; their inherited token says that
    /// they are ours.
    fn followers(&self) -> Vec<Pid> {
        let group = self.leader.as_ref().map(|leader| leader.pid);
        let ours = |process: &Process| {
            let in_group = group.is_none_or(|group| process.group == group);
            !process.is_zombie && in_group && carries(process.pid, &self.token)
        };
        processes().filter(ours).filter_map(|process| Pid::from_raw(process.pid)).collect()
    }
}

/// Ends what the record in `file` names, if it still runs. Says which process that was.
pub(super) async fn end_recorded(file: &Path, grace: Duration) -> Option<i32> {
    let record: RunRecord = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let this_boot = boot().is_ok_and(|boot| boot == record.boot);
    let ended = if this_boot { end(&record, grace).await } else { None };
    let _ = fs::remove_file(file);
    ended
}

async fn end(record: &RunRecord, grace: Duration) -> Option<i32> {
    if let Some(leader) = record.running() {
        if let Some(leader) = Pid::from_raw(leader) {
            Group::led_by(leader).end(grace).await;
        }
        return Some(leader);
    }
    let found = record.followers().first().map(|pid| pid.as_raw_nonzero().get());
    let deadline = Instant::now() + grace;
    signal(&record.followers(), Signal::TERM);
    while !record.followers().is_empty() && Instant::now() < deadline {
        sleep(POLL).await;
    }
    signal(&record.followers(), Signal::KILL);
    found
}

fn signal(processes: &[Pid], signal: Signal) {
    for process in processes {
        let _ = kill_process(*process, signal);
    }
}

fn carries(pid: i32, token: &str) -> bool {
    let wanted = format!("{TOKEN_VARIABLE}={token}");
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|pair| pair == wanted.as_bytes()))
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_got_a_recorded_id_by_chance_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("running.json");
        let mut stranger = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let pid = i32::try_from(stranger.id()).expect("an id");
        let record = RunRecord::of(pid, "token").expect("a record");

        let started = record.leader.as_ref().expect("a leader").started - 1;
        let earlier = RunRecord { leader: Some(Leader { pid, started }), ..record.clone() };
        earlier.save(&file).expect("saved");
        assert_eq!(end_recorded(&file, Duration::ZERO).await, None);
        let other_boot = RunRecord { boot: "another".to_owned(), ..record };
        other_boot.save(&file).expect("saved");
        assert_eq!(end_recorded(&file, Duration::ZERO).await, None);

        assert!(stranger.try_wait().expect("a look").is_none(), "it was killed");
        assert!(!file.exists(), "the record is used up");
        stranger.kill().expect("killed");
        stranger.wait().expect("reaped");
    }

    #[tokio::test]
    async fn a_program_whose_agent_was_killed_in_the_middle_of_starting_it_is_found_and_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("running.json");
        RunRecord::intent("token of a start").and_then(|intent| intent.save(&file)).expect("saved");
        let mut program = std::process::Command::new("sleep");
        let mut program =
            program.arg("60").env(TOKEN_VARIABLE, "token of a start").spawn().expect("sleep");
        let pid = i32::try_from(program.id()).expect("an id");

        assert_eq!(end_recorded(&file, Duration::from_millis(50)).await, Some(pid));
        assert!(program.wait().expect("reaped").code().is_none(), "it was not ended by a signal");
    }
}
