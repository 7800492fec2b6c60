//! How things look: pure functions from values to text. Nothing here reads a clock or writes.

pub(crate) mod github;
pub(crate) mod json;
pub(crate) mod logs;
pub(crate) mod plain;
pub(crate) mod result;
pub(crate) mod sanitize;
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

/// The first seven digits of a commit id, as people write them.
pub(crate) fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
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
    fn durations_read_like_a_person_says_them() {
        let told = |millis| duration(Duration::from_millis(millis));
        assert_eq!(told(420), "420 ms");
        assert_eq!(told(42_150), "42.1 s");
        assert_eq!(told(135_000), "2 min 15 s");
        assert_eq!(told(11_100_000), "3 h 5 min");
    }
}
