//! Every order of two overlapping deployments, one rollback, every verdict, failing steps and a crash
//! at every effect, under every rule for verdicts: not a sample, all of them.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hasher},
    io,
};

use model::{backup::backup_before, deploy_of, rollback_to, sha};
use ripcord_core::{
    CommitSha, Environment, Event, Failure, FailureKind, Input, Outcome, Phase, Policy, Step,
    StepDone, Timestamp, Verdict, VerdictReport, VerifyWhen,
};

const NOW: Timestamp = Timestamp(1_000_000);
const BASELINE: u8 = 9;

/// Where a history stands, and what may still happen in it.
#[derive(Clone)]
struct Node<'a> {
    policy: &'a Policy,
    verdicts: &'a [Verdict],
    environment: Environment,
    runs: Option<CommitSha>,
    deploys: Vec<u8>,
    rollbacks: u8,
    crashes: u8,
    failures: u8,
}

impl Node<'_> {
    /// Two histories that lead to the same node go on alike. 128 bits: of a million nodes no two
    /// share a key by chance.
    fn key(&self) -> (u64, u64) {
        let left = (&self.deploys, self.rollbacks, self.crashes, self.failures);
        let mut hashed = Hashed::default();
        serde_json::to_writer(&mut hashed, &(&self.environment, self.runs, left)).unwrap();
        hashed.both()
    }

    /// The node after `input`, which must be expected; promises about one decision are held here.
    fn after(&self, input: Input) -> Self {
        let decision = self.environment.on(input, self.policy, NOW).unwrap();
        let mut folded = self.environment.clone();
        for entry in &decision.entries {
            let healthy = |environment: &Environment| environment.live.map(|live| live.sha);
            if matches!(entry.event, Event::Ended { outcome: Outcome::RolledBack, .. }) {
                assert_eq!(healthy(&folded), self.runs, "rolled back means healthy again");
            }
            folded.apply(entry, NOW);
        }
        assert_eq!(folded, decision.environment, "the state is the fold of the journal");
        Self { environment: decision.environment, ..self.clone() }
    }

    fn next(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for (at, of) in self.deploys.iter().enumerate() {
            let mut next = self.after(Input::Deploy(deploy_of(sha(*of))));
            next.deploys.remove(at);
            all.push(next);
        }
        if self.rollbacks > 0 {
            let rollbacks = self.rollbacks - 1;
            all.push(Self { rollbacks, ..self.after(Input::Rollback(rollback_to(None))) });
        }
        if self.crashes > 0 {
            for runs in self.runs_after_a_crash() {
                let crashed = Self { runs, crashes: self.crashes - 1, ..self.clone() };
                all.push(crashed.after(Input::AgentStarted { alive_until: None }));
            }
        }
        self.steps(&mut all);
        for (deployment, _) in self.environment.bakes() {
            for result in [Ok(()), Err("connection refused".to_owned())] {
                all.push(self.after(Input::Baked { deployment, result }));
            }
        }
        for watch in self.environment.watches() {
            for value in self.verdicts.iter().copied() {
                let (deployment, report) = (watch.deployment, VerdictReport::of(value));
                all.push(self.after(Input::Verdict { deployment, report }));
            }
        }
        all
    }

    /// Killed before the effect began, in the middle of it, or before its result was journaled.
    fn runs_after_a_crash(&self) -> Vec<Option<CommitSha>> {
        let wanted = self.environment.wanted().map(|wanted| (wanted.step, wanted.sha));
        match wanted {
            None | Some((Step::Prepare { .. } | Step::BackUp { .. }, _)) => vec![self.runs],
            Some((Step::Reset { .. }, _)) => vec![self.runs, None],
            Some((Step::Restart, _)) => vec![None],
            Some((Step::Probe, sha)) => vec![None, Some(sha)],
        }
    }

    fn touching(&self) -> bool {
        let wanted = self.environment.wanted();
        wanted.is_some_and(|wanted| {
            !matches!(wanted.step, Step::Prepare { .. } | Step::BackUp { .. })
        })
    }

    fn steps(&self, all: &mut Vec<Self>) {
        let Some(wanted) = self.environment.wanted() else { return };
        let (deployment, touching) = (wanted.deployment, self.touching());
        let done = match wanted.step {
            Step::Prepare { .. } => StepDone::Prepared {
                subject: String::new(),
                author: String::new(),
                older_than_live: false,
                head: self.runs,
            },
            Step::BackUp { .. } => StepDone::BackedUp(backup_before(wanted.deployment)),
            Step::Reset { .. } => StepDone::Reset(Default::default()),
            Step::Restart => StepDone::Restarted { detail: String::new() },
            Step::Probe => StepDone::Healthy { status: None, attempts: 1 },
        };
        let healthy = (wanted.step == Step::Probe).then_some(wanted.sha);
        let runs = if touching { healthy } else { self.runs };
        let good = Self { runs, ..self.clone() };
        all.push(good.after(Input::StepEnded { deployment, result: Ok(done) }));
        if self.failures > 0 {
            let runs = if touching { None } else { self.runs };
            let bad = Self { runs, failures: self.failures - 1, ..self.clone() };
            let result = Err(Failure::new(FailureKind::Runtime, "it broke"));
            all.push(bad.after(Input::StepEnded { deployment, result }));
        }
    }

    fn check(&self) {
        let environment = &self.environment;
        let prepares = |phase| matches!(phase, Phase::Preparing | Phase::BackingUp);
        let works = |phase| model::touches(phase) || prepares(phase);
        let working = environment.open.values().filter(|open| works(open.phase));
        assert!(working.count() <= 1, "one at a time");
        let idle = environment.active.is_none();
        if let Some(live) = environment.live.filter(|_| idle) {
            assert_eq!(Some(live.sha), self.runs, "live is what runs");
        }
        let decided =
            environment.watches().next().is_none() && environment.bakes().next().is_none();
        if idle && decided {
            assert!(environment.open.is_empty(), "nobody waits for ever: {:?}", environment.open);
            let red = environment.live.filter(|l| environment.quarantined.contains_key(&l.sha));
            assert!(red.is_none() || environment.stranded.is_some(), "nothing red stays live");
            let told = environment.live.is_some() || environment.stranded.is_some();
            assert!(told || environment.last.0 == 0 || self.runs == Some(sha(BASELINE)));
        }
    }
}

