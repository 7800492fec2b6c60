//! Operators: they roll back, hold and resume, deploy older or refused commits, and say what they
//! think of a commit, at any moment.

use ripcord_core::{DeployRequest, Input, Placement, PlannedOn};

use crate::{
    day::{MINUTE, SECOND},
    machine::FOREIGN,
    model::{backup::restore_of, deploy_of, person, rollback_to, sha},
    town::{Happening, Town},
};

impl Town {
    pub fn somebody_comes(&mut self) {
        if self.is_evening {
            return;
        }
        if self.dice.chance(self.day.people) {
            let input = self.wish();
            self.tell(|| "somebody comes".to_owned());
            let thinks = self.dice.pick(&[0, 0, 30 * SECOND, 5 * MINUTE]);
            self.soon(thinks, Happening::Asked { input, tries: 0 });
        }
        let next = self.dice.between(SECOND, 10 * MINUTE);
        self.soon(next, Happening::Person);
    }

    fn wish(&mut self) -> Input {
        match self.dice.between(0, 9) {
            0 | 1 => self.rollback(),
            2 => Input::Hold { by: person(), reason: "lunch".to_owned() },
            3 | 4 => Input::Resume { by: person() },
            5 | 6 => self.word(),
            _ => self.deployment(),
        }
    }

    fn rollback(&mut self) -> Input {
        if !self.world.backups.is_empty() && self.dice.chance(300) {
            let which = self.dice.between(0, self.world.backups.len() as u64 - 1);
            let saved = &self.world.backups[usize::try_from(which).unwrap()];
            return Input::Rollback(restore_of(saved));
        }
        let known: Vec<_> = self.world.turns.iter().filter_map(|turn| turn.after().live).collect();
        let chosen = !known.is_empty() && self.dice.chance(300);
        let mut request = rollback_to(chosen.then(|| self.dice.pick(&known)));
        request.hold = self.dice.chance(100).then_some(true);
        Input::Rollback(request)
    }

    fn word(&mut self) -> Input {
        let sha = self.some_commit();
        let on = self.world.newest_of(sha).unwrap_or(Placement { deployment: None, sha });
        let good = self.dice.chance(500);
        Input::OperatorVerdict { on, good, by: person(), reason: "i looked".to_owned() }
    }

    fn deployment(&mut self) -> Input {
        let overriding = self.dice.chance(300);
        let seen = self.dice.chance(500);
        Input::Deploy(DeployRequest {
            redeploy: self.dice.chance(300),
            allow_older: self.dice.chance(300),
            override_quarantine: overriding,
            planned_on: seen.then_some(PlannedOn { live: self.world.environment.live }),
            reason: self.dice.chance(800).then(|| "it was a flake".to_owned()),
            ..deploy_of(self.some_commit())
        })
    }

    fn some_commit(&mut self) -> ripcord_core::CommitSha {
        if self.pushed.is_empty() || self.dice.chance(30) {
            return sha(FOREIGN);
        }
        let red: Vec<_> = self.world.environment.quarantined.keys().copied().collect();
        if !red.is_empty() && self.dice.chance(300) {
            return self.dice.pick(&red);
        }
        let newest = self.pushed.len().saturating_sub(4);
        self.dice.pick(&self.pushed[newest..])
    }
}
