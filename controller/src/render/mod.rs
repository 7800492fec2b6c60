//! How things look: pure functions from values to text. Nothing here reads a clock or writes.

pub(crate) mod doctor;
pub(crate) mod fleet;
pub(crate) mod github;
pub(crate) mod json;
pub(crate) mod logs;
pub(crate) mod plain;
pub(crate) mod result;
pub(crate) mod rolling;
pub(crate) mod sanitize;
pub(crate) mod saved;
pub(crate) mod sinks;
pub(crate) mod stats;
pub(crate) mod table;
pub(crate) mod terminal;

use std::time::Duration;

use ripcord_proto::v1::Phase;

/// `420 ms`, `42.1 s`, `2 min 15 s`, `3 h 5 min`.
pub(crate) fn duration(time: Duration) -> String {
    let (millis, seconds) = (time.as_millis(), time.as_secs());
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", time.subsec_millis() / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The first seven digits of a commit id, as people write them. Nothing but zeros stands for a commit
/// that nobody knows.
pub(crate) fn short(sha: &str) -> &str {
    if sha.len() == 40 && sha.bytes().all(|digit| digit == b'0') {
        return "unknown";
    }
    sha.get(..7).unwrap_or(sha)
}

/// `812 B`, `1.4 kB`, `3.0 GB`.
#[allow(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
pub(crate) fn size(bytes: u64) -> String {
    let (mut shown, mut units) = (bytes as f64, ["kB", "MB", "GB", "TB"].iter());
    let mut unit = "B";
    while shown >= 999.95 {
        let Some(next) = units.next() else { break };
        (shown, unit) = (shown / 1000.0, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{shown:.1} {unit}") }
}

/// The word that programs read; `idle` where there is no phase.
pub(crate) fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Unspecified => "idle",
        Phase::Queued => "queued",
        Phase::Preparing => "preparing",
        Phase::Gating => "gating",
        Phase::BackingUp => "backing_up",
        Phase::Resetting => "resetting",
        Phase::Restarting => "restarting",
        Phase::Probing => "probing",
        Phase::Watching => "watching",
        Phase::RollingBack => "rolling_back",
        Phase::Ended => "ended",
    }
}

/// The phase as people say it.
pub(crate) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::RollingBack => "rolling back",
        Phase::BackingUp => "backing up",
        Phase::Unspecified
        | Phase::Queued
        | Phase::Preparing
        | Phase::Gating
        | Phase::Resetting
        | Phase::Restarting
        | Phase::Probing
        | Phase::Watching
        | Phase::Ended => phase_word(phase),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_nobody_knows_is_called_unknown() {
        assert_eq!(short(&"0".repeat(40)), "unknown");
        assert_eq!(short("acfdb42acfdb42acfdb42acfdb42acfdb42acfdb"), "acfdb42");
    }

    #[test]
    fn sizes_have_one_digit_behind_the_point() {
        let told = [812, 1_400, 999_960, 3_000_000_000, u64::MAX].map(size);
        assert_eq!(told, ["812 B", "1.4 kB", "1.0 MB", "3.0 GB", "18446744.1 TB"]);
    }

    #[test]
    fn durations_read_like_a_person_says_them() {
        let told = |millis| duration(Duration::from_millis(millis));
        assert_eq!(told(420), "420 ms");
        assert_eq!(told(42_150), "42.1 s");
        assert_eq!(told(135_000), "2 min 15 s");
        assert_eq!(told(11_100_000), "3 h 5 min");
    }
}
