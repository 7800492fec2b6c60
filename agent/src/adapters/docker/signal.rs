//! Signals by the names that Docker takes, and by their bits in the kernel's masks.
//!
//! The numbers are those of every architecture that Docker's engine is made for.

use std::fmt;

/// The names of the signals from 1 on.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Other names that Docker knows.
const ALIASES: [(&str, u8); 3] = [("IOT", 6), ("CLD", 17), ("POLL", 29)];

/// The real-time signals, as Docker counts them.
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(u8);

impl Signal {
    /// What stops a container that says nothing else.
    pub(super) const TERM: Self = Self(15);
    /// By custom: read your files again.
    pub const HUP: Self = Self(1);
    /// What the application makes of it.
    pub const USR1: Self = Self(10);
    /// What the application makes of it.
    pub const USR2: Self = Self(12);

    /// As Docker reads it: a number, or a name in any case, with `SIG` before it or without; `None`
    /// for what is no signal.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse::<u8>() {
            return (1..=RTMAX).contains(&number).then_some(Self(number));
        }
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        if let Some((_, number)) = ALIASES.iter().find(|(known, _)| *known == name) {
            return Some(Self(*number));
        }
        match (1..).zip(NAMES).find(|(_, known)| *known == name) {
            Some((number, _)) => Some(Self(number)),
            None => real_time(name),
        }
    }

    /// Its number.
    pub(super) fn number(self) -> u8 {
        self.0
    }

    /// Its bit in the masks of `/proc/PID/status`.
    pub(super) fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }

    /// As the kernel takes it from us; `None` for those that nobody reloads by.
    pub(super) fn named(self) -> Option<rustix::process::Signal> {
        rustix::process::Signal::from_named_raw(i32::from(self.0))
    }

    /// Whether no process can keep it from working: `SIGKILL` and `SIGSTOP`.
    pub(super) fn is_inevitable(self) -> bool {
        matches!(self.0, 9 | 19)
    }
}

/// `RTMIN`, `RTMIN+3`, `RTMAX-1`, `RTMAX`.
fn real_time(name: &str) -> Option<Signal> {
    let offset = |text: &str, sign: char| match text.strip_prefix(sign) {
        Some(digits) => digits.parse().ok().filter(|offset| *offset <= RTMAX - RTMIN),
        None => text.is_empty().then_some(0),
    };
    let from_least = name.strip_prefix("RTMIN").and_then(|rest| offset(rest, '+'));
    let from_most = name.strip_prefix("RTMAX").and_then(|rest| offset(rest, '-'));
    from_least.map(|plus| RTMIN + plus).or(from_most.map(|minus| RTMAX - minus)).map(Signal)
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(usize::from(self.0 - 1)) {
            Some(name) => write!(f, "SIG{name}"),
            None if self.0 >= RTMIN => write!(f, "SIGRTMIN+{}", self.0 - RTMIN),
            None => write!(f, "signal {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_read_as_docker_reads_it() {
        for (text, number) in [
            ("SIGTERM", 15),
            ("term", 15),
            ("15", 15),
            ("SIGQUIT", 3),
            ("sigwinch", 28),
            ("SYS", 31),
            ("CLD", 17),
            ("SIGRTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("rtmin+30", 64),
            ("RTMAX-1", 63),
            ("SIGRTMAX", 64),
            ("37", 37),
            ("64", 64),
        ] {
            assert_eq!(Signal::parse(text), Some(Signal(number)), "{text}");
        }
    }

    #[test]
    fn what_is_no_signal_is_not_taken_for_one() {
        for text in ["", "0", "65", "-15", "SIG", "TERMINATE", "RTMIN+31", "RTMIN-1", "RTMAX+1"] {
            assert_eq!(Signal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_signal_is_shown_by_its_name_and_has_its_bit() {
        let numbers = ["1", "15", "31", "32", "34", "37"];
        let shown = numbers.map(|number| Signal::parse(number).map(|signal| signal.to_string()));
        let names = ["SIGHUP", "SIGTERM", "SIGSYS", "signal 32", "SIGRTMIN+0", "SIGRTMIN+3"];
        assert_eq!(shown, names.map(|name| Some(name.to_owned())));
        assert_eq!((Signal::HUP.bit(), Signal::TERM.bit()), (1, 0x4000));
        assert_eq!(Signal::parse("64").map(Signal::bit), Some(1 << 63));
    }
}