/// Hashes what is written to it, twice, in different ways.
#[derive(Default)]
struct Hashed {
    whole: DefaultHasher,
    pieces: u64,
}

impl Hashed {
    fn both(&self) -> (u64, u64) {
        (self.whole.finish(), self.pieces)
    }
}

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.whole.write(bytes);
        for byte in bytes {
            self.pieces = (self.pieces ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn walk(policy: &Policy, verdicts: &[Verdict], failures: u8) {
    let start = Node {
        policy,
        verdicts,
        environment: Environment::default(),
        runs: Some(sha(BASELINE)),
        deploys: vec![1, 2],
        rollbacks: 1,
        crashes: 1,
        failures,
    };
    let mut seen = HashSet::from([start.key()]);
    let mut waiting = VecDeque::from([start]);
    while let Some(node) = waiting.pop_front() {
        node.check();
        waiting.extend(node.next().into_iter().filter(|next| seen.insert(next.key())));
    }
    println!("{} states", seen.len());
    assert!(seen.len() > 1_000, "only {} states were seen", seen.len());
}

const GOOD_OR_BAD: &[Verdict] = &[Verdict::Success, Verdict::Failure];
const ANY: &[Verdict] = &[
    Verdict::Pending,
    Verdict::Success,
    Verdict::Failure,
    Verdict::Cancelled,
    Verdict::NoRun,
    Verdict::Unknown,
];

#[test]
fn no_order_breaks_a_promise_when_verdicts_come_after_the_deployment() {
    walk(&Policy::default(), GOOD_OR_BAD, 2);
}

#[test]
fn no_order_breaks_a_promise_when_verdicts_change_after_the_end() {
    walk(&Policy { late_verdicts: true, ..Policy::default() }, GOOD_OR_BAD, 1);
}

#[test]
fn no_order_breaks_a_promise_when_verdicts_are_a_gate() {
    walk(&Policy { when: VerifyWhen::Before, ..Policy::default() }, GOOD_OR_BAD, 2);
}

#[test]
fn no_order_breaks_a_promise_when_verdicts_are_a_gate_and_change_after_the_end() {
    let when = VerifyWhen::Before;
    walk(&Policy { when, late_verdicts: true, ..Policy::default() }, GOOD_OR_BAD, 1);
}

#[test]
fn no_order_breaks_a_promise_whatever_the_verdict_is() {
    walk(&Policy::default(), ANY, 0);
}

#[test]
fn no_order_breaks_a_promise_when_the_files_are_saved_first() {
    walk(&Policy { backs_up: true, ..Policy::default() }, GOOD_OR_BAD, 1);
}

#[test]
fn no_order_breaks_a_promise_when_what_went_live_bakes() {
    walk(&Policy { bake_ms: 60_000, late_verdicts: true, ..Policy::default() }, GOOD_OR_BAD, 1);
}

#[test]
fn no_order_breaks_a_promise_when_what_passed_the_gate_is_saved_and_bakes() {
    let (when, backs_up) = (VerifyWhen::Before, true);
    walk(&Policy { when, backs_up, bake_ms: 60_000, ..Policy::default() }, GOOD_OR_BAD, 1);
}

#[test]
fn no_order_breaks_a_promise_when_a_bake_is_the_verdict() {
    let (when, backs_up) = (VerifyWhen::None, true);
    walk(&Policy { when, backs_up, bake_ms: 60_000, ..Policy::default() }, GOOD_OR_BAD, 2);
}
