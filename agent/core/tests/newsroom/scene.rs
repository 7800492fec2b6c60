//! A world in which commits have names, steps take their time and CI has runs: what people are told
//! of it reads as in life.

use ripcord_core::{
    Brought, DeploymentNumber, Failure, FailureKind, Input, Policy, RollbackRequest, Step,
    StepDone, Verdict, VerdictReport, VerifyWhen, effect::TreeReport, news::News,
};

use super::{Site, told};
use crate::model::{World, backup::backup_before, rollback_to, sha, shorthand::MINUTE};

const RUN: &str = "https://github.com/julienlafrance/backtothefuturekitchen/actions/runs/18234567";

/// A world in which steps take their time and commits have names.
pub struct Scene {
    pub world: World,
    pub site: Site,
}

impl Scene {
    pub fn of(site: Site, policy: Policy) -> Self {
        Self { world: World::new(policy, Some(sha(0x99))), site }
    }

    pub fn preprod() -> Self {
        Self::of(Site::preprod(), Policy { late_verdicts: true, ..Policy::default() })
    }

    pub fn prod() -> Self {
        let policy = Policy { when: VerifyWhen::None, ..Policy::default() };
        Self::of(Site::prod(), policy)
    }

    /// Production that saves its files, and has to stay healthy for a while.
    pub fn guarded_prod() -> Self {
        let policy = Policy { when: VerifyWhen::None, ..Policy::default() };
        Self::of(Site::prod(), Policy { backs_up: true, bake_ms: 5 * MINUTE, ..policy })
    }

    pub fn baking_preprod() -> Self {
        let policy = Policy { late_verdicts: true, ..Policy::default() };
        Self::of(Site::preprod(), Policy { bake_ms: 5 * MINUTE, ..policy })
    }

    pub fn baking_gate() -> Self {
        let policy = Policy { when: VerifyWhen::Before, ..Policy::default() };
        Self::of(Site::preprod(), Policy { bake_ms: 5 * MINUTE, ..policy })
    }

    pub fn bakes(&mut self, healthy: bool) -> &mut Self {
        self.world.now = self.world.now.plus(5 * MINUTE);
        let why = "https://backtothefuturekitchen.lafrance.io/ answered 502".to_owned();
        let baking = self.world.environment.bakes().next().unwrap().0;
        let result = if healthy { Ok(()) } else { Err(why) };
        self.world.give(Input::Baked { deployment: baking, result });
        self
    }

    /// A rollback finds the files of what it goes back to in a backup.
    pub fn brings_back(&mut self, of: u64) -> &mut Self {
        let wanted = self.world.environment.wanted().unwrap();
        let brought = Brought::Restored { backup: backup_before(DeploymentNumber(of)).id };
        let report = TreeReport { brought, ..TreeReport::default() };
        let (deployment, result) = (wanted.deployment, Ok(StepDone::Reset(report)));
        self.world.give(Input::StepEnded { deployment, result });
        self
    }

    pub fn deploy(&mut self, of: u8) -> &mut Self {
        self.world.deploy(of);
        self
    }

    pub fn step(&mut self, result: Result<(), (FailureKind, &str)>) -> bool {
        let Some(wanted) = self.world.environment.wanted() else { return false };
        self.world.now = self.world.now.plus(6_400);
        let mut done = || match wanted.step {
            Step::Prepare { .. } => StepDone::Prepared {
                subject: "Fix bug analysis".to_owned(),
                author: "@user".to_owned(),
                older_than_live: false,
                head: self.world.head,
            },
            Step::BackUp { of } => {
                let report = backup_before(wanted.deployment);
                self.world.backups.push((report.id.clone(), of));
                StepDone::BackedUp(report)
            }
            Step::Reset { .. } => StepDone::Reset(Default::default()),
            Step::Restart => StepDone::Restarted { detail: "restarted".to_owned() },
            Step::Probe => StepDone::Healthy { status: Some(200), attempts: 1 },
        };
        let result = result.map(|()| done()).map_err(|(kind, why)| Failure::new(kind, why));
        self.world.give(Input::StepEnded { deployment: wanted.deployment, result });
        true
    }

    pub fn steps(&mut self) -> &mut Self {
        while self.step(Ok(())) {}
        self
    }

    pub fn steps_until_restart(&mut self) -> &mut Self {
        self.step(Ok(()));
        self.step(Ok(()));
        self
    }

    pub fn fails(&mut self, kind: FailureKind, why: &str) -> &mut Self {
        self.step(Err((kind, why)));
        self
    }

    pub fn unhealthy(&mut self) -> &mut Self {
        let why = "https://mangetamain.lafrance.io/ answered 502 at 3 of 3 tries; see the container's log";
        self.fails(FailureKind::Unhealthy, why)
    }

    pub fn wait(&mut self, minutes: u64) -> &mut Self {
        self.world.later(minutes * MINUTE);
        self
    }

    pub fn ci(&mut self, number: u64, value: Verdict) -> &mut Self {
        let red = value == Verdict::Failure;
        let jobs = ["Quality Checks › PEP8 compliance (flake8)", "Tests Preprod › pytest"];
        let jobs = if red { jobs.map(str::to_owned).to_vec() } else { Vec::new() };
        let asked = matches!(value, Verdict::Success | Verdict::Failure);
        let url = asked.then(|| RUN.to_owned());
        let report = VerdictReport { value, url, jobs, detail: None };
        let deployment = DeploymentNumber(number);
        self.world.give(Input::Verdict { deployment, report });
        self
    }

    pub fn good(&mut self, of: u8) -> &mut Self {
        self.deploy(of).steps().wait(2);
        let number = self.world.environment.last.0;
        self.ci(number, Verdict::Success)
    }

    pub fn rollback(&mut self, hold: bool) -> &mut Self {
        let reason = Some("les recettes ne s'affichent plus".to_owned());
        let request = rollback_to(None);
        let hold = Some(hold);
        let request = RollbackRequest { reason, hold, ..request };
        self.world.give(Input::Rollback(request));
        self
    }

    pub fn forget(&mut self) -> &mut Self {
        self.world.turns.clear();
        self
    }

    /// The world after what is not of interest, at the place where the story begins.
    pub fn after_a_good_one() -> Self {
        let mut scene = Self::preprod();
        scene.good(1).forget();
        scene
    }

    pub fn told(&self) -> Vec<News> {
        told(&self.world, &self.site).into_iter().flatten().collect()
    }
}

/// What is told of a scene that is played.
pub fn scene(mut scene: Scene, play: impl FnOnce(&mut Scene)) -> Vec<News> {
    play(&mut scene);
    scene.told()
}
