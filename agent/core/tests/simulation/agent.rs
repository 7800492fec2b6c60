//! The agent: what the engine does between the core and the world, and how it dies. What it holds
//! in memory is lost in a crash; the journal is what the model keeps.

use std::collections::{BTreeMap, BTreeSet};

use ripcord_core::{
    Answer, CommitSha, DeploymentNumber, Effect, Input, Pace, Step, Timestamp, Verdict,
    VerdictReport,
};

use crate::{
    day::{LATENCY, MINUTE, SECOND},
    facts::Look,
    town::{Happening, Town},
};

/// The first look at CI comes so long after watching began.
pub const FIRST_LOOK: u64 = 30 * SECOND;
/// How often a deployment that has ended is looked after.
const LATE_POLL: u64 = 10 * MINUTE;
/// How often the agent notes that it is alive, while a verdict is awaited.
pub const BEAT: u64 = 15 * SECOND;
/// How often what bakes is looked at.
pub const BAKE_LOOK: u64 = 20 * SECOND;
/// After GitHub could not be asked, the next look comes so much later at most.
pub const LONGEST_PAUSE: u64 = 5 * MINUTE;

/// What an agent has in memory.
pub struct Agent {
    pub id: u64,
    started_at: Timestamp,
    running: Option<Effect>,
    watchers: BTreeMap<DeploymentNumber, Watcher>,
    /// What it looks after while that bakes.
    baking: BTreeSet<DeploymentNumber>,
    tick_at: Option<Timestamp>,
    /// When the newest answer of GitHub arrives: they are asked for one after the other.
    answered_at: Timestamp,
}

struct Watcher {
    id: u64,
    pace: Pace,
    troubles: u32,
    /// What CI looked like when this one last looked.
    seen: Option<u64>,
    told: Option<VerdictReport>,
}

impl Town {
    pub fn agent_starts(&mut self) {
        if self.agent.is_some() {
            return;
        }
        self.tell(|| "an agent starts".to_owned());
        self.ids += 1;
        let (running, tick_at, watchers, baking) = Default::default();
        let (id, started_at, answered_at) = (self.ids, self.world.now, self.world.now);
        self.agent =
            Some(Agent { id, started_at, running, watchers, baking, tick_at, answered_at });
        self.facts.agent.set(self.world.now, true);
        let alive_until = self.machine.alive_until;
        self.world.restart(alive_until);
        self.tell_turn();
        self.decided();
    }

    /// Gives `input` to the agent. No answer: it is dead, or died before or after it wrote.
    pub fn give(&mut self, input: Input) -> Option<Answer> {
        self.agent.as_ref()?;
        if self.dies_by_chance() {
            return None;
        }
        let person = said_by_a_person(&input);
        let answer = self.world.give(input).map(|decision| decision.answer.clone());
        let Some(answer) = answer else {
            self.strays += 1;
            return Some(Answer::Done);
        };
        self.tell_turn();
        if let Some((sha, good)) = person {
            self.facts.words.push((self.world.now, sha, good));
        }
        if self.dies_by_chance() {
            self.machine.alive_until = self.world.now;
            return None;
        }
        self.decided();
        Some(answer)
    }

    /// Journaled: the state is known, and whatever it asks for begins.
    fn decided(&mut self) {
        self.machine.alive_until = self.world.now;
        self.start_what_is_wanted();
        self.follow_watches();
        self.follow_bakes();
        self.set_alarm();
    }

    fn dies_by_chance(&mut self) -> bool {
        let dies = !self.is_evening && self.dice.chance(self.day.crashes);
        if dies {
            self.crash();
        }
        dies
    }

    pub fn crash_of(&mut self, id: u64) {
        if self.agent.as_ref().is_some_and(|agent| agent.id == id) && !self.is_evening {
            self.crash();
        }
    }

