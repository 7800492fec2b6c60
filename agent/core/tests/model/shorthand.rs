//! What incidents say again and again, in a word.

use ripcord_core::{Input, Outcome, Policy, Verdict};

use super::{World, person, sha};

pub const MINUTE: u64 = 60_000;
pub const HEAD: u8 = 99;

pub fn world() -> World {
    World::new(Policy::default(), Some(sha(HEAD)))
}

impl World {
    pub fn goes_live(&mut self, of: u8) {
        self.deploy(of);
        self.steps_good();
    }

    pub fn validated(&mut self, of: u8) -> u64 {
        self.goes_live(of);
        let number = self.environment.last.0;
        self.verdict(number, Verdict::Success);
        assert_eq!(self.outcome(number), Some(Outcome::Validated));
        number
    }

    pub fn live(&self) -> Option<u8> {
        self.environment.live.map(|live| live.sha.as_bytes()[0])
    }

    pub fn target(&self) -> Option<u8> {
        self.environment.rollback_point().map(|target| target.sha.as_bytes()[0])
    }

    pub fn person_says(&mut self, of: u8, good: bool) {
        let on = self.newest_of(sha(of)).unwrap();
        let reason = "i looked".to_owned();
        self.give(Input::OperatorVerdict { on, good, by: person(), reason });
    }
}
