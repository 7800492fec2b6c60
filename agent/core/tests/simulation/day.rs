//! What kind of day a seed makes: the rules of the environment, and how much goes wrong.

use ripcord_core::{CommitSha, OnDeadline, Policy, VerifyWhen};

use crate::{dice::Dice, model::sha};

pub const SECOND: u64 = 1000;
pub const MINUTE: u64 = 60 * SECOND;
/// Until here people push and things break; then everything heals, and nothing new comes.
pub const EVENING: u64 = 120 * MINUTE;
/// By then every deadline has passed, and every listener has looked again.
pub const NIGHT: u64 = EVENING + 240 * MINUTE;
/// The longest that GitHub takes to answer.
pub const LATENCY: u64 = 4 * SECOND;
/// The commit that ran before ripcord came.
pub const HEAD: u8 = 1;

/// How likely things are is in so many times per thousand.
pub struct Day {
    pub policy: Policy,
    pub head: Option<CommitSha>,
    pub poll: u64,
    pub between_pushes: u64,
    /// Pushes whose CI fails, never appears, never ends.
    pub red: u64,
    pub silent: u64,
    pub endless: u64,
    /// A newer push cancels what CI does for the older one.
    pub cancel_in_progress: bool,
    pub reruns: u64,
    /// At every write of the journal, once before it and once after; and in the middle of a step.
    pub crashes: u64,
    pub crashes_in_steps: u64,
    /// Steps that fail by themselves, and commits that are never healthy.
    pub faults: u64,
    pub sick: u64,
    pub outages: u64,
    pub people: u64,
}

impl Day {
    pub fn of(dice: &mut Dice) -> Self {
        Self {
            policy: policy(dice),
            head: dice.chance(850).then(|| sha(HEAD)),
            poll: dice.between(10, 30) * SECOND,
            between_pushes: dice.pick(&[3, 8, 20]) * MINUTE,
            red: dice.pick(&[100, 300, 700]),
            silent: dice.pick(&[0, 100]),
            endless: dice.pick(&[0, 50]),
            cancel_in_progress: dice.chance(500),
            reruns: dice.pick(&[0, 200, 600]),
            crashes: dice.pick(&[0, 5, 20]),
            crashes_in_steps: dice.pick(&[0, 30, 100]),
            faults: dice.pick(&[0, 10, 50]),
            sick: dice.pick(&[0, 50, 200]),
            outages: dice.pick(&[0, 200, 600]),
            people: dice.pick(&[0, 300, 800]),
        }
    }
}

fn policy(dice: &mut Dice) -> Policy {
    use VerifyWhen::{After, Before, None};
    let deadline_ms = dice.pick(&[15, 30, 60]) * MINUTE;
    Policy {
        when: dice.pick(&[After, After, After, After, Before, Before, None]),
        deadline_ms,
        on_deadline: dice.pick(&[OnDeadline::Rollback, OnDeadline::Keep]),
        late_verdicts: dice.chance(850),
        hold_after_manual_rollback: dice.chance(100),
        backs_up: dice.chance(400),
        bake_ms: dice.pick(&[0, 0, 0, 0, 2, 10, 40]) * MINUTE,
        ..Policy::default()
    }
}
