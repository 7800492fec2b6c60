//! Finds the points at which an agent can die, and lets a fresh one die at each.
//!
//! A story is played once undisturbed, which shows the points of a first life. Each death leads to a
//! second life, which may show points that only a recovery has: those are died at, too.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    str::FromStr,
    time::{Duration, Instant},
};

use ripcord_agent::journal::Record;
use tokio::task::{JoinError, JoinSet};

use crate::{
    check::{self, Evidence},
    life::Death,
    scenario::{Played, play},
};

/// A death in a second life needs another one before; no life after the third has new points.
const MOST_LIVES: usize = 3;
/// What is reached in which order is partly chance: a death that does not come is tried again.
const TRIES: u32 = 5;

pub struct Sweep {
    at_once: usize,
    began: Instant,
    known: BTreeSet<(String, u64)>,
    stories: usize,
    deaths: usize,
    /// Points that an undisturbed story reaches.
    certain: BTreeSet<String>,
    /// Points at which an agent died.
    died_at: BTreeSet<String>,
    missed: Vec<Vec<Death>>,
    violations: Vec<String>,
}

/// A story to be played: how its agents die, and how often that was tried.
#[derive(Debug, Clone)]
struct Plan {
    deaths: Vec<Death>,
    tries: u32,
}

impl Sweep {
    pub fn new(at_once: usize) -> Self {
        Self {
            at_once,
            began: Instant::now(),
            known: BTreeSet::new(),
            stories: 0,
            deaths: 0,
            certain: BTreeSet::new(),
            died_at: BTreeSet::new(),
            missed: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Lets an agent die at every point, up to `most` times as often as it is reached.
    pub async fn kill_at_every_point(&mut self, most: u64) {
        let undisturbed = Plan { deaths: Vec::new(), tries: 0 };
        let mut plans = VecDeque::from([undisturbed]);
        let mut playing = JoinSet::new();
        while !plans.is_empty() || !playing.is_empty() {
            while playing.len() < self.at_once
                && let Some(plan) = plans.pop_front()
            {
                playing.spawn(played(plan));
            }
            let Some(done) = playing.join_next().await else { continue };
            let (plan, played) = done.unwrap();
            let Some(played) = self.judge(&plan, played) else { continue };
            if played.deaths < plan.deaths.len() {
                let is_first = matches!(plan.deaths.last(), Some(Death::At { occurrence: 1, .. }));
                match plan.tries + 1 {
                    tries if is_first && tries < TRIES => plans.push_back(Plan { tries, ..plan }),
                    _ => self.missed.push(plan.deaths),
                }
                continue;
            }
            match plan.deaths.last() {
                Some(Death::At { point, .. }) => drop(self.died_at.insert(point.clone())),
                Some(Death::After(_)) => {}
                None => self.certain.extend(played.reached.iter().flatten().cloned()),
            }
            plans.extend(self.new_deaths(&plan, &played, most));
        }
    }

    /// Lets agents die at random moments, until that happened `kills` times; up to three in a story.
    pub async fn kill_at_random(&mut self, seed: u64, kills: usize) {
        println!("random moments: seed {seed}");
        let mut random = Random(seed);
        let longest = self.longest_moment();
        let enough = self.deaths + kills;
        let mut playing = JoinSet::new();
        while self.deaths < enough {
            let lives = 1 + random.below(3);
            let moments = (0..lives).map(|_| Duration::from_millis(random.below(longest)));
            let deaths = moments.map(Death::After).collect();
            playing.spawn(played(Plan { deaths, tries: 0 }));
            if playing.len() == self.at_once {
                self.judge_next(&mut playing).await;
            }
        }
        while !playing.is_empty() {
            self.judge_next(&mut playing).await;
        }
    }

    /// Milliseconds: half of what a story took here so far, beside the others, is its agents' time.
    fn longest_moment(&self) -> u64 {
        let stories = u32::try_from(self.stories.max(1)).unwrap();
        let story = self.began.elapsed() * u32::try_from(self.at_once).unwrap() / stories / 2;
        u64::try_from(story.as_millis()).unwrap().max(1)
    }

    async fn judge_next(&mut self, playing: &mut JoinSet<Outcome>) {
        let (plan, played) = playing.join_next().await.unwrap().unwrap();
        self.judge(&plan, played);
    }

    /// Counts and judges a story; `None` when it could not be played to its end.
    fn judge(&mut self, plan: &Plan, played: Result<Played, JoinError>) -> Option<Played> {
        self.stories += 1;
        let violations = match &played {
            Ok(played) => check::violations(&played.evidence),
            Err(error) => vec![format!("every story comes to its end: {error}")],
        };
        if let (Ok(played), false) = (&played, violations.is_empty()) {
            println!("{:?}: the journal is\n{}", plan.deaths, outline(&played.evidence));
        }
        let of_plan = violations.into_iter().map(|found| format!("{:?}: {found}", plan.deaths));
        self.violations.extend(of_plan);
        self.deaths += played.as_ref().map_or(0, |played| played.deaths);
        played.ok()
    }

    /// Deaths at what the last life of this story reached first of all stories.
    fn new_deaths(&mut self, plan: &Plan, played: &Played, most: u64) -> Vec<Plan> {
        let mut counts: BTreeMap<&String, u64> = BTreeMap::new();
        let mut plans = Vec::new();
        for point in played.reached.last().into_iter().flatten() {
            let occurrence = counts.entry(point).and_modify(|count| *count += 1).or_insert(1);
            let is_new = *occurrence <= most && self.known.insert((point.clone(), *occurrence));
            if is_new && plan.deaths.len() < MOST_LIVES {
                let death = Death::At { point: point.clone(), occurrence: *occurrence };
                let deaths = plan.deaths.iter().cloned().chain([death]).collect();
                plans.push(Plan { deaths, tries: 0 });
            }
        }
        plans
    }

    /// Says what was done; fails when anything was wrong, or was not tried.
    pub fn conclude(self) {
        let Self { stories, deaths, began, violations, missed, died_at, certain, .. } = self;
        for deaths in &missed {
            println!("did not come to pass: {deaths:?}");
        }
        println!(
            "died at {} points; {stories} stories, {deaths} deaths, {} violations, {:.1} s",
            died_at.len(),
            violations.len(),
            began.elapsed().as_secs_f64(),
        );
        assert!(violations.is_empty(), "{}", violations.join("\n"));
        let never: Vec<_> = certain.difference(&died_at).collect();
        assert!(never.is_empty(), "no agent died at {never:?}");
    }
}

/// A plan, and what came of it.
type Outcome = (Plan, Result<Played, JoinError>);

async fn played(plan: Plan) -> Outcome {
    let played = tokio::spawn(play(plan.deaths.clone())).await;
    (plan, played)
}

/// The journal in short, a line for each event.
fn outline(evidence: &Evidence) -> String {
    let line = |record: &Record| {
        let whose = record.entry.deployment.map_or(0, |number| number.0);
        format!("{:4} #{whose} {}\n", record.sequence.0, record.entry.event.name())
    };
    evidence.records.iter().map(line).collect()
}

/// A number from the environment, so that a run can be made longer, or repeated.
pub fn from_environment<T: FromStr>(name: &str, otherwise: impl Fn() -> T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or_else(otherwise)
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
