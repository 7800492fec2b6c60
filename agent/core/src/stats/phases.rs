//! How long a deployment stayed in each phase.

use crate::lifecycle::{Deployment, Phase};

/// In the order in which a deployment goes through them.
const PHASES: [Phase; 9] = [
    Phase::Queued,
    Phase::Preparing,
    Phase::Gating,
    Phase::BackingUp,
    Phase::Resetting,
    Phase::Restarting,
    Phase::Probing,
    Phase::Watching,
    Phase::RollingBack,
];

/// Milliseconds in each phase that the deployment has left. A phase that it went through twice,
/// because the agent was stopped in the middle, reaches from its first beginning to its last end.
pub fn phase_durations(deployment: &Deployment) -> impl Iterator<Item = (Phase, u64)> {
    let end = |phase: Phase| deployment.timings_ms.get(phase.as_str()).copied();
    let mut ends: Vec<(u64, Phase)> =
        PHASES.iter().filter_map(|phase| Some((end(*phase)?, *phase))).collect();
    // What ended, and was undone later, was nothing for a while.
    ends.extend(end(Phase::Ended).map(|end| (end, Phase::Ended)));
    ends.sort_by_key(|(end, _)| *end);
    let mut before = 0;
    ends.into_iter().filter_map(move |(end, phase)| {
        let lasted = end - std::mem::replace(&mut before, end);
        (phase != Phase::Ended).then_some((phase, lasted))
    })
}
