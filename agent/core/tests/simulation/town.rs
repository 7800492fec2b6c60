//! The simulated world: a queue of what happens when, and who is told. No clock but the queue.

use std::{collections::BTreeMap, fmt::Write as _};

use ripcord_core::{
    CommitSha, DeployRequest, DeploymentNumber, Effect, Input, Timestamp, VerdictReport, notice,
};

use crate::{
    agent::Agent,
    ci::{self, Ci},
    day::{Day, EVENING, MINUTE, NIGHT, SECOND},
    dice::Dice,
    facts::Facts,
    machine::Machine,
    model::{Turn, World, deploy_of, sha},
};

/// What the agent depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Github,
    Docker,
    Remote,
}

/// What may happen. Numbers of agents and watchers tell who was meant: the dead hear nothing.
#[derive(Debug)]
pub enum Happening {
    Push,
    Asked { input: Input, tries: u64 },
    Ci(ci::Move),
    StepEnds { agent: u64, effect: Effect },
    Look { watcher: u64, of: DeploymentNumber },
    Answer { agent: u64, of: DeploymentNumber, report: VerdictReport },
    Tick { agent: u64 },
    BakeLook { agent: u64, of: DeploymentNumber, failed: u32 },
    Crash { agent: u64 },
    Starts,
    Breaks(Place),
    Heals(Place),
    Person,
    Evening,
}

pub struct Town {
    pub world: World,
    pub day: Day,
    pub dice: Dice,
    pub ci: Ci,
    pub machine: Machine,
    pub facts: Facts,
    pub agent: Option<Agent>,
    /// Counts agents and watchers.
    pub ids: u64,
    pub pushed: Vec<CommitSha>,
    pub is_evening: bool,
    /// Messages that came too late for the state.
    pub strays: u64,
    queue: BTreeMap<(Timestamp, u64), Happening>,
    queued: u64,
    story: Option<String>,
}

impl Town {
    /// The day of `seed`, from its morning to the night after; with its story, when wanted.
    pub fn live_through(seed: u64, told: bool) -> Self {
        let mut dice = Dice::new(seed);
        let day = Day::of(&mut dice);
        let world = World::new(day.policy.clone(), day.head);
        let machine = Machine { tree: day.head, ..Machine::default() };
        let mut town = Self {
            world,
            day,
            dice,
            ci: Ci::default(),
            machine,
            facts: Facts::default(),
            agent: None,
            ids: 0,
            pushed: Vec::new(),
            is_evening: false,
            strays: 0,
            queue: BTreeMap::new(),
            queued: 0,
            story: told.then(String::new),
        };
        town.begin();
        town.go_on();
        town
    }

    fn begin(&mut self) {
        self.agent_starts();
        self.soon(0, Happening::Push);
        self.soon(EVENING, Happening::Evening);
        self.soon(MINUTE, Happening::Person);
        for place in [Place::Github, Place::Docker, Place::Remote] {
            self.next_outage(place);
        }
    }

