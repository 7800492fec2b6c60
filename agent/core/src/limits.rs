//! The numbers of the core, each with its reason.

/// Longest environment name: a DNS label, so that it fits wherever a name is needed.
pub const ENVIRONMENT_NAME_BYTES: usize = 63;

/// Longest identity: the SPIFFE ID standard allows 2,048 bytes, nobody needs more than this.
pub const IDENTITY_BYTES: usize = 512;

/// Longest request id: room for a workflow's run id and attempt, or a UUID with a prefix.
pub const REQUEST_ID_BYTES: usize = 128;

/// Longest reason that a person gives for an action, in characters.
pub const REASON_CHARS: usize = 500;

/// How many validated placements are remembered: as rollback targets, and to know a validated
/// commit again when somebody goes back to it. Some kilobytes of state.
pub const ROLLBACK_TARGETS: usize = 64;

/// How many older targets a failing rollback tries before it is stranded.
pub const OLDER_TARGETS_TRIED: usize = 2;

/// So many automatic rollbacks within [`FLAPPING_WINDOW_MS`] put the environment on hold.
pub const FLAPPING_ROLLBACKS: usize = 3;

/// One hour.
pub const FLAPPING_WINDOW_MS: u64 = 60 * 60 * 1000;

/// After a start of the agent a verdict has this long to be looked at before a deadline acts: the
/// first look comes after 30 s by default, and a source may need a retry.
pub const LOOK_AFTER_START_MS: u64 = 2 * 60 * 1000;

/// How many ended deployments keep listening to their CI; older ones are let go.
pub const ENDED_LISTENING: usize = 16;

/// How long an ended deployment listens for a re-run of its CI: a working day and the night before.
pub const LATE_LISTENING_MS: u64 = 24 * 60 * 60 * 1000;

/// When people are told again that an environment is stranded, after it was: 15 min, 1 h, 6 h.
pub const STRANDED_REMINDERS_MS: [u64; 3] = [15 * 60 * 1000, 60 * 60 * 1000, 6 * 60 * 60 * 1000];

/// Days before its end at which people are told of a certificate: time to plan, time to act, the last
/// day, and when it has ended.
pub const EXPIRY_STEPS_DAYS: [i64; 4] = [30, 7, 1, 0];

/// How many quarantined commits are remembered; the oldest are forgotten first.
pub const QUARANTINED: usize = 256;
