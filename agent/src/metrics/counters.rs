//! What is counted of one environment, fact by fact. Reads no journal and no clock.

use std::collections::BTreeMap;

use ripcord_core::{
    Deployment, DeploymentNumber, Entry, Event, Kind, Outcome, Phase, Timestamp,
    stats::{Exposure, Window},
};

use super::histogram::Histogram;

/// How many deployments are followed: those under way, and ended ones that may be undone yet.
const FOLLOWED: usize = 64;

/// What a deployment was for, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Deploy,
    ManualRollback,
    AutomaticRollback,
}

impl What {
    pub(super) const ALL: [Self; 3] = [Self::Deploy, Self::ManualRollback, Self::AutomaticRollback];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::ManualRollback => "rollback",
            Self::AutomaticRollback => "automatic_rollback",
        }
    }

    fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Deploy { .. } => Self::Deploy,
            Kind::Rollback { automatic: false, .. } => Self::ManualRollback,
            Kind::Rollback { automatic: true, .. } => Self::AutomaticRollback,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Followed {
    what: What,
    phase: Phase,
    since: Timestamp,
}

/// How things stood when the counting began.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) live_since: Option<Timestamp>,
    pub(super) validated_at: Option<Timestamp>,
    pub(super) up: Option<bool>,
    /// What runs without a good verdict.
    pub(super) unvalidated: Option<DeploymentNumber>,
}

/// The counts of one environment.
#[derive(Debug, Clone)]
pub(super) struct Counters {
    followed: BTreeMap<DeploymentNumber, Followed>,
    pub(super) endings: BTreeMap<(What, Outcome), u64>,
    pub(super) phases: BTreeMap<Phase, Histogram>,
    pub(super) live_since: Option<Timestamp>,
    pub(super) validated_at: Option<Timestamp>,
    pub(super) up: Option<bool>,
    pub(super) exposure: Exposure,
}

impl Counters {
    /// Nothing counted; `open` are the deployments that are not over.
    pub(super) fn new<'a>(
        now: Timestamp,
        before: &Before,
        open: impl Iterator<Item = &'a Deployment>,
    ) -> Self {
        let since_now = Window { from: now, to: Timestamp(i64::MAX) };
        Self {
            followed: open.map(|deployment| (deployment.number, follow(deployment))).collect(),
            endings: BTreeMap::new(),
            phases: BTreeMap::new(),
            live_since: before.live_since,
            validated_at: before.validated_at,
            up: before.up,
            exposure: Exposure::begun(since_now, before.unvalidated.map(|number| (number, now))),
        }
    }

    /// Counts a fact.
    pub(super) fn note(&mut self, at: Timestamp, entry: &Entry) {
        self.exposure.note(at, entry);
        self.look(at, &entry.event);
        if let Some(number) = entry.deployment {
            self.follow(number, at, &entry.event);
        }
    }

    fn look(&mut self, at: Timestamp, event: &Event) {
        if matches!(event, Event::WentLive { .. }) {
            (self.live_since, self.up) = (Some(at), Some(true));
        } else if matches!(event, Event::CameBack { .. }) {
            self.up = Some(true);
        } else if matches!(event, Event::WentDown { .. }) || event.finds_unhealthy() {
            self.up = Some(false);
        } else if matches!(event, Event::Validated) {
            self.validated_at = Some(at);
        }
    }

    fn follow(&mut self, number: DeploymentNumber, at: Timestamp, event: &Event) {
        if let Event::Admitted { kind, .. } = event {
            let what = What::of(kind);
            self.followed.insert(number, Followed { what, phase: Phase::Queued, since: at });
            if self.followed.len() > FOLLOWED {
                self.followed.pop_first();
            }
        } else if let Event::PhaseEntered { phase } = event {
            self.move_to(number, *phase, at);
        } else if let Event::UndoneBy { .. } = event {
            self.move_to(number, Phase::RollingBack, at);
        } else if let Event::Superseded { .. } = event {
            self.end(number, Outcome::Superseded, at);
        } else if let Event::Ended { outcome, .. } = event {
            self.end(number, *outcome, at);
        }
    }

    fn move_to(&mut self, number: DeploymentNumber, phase: Phase, at: Timestamp) {
        let Some(followed) = self.followed.get_mut(&number) else { return };
        let left = std::mem::replace(&mut followed.phase, phase);
        let lasted = at.since(std::mem::replace(&mut followed.since, at));
        if followed.what == What::Deploy && left != Phase::Ended {
            self.phases.entry(left).or_default().observe(lasted);
        }
    }

    fn end(&mut self, number: DeploymentNumber, outcome: Outcome, at: Timestamp) {
        self.move_to(number, Phase::Ended, at);
        let what = self.followed.get(&number).map_or(What::Deploy, |followed| followed.what);
        *self.endings.entry((what, outcome)).or_default() += 1;
    }
}

fn follow(deployment: &Deployment) -> Followed {
    let left = deployment.timings_ms.values().max().copied().unwrap_or(0);
    let since = deployment.admitted_at.plus(left);
    Followed { what: What::of(&deployment.kind), phase: deployment.phase, since }
}
