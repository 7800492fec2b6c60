//! What may happen in the model, in any order, and how such orders are made.

use proptest::{collection::vec, prelude::*, sample::Index};
use ripcord_core::{
    CommitSha, FailureKind, Input, OnDeadline, Placement, PlannedOn, Policy, Verdict, VerifyWhen,
};

use super::{World, backup::restore_of, deploy_of, person, rollback_to, sha};

#[derive(Debug, Clone)]
pub enum Move {
    Deploy {
        of: u8,
        redeploy: bool,
        allow_older: bool,
        overriding: bool,
        /// Somebody saw a plan of it: as things are, or as they were before the first deployment.
        plan: Option<Plan>,
    },
    Rollback {
        to: Option<Index>,
        backup: Option<Index>,
        hold: Option<bool>,
    },
    Hold,
    Resume,
    PersonSays {
        of: u8,
        good: bool,
    },
    StepGood {
        older: bool,
    },
    StepBad(FailureKind),
    AllStepsGood,
    Verdict {
        on: Index,
        value: Verdict,
    },
    Baked {
        healthy: bool,
    },
    Looked {
        ok: bool,
    },
    Later(u64),
    Crash,
    /// A message of a step or a watcher that nobody expects any more.
    Stray {
        from: u64,
        value: Verdict,
    },
}

#[derive(Debug, Clone, Copy)]
pub enum Plan {
    Fresh,
    Stale,
}

impl Move {
    pub fn play(&self, world: &mut World) {
        match self {
            Self::Deploy { of, redeploy, allow_older, overriding, plan } => {
                let (redeploy, allow_older) = (*redeploy, *allow_older);
                let reason = overriding.then(|| "it was a flake".to_owned());
                let mut request = deploy_of(sha(*of));
                request = ripcord_core::DeployRequest { redeploy, allow_older, reason, ..request };
                request.override_quarantine = *overriding;
                request.planned_on = plan.map(|plan| match plan {
                    Plan::Fresh => PlannedOn { live: world.environment.live },
                    Plan::Stale => PlannedOn { live: None },
                });
                world.give(Input::Deploy(request));
            }
            Self::Rollback { to, backup, hold } => {
                let to = to.and_then(|which| world.once_live(which));
                let saved = backup.filter(|_| !world.backups.is_empty());
                let request = rollback_to(to);
                let mut request = match saved.map(|which| which.get(&world.backups)) {
                    Some(saved) => restore_of(saved),
                    None => request,
                };
                request.hold = *hold;
                world.give(Input::Rollback(request));
            }
            Self::Hold => {
                world.give(Input::Hold { by: person(), reason: "lunch".to_owned() });
            }
            Self::Resume => {
                world.give(Input::Resume { by: person() });
            }
            Self::PersonSays { of, good } => {
                let on = world.newest_of(sha(*of));
                let on = on.unwrap_or(Placement { deployment: None, sha: sha(*of) });
                let (by, reason) = (person(), "i looked".to_owned());
                world.give(Input::OperatorVerdict { on, good: *good, by, reason });
            }
            Self::StepGood { older } => {
                world.step_good_of(*older);
            }
            Self::StepBad(kind) => {
                world.step_bad(*kind);
            }
            Self::AllStepsGood => world.steps_good(),
            Self::Verdict { on, value } => {
                let watches: Vec<_> = world.environment.watches().collect();
                if !watches.is_empty() {
                    world.verdict(on.get(&watches).deployment.0, *value);
                }
            }
            Self::Baked { healthy } => {
                let baking = world.environment.bakes().next();
                if let Some((number, _)) = baking {
                    world.baked(number.0, *healthy);
                }
            }
            Self::Looked { ok } => world.looked(*ok),
            Self::Later(millis) => world.later(*millis),
            Self::Crash => world.crash(),
            Self::Stray { from, value } => {
                world.verdict(*from, *value);
                world.baked(*from, *value == Verdict::Success);
            }
        }
    }
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(Verdict::Success),
        3 => Just(Verdict::Failure),
        1 => Just(Verdict::Pending),
        1 => Just(Verdict::Cancelled),
        1 => Just(Verdict::NoRun),
        1 => Just(Verdict::Unknown),
    ]
}

