//! A model of the world around an environment: it plays agent, application, CI and people, and
//! keeps every turn, so that a promise is a question about what happened.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod backup;
pub mod moves;
pub mod shorthand;

use std::{collections::BTreeMap, fmt};

use proptest::sample::Index;
use ripcord_core::{
    BackupId, CommitSha, Decision, DeployRequest, DeploymentNumber, Entry, Environment, Event,
    Failure, FailureKind, Identity, Input, Kind, Looked, Outcome, Phase, Placement, Policy,
    RollbackRequest, Step, StepDone, Timestamp, Verdict, VerdictReport, Watch, notice,
};

use self::{backup::backup_before, moves::Move};

/// One input that the environment accepted, and what came of it.
pub struct Turn {
    pub before: Environment,
    pub input: Input,
    pub now: Timestamp,
    pub decision: Decision,
    /// What really ran before this turn: the commit of a whole tree and a healthy application.
    pub ran: Option<CommitSha>,
}

impl Turn {
    pub fn events(&self) -> impl Iterator<Item = (DeploymentNumber, &Event)> {
        self.decision.entries.iter().filter_map(|entry| Some((entry.deployment?, &entry.event)))
    }

    pub fn after(&self) -> &Environment {
        &self.decision.environment
    }
}

pub struct World {
    pub environment: Environment,
    pub policy: Policy,
    pub now: Timestamp,
    pub turns: Vec<Turn>,
    /// What HEAD named before ripcord came.
    pub head: Option<CommitSha>,
    pub runs: Option<CommitSha>,
    /// What was saved, and of what.
    pub backups: Vec<(BackupId, Option<Placement>)>,
    /// What every deployment was admitted for.
    admitted: BTreeMap<DeploymentNumber, (Kind, CommitSha)>,
}

pub fn sha(index: u8) -> CommitSha {
    CommitSha::from_bytes([index; 20])
}

pub fn person() -> Identity {
    "spiffe://test/operator/ada".parse().unwrap()
}

pub fn deploy_of(sha: CommitSha) -> DeployRequest {
    DeployRequest {
        sha,
        by: person(),
        reason: None,
        request_id: None,
        redeploy: false,
        allow_older: false,
        override_quarantine: false,
        planned_on: None,
    }
}

pub fn rollback_to(to: Option<Placement>) -> RollbackRequest {
    RollbackRequest { to, by: person(), reason: None, request_id: None, hold: None, backup: None }
}

impl World {
    pub fn new(policy: Policy, head: Option<CommitSha>) -> Self {
        let environment = Environment::default();
        let now = Timestamp(1_000_000);
        let (turns, admitted, backups) = Default::default();
        Self { environment, policy, now, turns, head, runs: head, backups, admitted }
    }

    /// Gives `input` to the environment; one that comes too late changes nothing.
    pub fn give(&mut self, input: Input) -> Option<&Decision> {
        let decision = self.environment.on(input.clone(), &self.policy, self.now).ok()?;
        for entry in &decision.entries {
            if let (Some(number), Event::Admitted { kind, sha, .. }) =
                (entry.deployment, &entry.event)
            {
                self.admitted.insert(number, (kind.clone(), *sha));
            }
        }
        let before = std::mem::replace(&mut self.environment, decision.environment.clone());
        self.turns.push(Turn { before, input, now: self.now, decision, ran: self.runs });
        self.turns.last().map(|turn| &turn.decision)
    }

    pub fn baked(&mut self, number: u64, healthy: bool) -> Option<&Decision> {
        let result = if healthy { Ok(()) } else { Err("connection refused".to_owned()) };
        self.give(Input::Baked { deployment: DeploymentNumber(number), result })
    }

    pub fn deploy(&mut self, index: u8) -> Option<&Decision> {
        self.give(Input::Deploy(deploy_of(sha(index))))
    }

    pub fn rollback(&mut self) -> Option<&Decision> {
        self.give(Input::Rollback(rollback_to(None)))
    }

