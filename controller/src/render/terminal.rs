//! The story on a terminal: a line for each phase that is over, and one that moves.

use std::time::Duration;

use ripcord_proto::v1::{Activity, Phase};

use super::{duration, phase_name, sanitize::sanitize, size};

/// What a finished phase leaves behind.
pub(crate) fn phase_line(phase: Phase, took: Duration, detail: &str, failed: bool) -> String {
    let (name, took) = (phase_name(phase), duration(took));
    let mark = if failed { "✘" } else { "✔" };
    format!("  {mark} {name:<13}{took:>9}  {}", sanitize(detail)).trim_end().to_owned()
}

/// What is worth a line of its own while a phase runs.
pub(crate) fn remark_line(mark: &str, text: &str) -> String {
    format!("  {mark} {text}")
}

/// The line that moves: phase, time, how far, and what was said last.
pub(crate) fn moving_line(
    phase: Phase,
    took: Duration,
    activity: Option<&Activity>,
    detail: &str,
) -> String {
    let mut line = format!("{:<13}{:>9}", phase_name(phase), duration(took));
    if let Some(activity) = activity {
        line.push_str("  ");
        line.push_str(&activity_text(activity));
    }
    if !detail.is_empty() {
        line.push_str("  ");
        line.push_str(&sanitize(detail));
    }
    line
}

/// How far a step has come.
pub(crate) fn activity_text(activity: &Activity) -> String {
    let unit = sanitize(&activity.unit);
    let (done, total) = (activity.done, activity.total);
    match unit.strip_prefix("bytes") {
        // Such as `bytes saved`.
        Some(what) if total == 0 => format!("{}{what}", size(done)),
        Some(what) => format!("{} of {}{what}", size(done), size(total)),
        None if total == 0 => format!("{done} {unit}"),
        None => format!("{done}/{total} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_phase_leaves_one_harmless_line() {
        let line = phase_line(
            Phase::Preparing,
            Duration::from_millis(812),
            "fetched and pinned: Fix \u{1b}[31mbug (Ann)",
            false,
        );
        insta::assert_snapshot!(line, @"  ✔ preparing       812 ms  fetched and pinned: Fix bug (Ann)");
    }

    #[test]
    fn a_backup_says_how_much_is_saved() {
        let (done, total) = (1_200_000_000, 3_400_000_000);
        let activity = Activity { unit: "bytes".into(), done, total, ..Activity::default() };
        let line = moving_line(Phase::BackingUp, Duration::from_secs(3), Some(&activity), "");
        insta::assert_snapshot!(line, @"backing up       3.0 s  1.2 GB of 3.4 GB");
    }

    #[test]
    fn the_moving_line_counts() {
        let activity =
            Activity { unit: "objects".into(), done: 5, total: 9, ..Activity::default() };
        let line =
            moving_line(Phase::Preparing, Duration::from_secs(3), Some(&activity), "fetching");
        insta::assert_snapshot!(line, @"preparing        3.0 s  5/9 objects  fetching");
    }
}
