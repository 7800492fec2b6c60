//! Tells whether a container's first process can hear its stop signal at all.
//!
//! The kernel delivers to the first process of a container only signals that it has a handler for.
//! `command: bash -c "…"` has none for SIGTERM, so Docker waits its whole ten seconds for nothing,
//! at every restart. That is visible beforehand; when in doubt, the container is waited for.

use std::fs;

use bollard::models::ContainerInspectResponse;

/// SIGTERM's bit in the kernel's signal masks.
const SIGTERM: u64 = 1 << 14;

/// What to say about it, once per restart.
pub(super) fn remark(source: &str) -> String {
    format!(
        "the first process of {source} has no handler for SIGTERM: it was not waited for \
         (`exec` in its command, or `init: true`, lets it stop in order)"
    )
}

/// Whether waiting for this container after SIGTERM can bring nothing.
pub(super) fn hears_nothing(look: &ContainerInspectResponse) -> bool {
    let signal = look.config.as_ref().and_then(|config| config.stop_signal.as_deref());
    if !matches!(signal, None | Some("" | "SIGTERM" | "TERM" | "15")) {
        return false;
    }
    let pid = look.state.as_ref().and_then(|state| state.pid).filter(|pid| *pid > 0);
    let (Some(id), Some(pid)) = (&look.id, pid) else { return false };
    is_of_container(pid, id) && threads(pid).is_some_and(|masks| masks.iter().all(|m| m.is_deaf()))
}

/// The agent may live in a container too, and see another process under this number.
fn is_of_container(pid: i64, id: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|cgroups| cgroups.contains(id))
}

/// The masks of all threads: one that blocks the signal may be waiting for it.
fn threads(pid: i64) -> Option<Vec<Masks>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).ok();
    tasks.map(|task| Masks::parse(&status(task.ok()?)?)).collect()
}

/// What one thread says of its signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Masks {
    is_first: bool,
    caught: u64,
    blocked: u64,
}

impl Masks {
    fn parse(status: &str) -> Option<Self> {
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let mask = |name| u64::from_str_radix(field(name)?, 16).ok();
        // The group's number, not the thread's: it is 1 for every thread of a first process.
        let group = field("NStgid:")?.rsplit('\t').next()?;
        Some(Self { is_first: group == "1", caught: mask("SigCgt:")?, blocked: mask("SigBlk:")? })
    }

    fn is_deaf(self) -> bool {
        self.is_first && (self.caught | self.blocked) & SIGTERM == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(group: &str, blocked: &str, caught: &str) -> Masks {
        let status = format!(
            "Name:\tsh\nNStgid:\t25709{group}\nSigBlk:\t{blocked}\nSigIgn:\t4\nSigCgt:\t{caught}\n"
        );
        Masks::parse(&status).expect("parses")
    }

    #[test]
    fn only_a_first_process_without_handler_and_without_block_is_deaf() {
        assert!(masks("\t1", "0", "0000000000010002").is_deaf());
        assert!(!masks("\t1", "0", "0000000000014002").is_deaf(), "it has a handler");
        assert!(!masks("\t1", "0000000000004000", "0").is_deaf(), "it may use signalfd");
        assert!(!masks("\t7", "0", "0").is_deaf(), "others die of SIGTERM by default");
        assert!(!masks("", "0", "0").is_deaf(), "it shares our process ids");
    }
}
