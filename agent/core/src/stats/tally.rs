//! Takes in what happened, one fact after the other, and answers the figures.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Rollbacks, Spread, Statistics, Window, exposure::Exposure, outages::Outages, phase_durations,
};
use crate::{
    event::{Entry, Event},
    ids::{CommitSha, DeploymentNumber, Timestamp},
    lifecycle::{Deployment, Kind, Outcome, Phase},
    verdict::Verdict,
};

/// The figures of one environment in the making.
#[derive(Debug)]
pub struct Tally {
    window: Window,
    deployments: u64,
    outcomes: BTreeMap<Outcome, u64>,
    rollbacks: Rollbacks,
    phases: BTreeMap<Phase, Vec<u64>>,
    to_live: Vec<u64>,
    to_verdict: Vec<u64>,
    to_roll_back: Vec<u64>,
    exposure: Exposure,
    outages: Outages,
    alarms: Alarms,
    /// What went live and has no verdict yet.
    undecided: BTreeMap<DeploymentNumber, Timestamp>,
    /// What has one: a re-run says nothing about how long the first took.
    decided: BTreeSet<DeploymentNumber>,
}

impl Tally {
    /// The names of the events that [`Self::record`] looks at; others may be left out.
    pub const EVENTS: [&'static str; 9] = [
        "admitted",
        "went_live",
        "validated",
        "verdict_received",
        "quarantine_lifted",
        "monitor_began",
        "monitor_ended",
        "went_down",
        "came_back",
    ];

    /// Nothing so far.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Self {
            window,
            deployments: 0,
            outcomes: BTreeMap::new(),
            rollbacks: Rollbacks::default(),
            phases: BTreeMap::new(),
            to_live: Vec::new(),
            to_verdict: Vec::new(),
            to_roll_back: Vec::new(),
            exposure: Exposure::within(window),
            outages: Outages::within(window),
            alarms: Alarms::default(),
            undecided: BTreeMap::new(),
            decided: BTreeSet::new(),
        }
    }

    /// Takes in a deployment that was admitted in the window, as it is now.
    pub fn deployment(&mut self, deployment: &Deployment) {
        match deployment.kind {
            Kind::Deploy { .. } => self.deploy(deployment),
            Kind::Rollback { automatic, .. } => self.rollback(deployment, automatic),
        }
    }

    fn deploy(&mut self, deployment: &Deployment) {
        self.deployments += 1;
        if let Some(outcome) = deployment.outcome {
            *self.outcomes.entry(outcome).or_default() += 1;
        }
        self.to_live.extend(live_after(deployment));
        let heard = matches!(deployment.verdict_value(), Verdict::Success | Verdict::Failure);
        for (phase, lasted) in phase_durations(deployment) {
            self.phases.entry(phase).or_default().push(lasted);
            if phase == Phase::Gating && heard {
                self.to_verdict.push(lasted);
            }
        }
    }

    fn rollback(&mut self, rollback: &Deployment, automatic: bool) {
        self.to_roll_back.extend(live_after(rollback));
        if !automatic {
            self.rollbacks.manual += 1;
            return;
        }
        self.rollbacks.automatic += 1;
        match rollback.outcome {
            Some(Outcome::Live | Outcome::Validated) => self.rollbacks.succeeded += 1,
            Some(
                Outcome::Stranded
                | Outcome::Failed
                | Outcome::Refused
                | Outcome::RolledBack
                | Outcome::Superseded,
            ) => self.rollbacks.failed += 1,
            None => {}
        }
    }

    /// Takes in what happened, in the journal's order. What was live, and whether it was down, when
    /// the window began is only known when the facts that say so come first.
    pub fn record(&mut self, at: Timestamp, entry: &Entry) {
        self.exposure.note(at, entry);
        self.outages.note(at, &entry.event);
        self.alarms.note(self.window.contains(at), entry);
        self.time_verdict(at, entry);
    }

    fn time_verdict(&mut self, at: Timestamp, entry: &Entry) {
        let Some(number) = entry.deployment else { return };
        if matches!(entry.event, Event::WentLive { .. }) && !self.decided.contains(&number) {
            self.undecided.entry(number).or_insert(at);
        }
        let Event::VerdictReceived { report, .. } = &entry.event else { return };
        if matches!(report.value, Verdict::Success | Verdict::Failure) {
            self.decided.insert(number);
            let since = self.undecided.remove(&number);
            let since = since.filter(|_| self.window.contains(at));
            self.to_verdict.extend(since.map(|since| at.since(since)));
        }
    }

    /// The figures.
    #[must_use]
    pub fn finish(self) -> Statistics {
        let phases = self.phases.into_iter().map(|(phase, lasted)| (phase, Spread::from(lasted)));
        Statistics {
            window: self.window,
            deployments: self.deployments,
            outcomes: self.outcomes,
            rollbacks: Rollbacks { false_alarms: self.alarms.false_ones(), ..self.rollbacks },
            phases: phases.collect(),
            to_live: self.to_live.into(),
            to_verdict: self.to_verdict.into(),
            to_roll_back: self.to_roll_back.into(),
            unvalidated_live_ms: self.exposure.total_ms(self.window.to),
            uptime: self.outages.finish(),
        }
    }
}

fn live_after(deployment: &Deployment) -> Option<u64> {
    Some(deployment.live_at?.since(deployment.admitted_at))
}

/// Which commits were rolled back, and which of those turned out to be good.
#[derive(Debug, Default)]
struct Alarms {
    commits: BTreeMap<DeploymentNumber, CommitSha>,
    /// For each commit, its automatic rollbacks that nothing speaks against yet.
    rolled_back: BTreeMap<CommitSha, u64>,
    false_ones: u64,
}

impl Alarms {
    fn note(&mut self, counts: bool, entry: &Entry) {
        if let (Some(number), Event::Admitted { kind, sha, previous, .. }) =
            (entry.deployment, &entry.event)
        {
            self.commits.insert(number, *sha);
            let automatic = matches!(kind, Kind::Rollback { automatic: true, .. });
            if let Some(undone) = previous.filter(|_| automatic && counts) {
                *self.rolled_back.entry(undone.sha).or_default() += 1;
            }
        } else if let Event::QuarantineLifted { sha } = &entry.event {
            self.turned_out_good(Some(*sha));
        } else if matches!(entry.event, Event::Validated) {
            let number = entry.deployment;
            self.turned_out_good(number.and_then(|number| self.commits.get(&number)).copied());
        }
    }

    fn turned_out_good(&mut self, commit: Option<CommitSha>) {
        let alarms = commit.and_then(|sha| self.rolled_back.remove(&sha));
        self.false_ones += alarms.unwrap_or(0);
    }

    fn false_ones(&self) -> u64 {
        self.false_ones
    }
}