fn failure() -> impl Strategy<Value = FailureKind> {
    prop_oneof![
        Just(FailureKind::UnknownCommit),
        Just(FailureKind::Runtime),
        Just(FailureKind::Unhealthy),
    ]
}

fn a_plan() -> impl Strategy<Value = Option<Plan>> {
    prop_oneof![6 => Just(None), 3 => Just(Some(Plan::Fresh)), 1 => Just(Some(Plan::Stale))]
}

pub fn a_move() -> impl Strategy<Value = Move> {
    let rarely = || prop::bool::weighted(0.2);
    prop_oneof![
        6 => (0..5u8, rarely(), rarely(), rarely(), a_plan()).prop_map(
            |(of, redeploy, allow_older, overriding, plan)| {
                Move::Deploy { of, redeploy, allow_older, overriding, plan }
            }
        ),
        2 => (prop::option::of(any::<Index>()), prop::option::weighted(0.2, any::<bool>()))
            .prop_map(|(to, hold)| Move::Rollback { to, backup: None, hold }),
        1 => any::<Index>()
            .prop_map(|which| Move::Rollback { to: None, backup: Some(which), hold: None }),
        3 => prop::bool::weighted(0.7).prop_map(|healthy| Move::Baked { healthy }),
        1 => Just(Move::Hold),
        2 => Just(Move::Resume),
        2 => (0..6u8, any::<bool>()).prop_map(|(of, good)| Move::PersonSays { of, good }),
        8 => rarely().prop_map(|older| Move::StepGood { older }),
        3 => failure().prop_map(Move::StepBad),
        6 => Just(Move::AllStepsGood),
        6 => (any::<Index>(), verdict()).prop_map(|(on, value)| Move::Verdict { on, value }),
        3 => any::<bool>().prop_map(|ok| Move::Looked { ok }),
        2 => (1..5_000_000u64).prop_map(Move::Later),
        2 => Just(Move::Crash),
        1 => (1..9u64, verdict()).prop_map(|(from, value)| Move::Stray { from, value }),
    ]
}

pub fn a_policy() -> impl Strategy<Value = Policy> {
    let when = prop_oneof![
        4 => Just(VerifyWhen::After),
        1 => Just(VerifyWhen::Before),
        1 => Just(VerifyWhen::None),
    ];
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2), any::<bool>());
    let bake_ms = prop_oneof![2 => Just(0), 1 => Just(300_000u64), 1 => Just(7_200_000)];
    let guards = (prop::bool::weighted(0.3), bake_ms);
    (when, flags, guards).prop_map(|(when, (keep, late_verdicts, hold, monitored), guards)| {
        Policy {
            when,
            on_deadline: if keep { OnDeadline::Keep } else { OnDeadline::Rollback },
            late_verdicts,
            hold_after_manual_rollback: hold,
            monitored,
            backs_up: guards.0,
            bake_ms: guards.1,
            ..Policy::default()
        }
    })
}

/// What HEAD names before ripcord comes: nothing, a commit of its own, or one that is deployed later.
pub fn a_head() -> impl Strategy<Value = Option<CommitSha>> {
    prop_oneof![1 => Just(None), 3 => Just(Some(sha(5))), 1 => Just(Some(sha(0))), 1 => Just(Some(CommitSha::UNKNOWN))]
}

/// A world in which anything happened.
pub fn a_world() -> impl Strategy<Value = World> {
    (a_policy(), a_head(), vec(a_move(), 1..60)).prop_map(|(policy, head, moves)| {
        let mut world = World::new(policy, head);
        world.play(&moves);
        world
    })
}