    /// Lets the wanted step succeed.
    pub fn step_good(&mut self) -> bool {
        self.step_good_of(false)
    }

    pub fn step_good_of(&mut self, older_than_live: bool) -> bool {
        let Some(wanted) = self.environment.wanted() else { return false };
        let done = match &wanted.step {
            Step::Prepare { live } => StepDone::Prepared {
                subject: "a commit".to_owned(),
                author: "ada".to_owned(),
                older_than_live: older_than_live && live.is_some(),
                head: self.runs.or(self.head),
            },
            Step::BackUp { of } => {
                let report = backup_before(wanted.deployment);
                self.backups.push((report.id.clone(), *of));
                StepDone::BackedUp(report)
            }
            Step::Reset { .. } => StepDone::Reset(Default::default()),
            Step::Restart => StepDone::Restarted { detail: "restarted".to_owned() },
            Step::Probe => StepDone::Healthy { status: Some(200), attempts: 1 },
        };
        match wanted.step {
            Step::Prepare { .. } | Step::BackUp { .. } => {}
            Step::Reset { .. } | Step::Restart => self.runs = None,
            Step::Probe => self.runs = Some(wanted.sha),
        }
        self.give(Input::StepEnded { deployment: wanted.deployment, result: Ok(done) }).is_some()
    }

    /// Lets the wanted step fail.
    pub fn step_bad(&mut self, kind: FailureKind) -> bool {
        let Some(wanted) = self.environment.wanted() else { return false };
        if !matches!(wanted.step, Step::Prepare { .. } | Step::BackUp { .. }) {
            self.runs = None;
        }
        let result = Err(Failure::new(kind, "it broke"));
        self.give(Input::StepEnded { deployment: wanted.deployment, result }).is_some()
    }

    pub fn steps_good(&mut self) {
        while self.step_good() {}
    }

    pub fn verdict(&mut self, number: u64, value: Verdict) -> Option<&Decision> {
        let deployment = DeploymentNumber(number);
        self.give(Input::Verdict { deployment, report: VerdictReport::of(value) })
    }

    /// The monitor looks.
    pub fn looked(&mut self, ok: bool) {
        let detail = if ok { String::new() } else { "connection refused".to_owned() };
        let looked = Looked { ok, status: None, wrong_content: false, detail };
        self.give(Input::Looked(looked));
    }

    pub fn later(&mut self, millis: u64) {
        self.now = self.now.plus(millis);
        self.give(Input::Tick);
    }

    /// Kills the agent, whatever it does, and starts it from what was on disk.
    pub fn crash(&mut self) {
        let touching = self.environment.wanted();
        if touching.is_some_and(|effect| {
            !matches!(effect.step, Step::Prepare { .. } | Step::BackUp { .. })
        }) {
            self.runs = None;
        }
        self.restart(self.now);
    }

    /// Starts an agent from what is on disk; the one before it was last alive at `alive_until`.
    pub fn restart(&mut self, alive_until: Timestamp) {
        let stored = serde_json::to_string(&self.environment).unwrap();
        self.environment = serde_json::from_str(&stored).unwrap();
        self.give(Input::AgentStarted { alive_until: Some(alive_until) });
    }

    pub fn play(&mut self, moves: &[Move]) {
        for each in moves {
            each.play(self);
        }
    }

    /// Delivers everything that is still to come, until nobody waits for anything.
    pub fn drain(&mut self, mut how: impl FnMut() -> Delivery) {
        for _ in 0..500 {
            let delivery = how();
            if self.environment.wanted().is_some() {
                let good = delivery != Delivery::AllBad;
                let _ = if good { self.step_good() } else { self.step_bad(FailureKind::Runtime) };
                continue;
            }
            let bake = self.environment.bakes().next();
            let watch = self.environment.watches().next();
            let last = delivery == Delivery::AllGood && watch.is_some();
            if let Some((baking, _)) = bake.filter(|_| !last) {
                self.baked(baking.0, delivery != Delivery::AllBad);
                continue;
            }
            match (delivery, watch) {
                (Delivery::AllGood, Some(watch)) => self.hear(watch, Verdict::Success),
                (Delivery::AllBad, Some(watch)) => self.hear(watch, Verdict::Failure),
                (Delivery::NoVerdict, Some(watch)) => self.hear(watch, Verdict::Pending),
                (_, None) => return,
            }
        }
    }