    fn crash(&mut self) {
        self.tell(|| "the agent is killed".to_owned());
        let Some(agent) = self.agent.take() else { return };
        self.facts.agent.set(self.world.now, false);
        let environment = &self.world.environment;
        let awaited = environment.watches().any(|watch| watch.pace == Pace::Prompt);
        if awaited || environment.bakes().next().is_some() {
            let since = i64::try_from(self.dice.between(0, BEAT)).unwrap();
            let beat = Timestamp(self.world.now.0 - since).max(agent.started_at);
            self.machine.alive_until = self.machine.alive_until.max(beat);
        }
        let longest = self.dice.pick(&[5 * SECOND, MINUTE, 90 * MINUTE]);
        let away = self.dice.between(SECOND, longest);
        self.soon(away, Happening::Starts);
    }

    fn start_what_is_wanted(&mut self) {
        let Some(wanted) = self.world.environment.wanted() else { return };
        let Some(agent) = self.agent.as_mut().filter(|agent| agent.running.is_none()) else {
            return;
        };
        agent.running = Some(wanted.clone());
        let id = agent.id;
        if !matches!(wanted.step, Step::Prepare { .. } | Step::BackUp { .. }) {
            self.world.runs = None;
        }
        let lasts = self.lasts(&wanted.step);
        if self.dice.chance(self.day.crashes_in_steps) {
            let after = self.dice.between(0, lasts);
            self.soon(after, Happening::Crash { agent: id });
        }
        self.soon(lasts, Happening::StepEnds { agent: id, effect: wanted });
    }

    pub fn step_ends(&mut self, id: u64, effect: &Effect) {
        let Some(agent) = self.agent.as_mut().filter(|agent| agent.id == id) else { return };
        agent.running = None;
        let result = self.perform(effect);
        let deployment = effect.deployment;
        if result.is_err() {
            self.facts.failed.insert(deployment, self.world.now);
        }
        self.give(Input::StepEnded { deployment, result });
    }

    fn follow_watches(&mut self) {
        let Some(agent) = &mut self.agent else { return };
        let wanted: BTreeMap<_, _> =
            self.world.environment.watches().map(|watch| (watch.deployment, watch)).collect();
        let stays = |of: &DeploymentNumber, watcher: &mut Watcher| {
            wanted.get(of).is_some_and(|watch| watch.pace == watcher.pace)
        };
        agent.watchers.retain(stays);
        let mut looks = Vec::new();
        for (of, watch) in wanted {
            let first = FIRST_LOOK.saturating_sub(self.world.now.since(watch.since));
            agent.watchers.entry(of).or_insert_with(|| {
                self.ids += 1;
                looks.push((first, Happening::Look { watcher: self.ids, of }));
                let (troubles, seen, told) = Default::default();
                Watcher { id: self.ids, pace: watch.pace, troubles, seen, told }
            });
        }
        looks.into_iter().for_each(|(first, look)| self.soon(first, look));
    }

    fn follow_bakes(&mut self) {
        let Some(agent) = &mut self.agent else { return };
        let wanted: BTreeSet<_> = self.world.environment.bakes().map(|(of, _)| of).collect();
        let new: Vec<_> = wanted.difference(&agent.baking).copied().collect();
        agent.baking = wanted;
        let agent = agent.id;
        for of in new {
            self.soon(BAKE_LOOK, Happening::BakeLook { agent, of, failed: 0 });
        }
    }

    /// Looks whether what bakes is healthy; three bad looks in a row are believed.
    pub fn bake_look(&mut self, id: u64, of: DeploymentNumber, failed: u32) {
        let is_alive = self.agent.as_ref().is_some_and(|agent| agent.id == id);
        let mut bakes = self.world.environment.bakes();
        let Some((_, bake)) = bakes.find(|(baking, _)| *baking == of).filter(|_| is_alive) else {
            return;
        };
        drop(bakes);
        let failed = if self.serves() { 0 } else { failed + 1 };
        if failed == 3 {
            self.facts.sickened.insert(of, self.world.now);
            self.give(Input::Baked { deployment: of, result: Err("it broke".to_owned()) });
        } else if failed == 0 && bake.until() <= self.world.now {
            self.give(Input::Baked { deployment: of, result: Ok(()) });
        } else {
            self.soon(BAKE_LOOK, Happening::BakeLook { agent: id, of, failed });
        }
    }

