//! Tells whether a container's process can hear a signal at all.
//!
//! The kernel delivers to the first process of a container only signals that it has a handler for.
//! `command: bash -c "…"` has none for SIGTERM, so Docker waits its whole ten seconds for nothing,
//! at every restart. That is visible beforehand, in `/proc`, to an agent that sees the processes of
//! the machine. One that lives in a container of its own sees others under these numbers, or none:
//! then nothing is known, and whoever asks has to take that for a doubt.
//!
//! A thread that sleeps in `sigwait` (an init does nothing else) hears although no mask says so: for as
//! long as it sleeps, the kernel takes the signals that it waits for out of `SigBlk`. Only the call that
//! it is in gives it away, which root alone may see.
//!
//! Libraries start threads that block everything, beside others that block nothing: such a signal goes
//! to one of the others. Only what all threads block waits for whoever reads it, from a `signalfd`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bollard::models::ContainerInspectResponse;
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal},
};

use super::signal::Signal;

/// First processes that hand signals on to what they started; `init: true` brings the first one.
const INITS: [&str; 5] = ["docker-init", "tini", "tini-static", "dumb-init", "catatonit"];

/// `rt_sigtimedwait`, by which all kinds of `sigwait` wait, as architectures number it. Some number
/// another call like this: a doubt more.
const WAITING_CALLS: [&str; 5] = ["128", "137", "176", "177", "421"];

/// What a signal does to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearing {
    /// There is a handler, or it waits until somebody reads it.
    Hears,
    /// It is dropped without a word.
    Deaf,
    /// Nobody handles it, and that ends the process, as it ends any that is not the first one.
    Ends,
    /// That cannot be seen from here.
    Unknown,
}

/// Why a process did not get a signal from us.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsent {
    /// It has ended, or is not to be seen any more.
    #[error("it has ended")]
    Gone,
    /// The kernel, or what guards it, does not let us.
    #[error("{0}")]
    Forbidden(io::Error),
    /// Something else is in the way.
    #[error("{0}")]
    Failed(io::Error),
}

impl From<Errno> for Unsent {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::SRCH => Self::Gone,
            // Containers that the agent may run in answer either for calls that they do not pass.
            Errno::PERM | Errno::ACCESS | Errno::NOSYS => Self::Forbidden(errno.into()),
            other => Self::Failed(other.into()),
        }
    }
}

/// The processes of this machine, as `/proc` shows them.
#[derive(Debug)]
pub(super) struct Processes {
    proc: PathBuf,
}

impl Default for Processes {
    fn default() -> Self {
        Self { proc: "/proc".into() }
    }
}

/// What stops the container: its image's `STOPSIGNAL`, or its own; `None` for one that nobody knows.
pub(super) fn stop_signal(look: &ContainerInspectResponse) -> Option<Signal> {
    let signal = look.config.as_ref().and_then(|config| config.stop_signal.as_deref());
    signal.filter(|signal| !signal.is_empty()).map_or(Some(Signal::TERM), Signal::parse)
}

impl Processes {
    /// What `signal` does to the first process of this container.
    pub(super) fn first(&self, look: &ContainerInspectResponse, signal: Signal) -> Hearing {
        self.pid(look).map_or(Hearing::Unknown, |pid| self.of(pid, signal))
    }

    /// The same, of what the first process hands the signal on to where it is only an init.
    pub(super) fn application(&self, look: &ContainerInspectResponse, signal: Signal) -> Hearing {
        let Some(pid) = self.pid(look) else { return Hearing::Unknown };
        let name = fs::read_to_string(self.of_process(pid, "comm")).unwrap_or_default();
        if !INITS.contains(&name.trim_end()) {
            return self.of(pid, signal);
        }
        let children = fs::read_to_string(self.of_process(pid, &format!("task/{pid}/children")));
        let children = children.unwrap_or_default();
        let first = children.split_whitespace().next().and_then(|child| child.parse().ok());
        first.map_or(Hearing::Unknown, |child| self.of(child, signal))
    }

    /// Sends `signal` to the first process, past Docker.
    pub(super) fn send(
        &self,
        look: &ContainerInspectResponse,
        signal: Signal,
    ) -> Result<(), Unsent> {
        let pid = self.pid(look).and_then(Pid::from_raw).ok_or(Unsent::Gone)?;
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        // From here on it is this process, whoever gets its number; and whose was it?
        self.pid(look).ok_or(Unsent::Gone)?;
        let signal = signal.named().ok_or(Errno::INVAL)?;
        Ok(pidfd_send_signal(process, signal)?)
    }