    /// Gives a verdict; when it is none, or nothing new, time passes until something is due.
    fn hear(&mut self, watch: Watch, value: Verdict) {
        let before = self.environment.clone();
        self.verdict(watch.deployment.0, value);
        if value == Verdict::Pending || self.environment == before {
            let Some(due) = self.environment.next_due(&self.policy) else { return };
            self.now = self.now.max(due);
            self.give(Input::Tick);
        }
    }

    pub fn journal(&self) -> impl Iterator<Item = (&Entry, Timestamp)> {
        self.turns.iter().flat_map(entries_of)
    }

    pub fn entries(&self) -> Vec<&Entry> {
        self.journal().map(|(entry, _)| entry).collect()
    }

    /// What a deployment was admitted for, and its commit.
    pub fn kind_of(&self, number: DeploymentNumber) -> &(Kind, CommitSha) {
        &self.admitted[&number]
    }

    pub fn is_deploy(&self, number: DeploymentNumber) -> bool {
        matches!(self.kind_of(number).0, Kind::Deploy { .. })
    }

    /// The events of one deployment, in order.
    pub fn story(&self, number: DeploymentNumber) -> Vec<&Event> {
        let is_its = |entry: &&Entry| entry.deployment == Some(number);
        self.journal().map(|(entry, _)| entry).filter(is_its).map(|entry| &entry.event).collect()
    }

    pub fn numbers(&self) -> impl Iterator<Item = DeploymentNumber> + use<> {
        (1..=self.environment.last.0).map(DeploymentNumber)
    }

    pub fn outcome(&self, number: u64) -> Option<Outcome> {
        self.outcomes(DeploymentNumber(number)).first().copied()
    }

    pub fn outcomes(&self, number: DeploymentNumber) -> Vec<Outcome> {
        let outcome = |event: &&Event| match event {
            Event::Ended { outcome, .. } => Some(*outcome),
            Event::Superseded { .. } => Some(Outcome::Superseded),
            _ => None,
        };
        self.story(number).iter().filter_map(outcome).collect()
    }

    /// A commit that was once healthy here, with the deployment that put it there.
    pub fn once_live(&self, which: Index) -> Option<Placement> {
        let live: Vec<_> = self.turns.iter().filter_map(|turn| turn.after().live).collect();
        (!live.is_empty()).then(|| *which.get(&live))
    }

    /// The newest deployment of a commit.
    pub fn newest_of(&self, sha: CommitSha) -> Option<Placement> {
        let admitted = |(entry, _): (&Entry, Timestamp)| match &entry.event {
            Event::Admitted { sha: of, .. } if *of == sha => entry.deployment,
            _ => None,
        };
        let deployment = self.journal().filter_map(admitted).max();
        deployment.map(|number| Placement { deployment: Some(number), sha })
    }
}

fn entries_of(turn: &Turn) -> impl Iterator<Item = (&Entry, Timestamp)> {
    turn.decision.entries.iter().map(|entry| (entry, turn.now))
}

/// What the world does with those who still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    AllGood,
    AllBad,
    NoVerdict,
}

pub fn touches(phase: Phase) -> bool {
    matches!(phase, Phase::Resetting | Phase::Restarting | Phase::Probing)
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.policy)?;
        for turn in &self.turns {
            writeln!(f, "  {:>9} {:?}", turn.now.0, turn.input)?;
            for entry in &turn.decision.entries {
                let of = entry.deployment.map(|number| number.to_string()).unwrap_or_default();
                writeln!(f, "      {of:>4} {}", notice::sentence(entry))?;
            }
        }
        writeln!(f, "live {:?}, runs {:?}", self.environment.live, self.runs)
    }
}
