//! What really happened, written down by the simulated world itself: the measure of what the agent
//! claims.

use std::collections::BTreeMap;

use ripcord_core::{CommitSha, DeploymentNumber, Timestamp, Verdict};

/// When something was there, and when not. It is there from the beginning.
#[derive(Default)]
pub struct Line(Vec<(Timestamp, bool)>);

impl Line {
    pub fn is_up(&self) -> bool {
        self.0.last().is_none_or(|(_, up)| *up)
    }

    pub fn set(&mut self, at: Timestamp, up: bool) {
        if self.is_up() != up {
            self.0.push((at, up));
        }
    }

    fn was_up(&self, at: Timestamp) -> bool {
        let before = self.0.iter().rev().find(|(since, _)| *since <= at);
        before.is_none_or(|(_, up)| *up)
    }

    /// Whether it was there at any moment from `from` to `to`.
    pub fn was_up_within(&self, from: Timestamp, to: Timestamp) -> bool {
        self.was_up(from) || self.came_back(from, to) > 0
    }

    /// How often it went away or came back from `from` to `to`.
    pub fn changes(&self, from: Timestamp, to: Timestamp) -> u64 {
        let inside = self.0.iter().filter(|(at, _)| *at >= from && *at <= to);
        u64::try_from(inside.count()).unwrap()
    }

    /// When it last came back until `at`.
    pub fn up_since(&self, at: Timestamp) -> Option<Timestamp> {
        let mut back = self.0.iter().rev().filter(|(since, up)| *up && *since <= at);
        back.next().map(|(since, _)| *since)
    }

    fn came_back(&self, from: Timestamp, to: Timestamp) -> usize {
        self.0.iter().filter(|(at, up)| *up && *at >= from && *at <= to).count()
    }
}

/// A look at CI by the agent, and what it found.
pub struct Look {
    pub at: Timestamp,
    pub of: DeploymentNumber,
    pub sha: CommitSha,
    pub found: Verdict,
}

#[derive(Default)]
pub struct Facts {
    pub agent: Line,
    pub github: Line,
    pub looks: Vec<Look>,
    /// What people said, and when.
    pub words: Vec<(Timestamp, CommitSha, bool)>,
    /// Steps that failed.
    pub failed: BTreeMap<DeploymentNumber, Timestamp>,
    /// What did not stay healthy while it baked.
    pub sickened: BTreeMap<DeploymentNumber, Timestamp>,
}

impl Facts {
    /// Milliseconds from `from` to `to` in which an agent ran and GitHub could be asked.
    pub fn askable_ms(&self, from: Timestamp, to: Timestamp) -> u64 {
        up_ms(&[&self.agent, &self.github], from, to)
    }

    /// Milliseconds from `from` to `to` in which an agent ran.
    pub fn tended_ms(&self, from: Timestamp, to: Timestamp) -> u64 {
        up_ms(&[&self.agent], from, to)
    }

    /// How often GitHub or the agent went away or came back.
    pub fn disturbances(&self, from: Timestamp, to: Timestamp) -> u64 {
        self.agent.changes(from, to) + self.github.changes(from, to)
    }

    pub fn said(&self, sha: CommitSha, good: bool, until: Timestamp) -> bool {
        self.words.iter().any(|word| (word.1, word.2) == (sha, good) && word.0 <= until)
    }

    pub fn found(&self, of: DeploymentNumber, what: Verdict, until: Timestamp) -> Option<&Look> {
        self.looks.iter().find(|look| (look.of, look.found) == (of, what) && look.at <= until)
    }
}

/// Milliseconds from `from` to `to` in which all of them were there.
fn up_ms(all: &[&Line], from: Timestamp, to: Timestamp) -> u64 {
    let changes = all.iter().flat_map(|line| &line.0).map(|(at, _)| *at);
    let mut seams: Vec<_> = changes.filter(|at| *at > from && *at < to).collect();
    seams.extend([from, to]);
    seams.sort_unstable();
    let up = |at| all.iter().all(|line| line.was_up(at));
    seams.windows(2).filter(|pair| up(pair[0])).map(|pair| pair[1].since(pair[0])).sum()
}