    /// The number of the first process, if it has that number here as well.
    pub(super) fn pid(&self, look: &ContainerInspectResponse) -> Option<i32> {
        let pid = look.state.as_ref().and_then(|state| state.pid);
        let pid = pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0)?;
        let id = look.id.as_deref().filter(|id| !id.is_empty())?;
        // `/docker/ID`, `docker-ID.scope`, `/kubepods/…/ID`, and what runs below them.
        let cgroups = fs::read_to_string(self.of_process(pid, "cgroup")).ok()?;
        cgroups.contains(id).then_some(pid)
    }

    fn of(&self, pid: i32, signal: Signal) -> Hearing {
        if signal.is_inevitable() {
            return Hearing::Ends;
        }
        let threads = self.threads(pid);
        let catches = threads.iter().flatten().any(|masks| masks.catches(signal));
        let blocks = |masks: &Option<Masks>| masks.is_some_and(|masks| masks.blocks(signal));
        if catches || (!threads.is_empty() && threads.iter().all(blocks)) {
            return Hearing::Hears;
        }
        // Of one that just came or went nothing is known: it may be the one that waits, as may one that
        // blocks it while another does not.
        let is_clear =
            |masks: &Option<Masks>| !blocks(masks) && masks.is_some_and(|it| !it.may_wait);
        if threads.is_empty() || !threads.iter().all(is_clear) {
            return Hearing::Unknown;
        }
        if threads.iter().flatten().all(|masks| masks.drops(signal)) {
            return Hearing::Deaf;
        }
        Hearing::Ends
    }

    /// What each thread says; none of one that does not.
    fn threads(&self, pid: i32) -> Vec<Option<Masks>> {
        let tasks = fs::read_dir(self.of_process(pid, "task")).into_iter().flatten();
        tasks.map(|task| Masks::read(&task.ok()?.path())).collect()
    }

    fn of_process(&self, pid: i32, file: &str) -> PathBuf {
        self.proc.join(pid.to_string()).join(file)
    }
}

/// What one thread says of its signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Masks {
    is_first: bool,
    caught: u64,
    blocked: u64,
    ignored: u64,
    /// Whether it may be in `sigwait`, for whatever signals.
    may_wait: bool,
}

impl Masks {
    fn read(task: &Path) -> Option<Self> {
        // It may wake up, or fall asleep, while it is looked at.
        let before = may_wait(task);
        let masks = Self::parse(&fs::read_to_string(task.join("status")).ok()?)?;
        Some(Self { may_wait: before || may_wait(task), ..masks })
    }

    fn parse(status: &str) -> Option<Self> {
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let mask = |name| u64::from_str_radix(field(name)?, 16).ok();
        // The group's number, not the thread's: it is 1 for every thread of a first process.
        let group = field("NStgid:")?.split_whitespace().next_back()?;
        Some(Self {
            is_first: group == "1",
            caught: mask("SigCgt:")?,
            blocked: mask("SigBlk:")?,
            ignored: mask("SigIgn:")?,
            may_wait: false,
        })
    }

    fn catches(self, signal: Signal) -> bool {
        self.caught & signal.bit() != 0
    }

    fn blocks(self, signal: Signal) -> bool {
        self.blocked & signal.bit() != 0
    }

    fn drops(self, signal: Signal) -> bool {
        self.is_first || self.ignored & signal.bit() != 0
    }
}