    fn go_on(&mut self) {
        let end = self.world.now.plus(NIGHT);
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            if at > end {
                return;
            }
            self.world.now = at;
            self.happens(happening);
        }
    }

    /// Lets something happen `after` so many milliseconds.
    pub fn soon(&mut self, after: u64, happening: Happening) {
        self.queued += 1;
        self.queue.insert((self.world.now.plus(after), self.queued), happening);
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Push => self.push(),
            Happening::Asked { input, tries } => self.asked(input, tries),
            Happening::Ci(happened) => self.ci_moves(happened),
            Happening::StepEnds { agent, effect } => self.step_ends(agent, &effect),
            Happening::Look { watcher, of } => self.look(watcher, of),
            Happening::Answer { agent, of, report } => self.answered(agent, of, report),
            Happening::Tick { agent } => self.tick(agent),
            Happening::BakeLook { agent, of, failed } => self.bake_look(agent, of, failed),
            Happening::Crash { agent } => self.crash_of(agent),
            Happening::Starts => self.agent_starts(),
            Happening::Breaks(place) => self.breaks(place),
            Happening::Heals(place) => self.heals(place),
            Happening::Person => self.somebody_comes(),
            Happening::Evening => self.evening(),
        }
    }

    /// A new commit: CI begins, and a job of it asks for the deployment.
    fn push(&mut self) {
        if self.is_evening {
            return;
        }
        let pushed = sha(u8::try_from(self.pushed.len()).unwrap() + 2);
        self.pushed.push(pushed);
        self.tell(|| format!("push {}", pushed.short()));
        if self.dice.chance(self.day.sick) {
            self.machine.sick.insert(pushed);
        }
        if self.dice.chance(self.day.sick / 2) {
            let older = self.dice.pick(&self.pushed);
            self.machine.sick.insert(older);
        }
        for (after, next) in self.ci.pushed(pushed, &self.day, &mut self.dice) {
            self.soon(after, Happening::Ci(next));
        }
        let id = format!("push-{}", self.pushed.len()).parse().unwrap();
        let request = DeployRequest { request_id: Some(id), ..deploy_of(pushed) };
        let after = self.dice.between(1, 20) * SECOND;
        self.soon(after, Happening::Asked { input: Input::Deploy(request), tries: 20 });
        let next = self.dice.between(10 * SECOND, self.day.between_pushes);
        self.soon(next, Happening::Push);
    }

    /// A client that gets no answer asks again, as the same request.
    fn asked(&mut self, input: Input, tries: u64) {
        if self.give(input.clone()).is_none() && tries > 0 {
            self.soon(10 * SECOND, Happening::Asked { input, tries: tries - 1 });
        }
    }

    fn ci_moves(&mut self, happened: ci::Move) {
        self.tell(|| format!("CI: {happened:?}"));
        if let Some((after, next)) = self.ci.moves(happened, &self.day, &mut self.dice) {
            self.soon(after, Happening::Ci(next));
        }
        if self.dice.chance(300) {
            self.nudge();
        }
    }

    fn next_outage(&mut self, place: Place) {
        if self.dice.chance(self.day.outages) {
            let after = self.dice.between(MINUTE, EVENING / 2);
            self.soon(after, Happening::Breaks(place));
        }
    }

    fn breaks(&mut self, place: Place) {
        if self.is_evening {
            return;
        }
        self.tell(|| format!("{place:?} is down"));
        self.set(place, false);
        let longest = self.dice.pick(&[1, 10, 90]) * MINUTE;
        let lasts = self.dice.between(SECOND, longest);
        self.soon(lasts, Happening::Heals(place));
    }

    fn heals(&mut self, place: Place) {
        self.tell(|| format!("{place:?} is up"));
        self.set(place, true);
        self.next_outage(place);
    }

    fn set(&mut self, place: Place, up: bool) {
        match place {
            Place::Github => self.facts.github.set(self.world.now, up),
            Place::Docker => self.machine.docker_down = !up,
            Place::Remote => self.machine.remote_down = !up,
        }
    }

    /// Everything heals, and nobody asks for anything any more.
    fn evening(&mut self) {
        self.tell(|| "evening: everything heals".to_owned());
        self.is_evening = true;
        for place in [Place::Github, Place::Docker, Place::Remote] {
            self.set(place, true);
        }
        self.machine.sick.clear();
        if self.agent.is_none() {
            self.agent_starts();
        }
    }

    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        let now = self.world.now;
        if let Some(story) = &mut self.story {
            let _ = writeln!(story, "{}  {}", time_of_day(now), what());
        }
    }

    /// Adds the last turn to the story.
    pub fn tell_turn(&mut self) {
        if let (Some(story), Some(turn)) = (&mut self.story, self.world.turns.last()) {
            let _ = write!(story, "{}", in_words(turn));
        }
    }

    pub fn story(&self) -> &str {
        self.story.as_deref().unwrap_or_default()
    }
}

fn in_words(turn: &Turn) -> String {
    let mut text = format!("{}  → {:?}\n", time_of_day(turn.now), turn.input);
    for entry in &turn.decision.entries {
        let of = entry.deployment.map(|number| number.to_string()).unwrap_or_default();
        let _ = writeln!(text, "              {of:>4} {}", notice::sentence(entry));
    }
    text
}

fn time_of_day(at: Timestamp) -> String {
    let seconds = at.0 / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, at.0 % 1000)
}