    fn set_alarm(&mut self) {
        let due = self.world.environment.next_due(&self.world.policy);
        let Some(agent) = &mut self.agent else { return };
        if due.is_some() && due != agent.tick_at {
            agent.tick_at = due;
            let (id, after) = (agent.id, due.unwrap_or_default().since(self.world.now));
            self.soon(after, Happening::Tick { agent: id });
        }
    }

    /// An alarm that came too early is one that was put off meanwhile.
    pub fn tick(&mut self, id: u64) {
        let Some(agent) = self.agent.as_mut().filter(|agent| agent.id == id) else { return };
        let due = self.world.environment.next_due(&self.world.policy);
        if due.is_some_and(|due| due <= self.world.now) {
            agent.tick_at = None;
            self.give(Input::Tick);
        }
    }

    /// CI tells the agent that there is news: every watcher looks.
    pub fn nudge(&mut self) {
        let Some(agent) = &self.agent else { return };
        let watchers: Vec<_> =
            agent.watchers.iter().map(|(of, watcher)| (watcher.id, *of)).collect();
        for (watcher, of) in watchers {
            self.look_once(watcher, of);
        }
    }

    pub fn look(&mut self, watcher: u64, of: DeploymentNumber) {
        if let Some(pause) = self.look_once(watcher, of) {
            self.soon(pause, Happening::Look { watcher, of });
        }
    }

    /// Looks at CI; answers when to look next, unless the watcher is gone.
    fn look_once(&mut self, id: u64, of: DeploymentNumber) -> Option<u64> {
        let up = self.facts.github.is_up();
        let sha = self.world.environment.open.get(&of)?.sha;
        let agent = self.agent.as_mut()?;
        let watcher = agent.watchers.get_mut(&of).filter(|watcher| watcher.id == id)?;
        let every = if watcher.pace == Pace::Prompt { self.day.poll } else { LATE_POLL };
        watcher.troubles = if up { 0 } else { watcher.troubles + 1 };
        let pause = (self.day.poll << watcher.troubles.min(6)).min(LONGEST_PAUSE);
        let seen = up.then(|| self.ci.version(sha));
        if seen.is_none() || watcher.seen != seen {
            watcher.seen = seen;
            self.see(of, sha);
        }
        Some(if up { every } else { pause })
    }

    fn see(&mut self, of: DeploymentNumber, sha: CommitSha) {
        let up = self.facts.github.is_up();
        let report = if up { self.ci.says(sha) } else { VerdictReport::of(Verdict::Unknown) };
        let (at, found) = (self.world.now, report.value);
        self.facts.looks.push(Look { at, of, sha, found });
        let latency = self.dice.between(10, LATENCY);
        let Some(agent) = &mut self.agent else { return };
        let id = agent.id;
        let Some(watcher) = agent.watchers.get_mut(&of) else { return };
        if watcher.told.as_ref() != Some(&report) {
            watcher.told = Some(report.clone());
            agent.answered_at = agent.answered_at.max(at.plus(latency));
            let after = agent.answered_at.since(at);
            self.soon(after, Happening::Answer { agent: id, of, report });
        }
    }

    pub fn answered(&mut self, id: u64, of: DeploymentNumber, report: VerdictReport) {
        if self.agent.as_ref().is_some_and(|agent| agent.id == id) {
            self.give(Input::Verdict { deployment: of, report });
        }
    }
}

fn said_by_a_person(input: &Input) -> Option<(CommitSha, bool)> {
    match input {
        Input::OperatorVerdict { on, good, .. } => Some((on.sha, *good)),
        _ => None,
    }
}