/// `/proc/PID/task/TID/syscall` is the call's number and its arguments, or `running`.
fn may_wait(task: &Path) -> bool {
    let Ok(call) = fs::read_to_string(task.join("syscall")) else { return true };
    call.split_whitespace().next().is_none_or(|number| WAITING_CALLS.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1de8c0de5b1f";
    const TERM: Signal = Signal::TERM;

    /// A machine with one container, whose first process has the number 700.
    struct Machine {
        folder: tempfile::TempDir,
        processes: Processes,
    }

    impl Machine {
        fn new(cgroup: &str) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let processes = Processes { proc: folder.path().to_owned() };
            let machine = Self { folder, processes };
            machine.write("700/cgroup", cgroup);
            machine
        }

        fn write(&self, file: &str, text: &str) {
            let path = self.folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("is made");
            fs::write(path, text).expect("is written");
        }

        /// `masks`: blocked, ignored, caught.
        fn thread(&self, pid: i32, thread: i32, group: &str, masks: [&str; 3]) -> &Self {
            let [blocked, ignored, caught] = masks;
            let status = format!(
                "Name:\tsh\nNStgid:\t{pid}{group}\nNSpid:\t{thread}\nSigQ:\t0/9\nSigPnd:\t0\n\
                 SigBlk:\t{blocked}\nSigIgn:\t{ignored}\nSigCgt:\t{caught}\n"
            );
            self.write(&format!("{pid}/task/{thread}/status"), &status);
            self.write(
                &format!("{pid}/task/{thread}/syscall"),
                "61 0xffffffffffffffff 0x7ffc 0x0\n",
            );
            self
        }
    }

    fn look() -> ContainerInspectResponse {
        serde_json::from_str(&format!(r#"{{"Id":"{ID}","State":{{"Pid":700}}}}"#)).expect("parses")
    }

    fn hearing(group: &str, masks: [&str; 3]) -> Hearing {
        let machine = Machine::new(&format!("0::/system.slice/docker-{ID}.scope\n"));
        machine.thread(700, 700, group, masks);
        machine.processes.first(&look(), TERM)
    }

    #[test]
    fn only_a_process_that_drops_the_signal_is_deaf() {
        for (group, masks, expected, why) in [
            ("\t1", ["0", "0", "0000000000010002"], Hearing::Deaf, "a shell without a trap"),
            ("\t12\t1", ["0", "4000", "10002"], Hearing::Deaf, "a first process two levels below"),
            ("\t1", ["0", "0", "0000000000014002"], Hearing::Hears, "it has a handler"),
            ("\t1", ["0000000000004000", "0", "0"], Hearing::Hears, "it may use signalfd"),
            ("\t7", ["0", "0", "0"], Hearing::Ends, "others die of it"),
            ("", ["0", "0", "0"], Hearing::Ends, "it shares our process ids"),
            ("", ["0", "4000", "0"], Hearing::Deaf, "it ignores it: nohup"),
            ("\t1", ["0", "0", "no mask"], Hearing::Unknown, "another kernel"),
        ] {
            assert_eq!(hearing(group, masks), expected, "{why}");
        }
    }

    #[test]
    fn the_signal_is_the_one_that_is_asked_for_and_no_other() {
        let machine = Machine::new(&format!("12:memory:/docker/{ID}\n"));
        machine.thread(700, 700, "\t1", ["0", "0", "0000001000000001"]);
        for (signal, expected) in [
            ("HUP", Hearing::Hears),
            ("INT", Hearing::Deaf),
            ("SIGRTMIN+3", Hearing::Hears),
            ("38", Hearing::Deaf),
            ("KILL", Hearing::Ends),
        ] {
            let signal = Signal::parse(signal).expect("a signal");
            assert_eq!(machine.processes.first(&look(), signal), expected, "{signal}");
        }
    }

    #[test]
    fn a_library_thread_that_blocks_everything_does_not_make_a_process_hear() {
        let machine = Machine::new(&format!("0::/docker/{ID}/init.scope\n"));
        let hearing = || machine.processes.first(&look(), TERM);
        machine.thread(700, 700, "\t1", ["0", "0", "0"]).thread(700, 703, "\t1", ["0", "0", "0"]);
        assert_eq!(hearing(), Hearing::Deaf);
        machine.thread(700, 703, "\t1", ["fffffffe7ffbfeff", "0", "0"]);
        assert_eq!(hearing(), Hearing::Unknown, "the first thread gets it, and drops it");
        machine.thread(700, 700, "\t1", ["4000", "0", "0"]);
        assert_eq!(hearing(), Hearing::Hears, "all keep it for a signalfd");
        machine.write("700/task/703/status", "");
        assert_eq!(hearing(), Hearing::Unknown, "one of them came or went");
    }

    #[test]
    fn a_thread_that_sleeps_in_sigwait_or_hides_what_it_does_is_not_called_deaf() {
        let machine = Machine::new(&format!("0::/docker/{ID}\n"));
        let hearing = || machine.processes.first(&look(), TERM);
        machine.thread(700, 700, "\t1", ["0", "0", "0"]).thread(700, 701, "\t1", ["0", "0", "0"]);
        assert_eq!(hearing(), Hearing::Deaf);
        machine.write("700/task/701/syscall", "running\n");
        assert_eq!(hearing(), Hearing::Deaf);
        machine.write("700/task/701/syscall", "128 0x7ffd 0x7ffd 0x0 0x8\n");
        assert_eq!(hearing(), Hearing::Unknown, "it waits for signals, and no mask says which");
        let hidden = machine.folder.path().join("700/task/701/syscall");
        fs::remove_file(hidden).expect("is removed");
        assert_eq!(hearing(), Hearing::Unknown, "we are not root");
        machine.thread(700, 700, "\t1", ["0", "0", "4000"]);
        assert_eq!(hearing(), Hearing::Hears, "a handler is seen by everybody");
    }

    #[test]
    fn another_process_of_this_number_is_not_taken_for_the_containers() {
        let machine = Machine::new("0::/user.slice/session-3.scope\n");
        machine.thread(700, 700, "\t1", ["0", "0", "0"]);
        assert_eq!(machine.processes.first(&look(), TERM), Hearing::Unknown);
        let nobody = Processes { proc: machine.folder.path().join("nowhere") };
        assert_eq!(nobody.first(&look(), TERM), Hearing::Unknown);
        let own = ContainerInspectResponse { state: None, ..look() };
        assert_eq!(machine.processes.first(&own, TERM), Hearing::Unknown, "it does not run");
    }

    #[test]
    fn a_process_that_has_ended_is_not_one_that_we_may_not_signal() {
        // Above all that the kernel gives.
        let beyond = i32::MAX;
        let machine = Machine::new("");
        machine.write(&format!("{beyond}/cgroup"), &format!("0::/docker/{ID}\n"));
        let look = serde_json::from_str(&format!(r#"{{"Id":"{ID}","State":{{"Pid":{beyond}}}}}"#));
        let sent = |look: &_| machine.processes.send(look, Signal::HUP);
        assert!(matches!(sent(&look.expect("parses")), Err(Unsent::Gone)), "no such process");
        assert!(matches!(sent(&self::look()), Err(Unsent::Gone)), "another one's number");
        assert!(matches!(Unsent::from(Errno::PERM), Unsent::Forbidden(_)));
        assert!(matches!(Unsent::from(Errno::NOSYS), Unsent::Forbidden(_)));
        assert!(matches!(Unsent::from(Errno::MFILE), Unsent::Failed(_)));
    }

    #[test]
    fn behind_an_init_the_application_counts() {
        let machine = Machine::new(&format!("0::/../docker-{ID}.scope\n"));
        machine.thread(700, 700, "\t1", ["fffffffe7ffbfeff", "0", "0"]);
        machine.write("700/comm", "docker-init\n");
        let hearing = || machine.processes.application(&look(), TERM);
        assert_eq!(hearing(), Hearing::Unknown, "nobody says what it started");
        machine.write("700/task/700/children", "707 790 ");
        machine.thread(707, 707, "\t7", ["0", "0", "0"]);
        assert_eq!(hearing(), Hearing::Ends);
        machine.thread(707, 707, "\t7", ["0", "0", "4000"]);
        assert_eq!(hearing(), Hearing::Hears);
        machine.write("700/comm", "python3\n");
        machine.thread(707, 707, "\t7", ["0", "0", "0"]);
        assert_eq!(hearing(), Hearing::Hears, "who is no init hears for itself");
    }

    #[test]
    fn a_container_is_stopped_by_its_own_signal() {
        for (config, expected) in [
            ("{}", Some(TERM)),
            (r#"{"StopSignal":""}"#, Some(TERM)),
            (r#"{"StopSignal":"SIGQUIT"}"#, Signal::parse("3")),
            (r#"{"StopSignal":"RTMIN+3"}"#, Signal::parse("37")),
            (r#"{"StopSignal":"SIGWHAT"}"#, None),
        ] {
            let look = serde_json::from_str(&format!(r#"{{"Config":{config}}}"#)).expect("parses");
            assert_eq!(stop_signal(&look), expected, "{config}");
        }
    }
}
