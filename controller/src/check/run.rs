//! Runs a group: setup, the fixes if they are wanted, then the jobs, as many at once as may be.
//! Whoever watches is told of every change; what is decided, `schedule` decides.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    formats,
    lines::Lines,
    plan::{Group, Job, TIME_LIMIT},
    process::Surroundings,
    report::{Artifact, JobReport, Outcome, Step},
    schedule::{self, Board},
    tell::Watcher,
};

/// Why a job never began, or did not end, though nothing was wrong with it.
pub(super) const STOPPED: &str = "the run was stopped";

/// How a group is run.
#[derive(Debug, Clone)]
pub(crate) struct Wishes {
    /// Run the `fix` lines first.
    pub(crate) fix: bool,
    /// How many jobs run at a time.
    pub(crate) at_once: usize,
    /// Keep what passing jobs print.
    pub(crate) verbose: bool,
}

/// What became of everything.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) setup: Option<Step>,
    pub(crate) fixes: Vec<Step>,
    pub(crate) jobs: Vec<JobReport>,
}

/// Runs `group` to its end, or until it is stopped.
pub(crate) async fn group(
    group: &Group,
    wishes: &Wishes,
    surroundings: &Surroundings,
    watcher: &mut dyn Watcher,
) -> Ended {
    let mut director = Director { group, wishes, surroundings, watcher, beat: beat() };
    let setup = director.setup().await;
    let mut fixes = Vec::new();
    if setup.as_ref().is_none_or(|setup| setup.outcome.is_good()) && wishes.fix {
        fixes = director.fixes().await;
    }
    let jobs = match setup.as_ref().map(|setup| setup.outcome) {
        None | Some(Outcome::Passed) => director.jobs().await,
        Some(Outcome::Cancelled) => director.none(Outcome::Cancelled, STOPPED),
        Some(Outcome::Failed | Outcome::Warning | Outcome::Skipped) => {
            director.none(Outcome::Skipped, "setup failed")
        }
    };
    Ended { setup, fixes, jobs }
}

/// Every second, for who shows how long things take.
fn beat() -> Interval {
    let mut beat = interval(Duration::from_secs(1));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    beat
}

struct Director<'a> {
    group: &'a Group,
    wishes: &'a Wishes,
    surroundings: &'a Surroundings,
    watcher: &'a mut dyn Watcher,
    beat: Interval,
}

impl Director<'_> {
    async fn setup(&mut self) -> Option<Step> {
        let lines: Vec<&str> = self.group.setup.iter().map(String::as_str).collect();
        if lines.is_empty() {
            return None;
        }
        let name = "setup".to_owned();
        let dir = &self.group.dir;
        let lines = Lines { name, dir, lines, timeout: TIME_LIMIT, allow_failure: false };
        Some(self.alone(lines).await)
    }

    /// One behind the other: fixes write into the same files. The checks judge what they did.
    async fn fixes(&mut self) -> Vec<Step> {
        let mut fixes = Vec::new();
        for job in &self.group.jobs {
            let Some(fix) = &job.fix else { continue };
            let fix = Lines {
                name: format!("fix: {}", job.name),
                dir: &job.dir,
                lines: vec![fix],
                timeout: job.timeout,
                allow_failure: true,
            };
            fixes.push(self.alone(fix).await);
        }
        fixes
    }

    async fn alone(&mut self, lines: Lines<'_>) -> Step {
        self.watcher.began(&lines.name);
        let mut running = Box::pin(lines.run(self.surroundings));
        let mut step = loop {
            tokio::select! {
                step = &mut running => break step,
                _ = self.beat.tick() => self.watcher.beat(),
            }
        };
        self.told(&mut step);
        step
    }

    async fn jobs(&mut self) -> Vec<JobReport> {
        let needs = self.group.jobs.iter().map(|job| job.needs.clone()).collect();
        let mut board = Board::new(needs, self.wishes.at_once);
        let mut running = JoinSet::new();
        let mut ended: Vec<Option<JobReport>> = vec![None; self.group.jobs.len()];
        loop {
            self.begin(&mut board, &mut running, &mut ended);
            tokio::select! {
                next = running.join_next() => match next {
                    None => break,
                    Some(Ok((at, mut report))) => {
                        board.ended(at, report.step.outcome.is_good());
                        self.told(&mut report.step);
                        ended[at] = Some(report);
                    }
                    // A job that panics is told as one that was stopped, below.
                    Some(Err(_)) => {}
                },
                _ = self.beat.tick() => self.watcher.beat(),
            }
        }
        let missing = |at| self.unbegun(at, Outcome::Cancelled, STOPPED);
        fill(ended, missing)
    }

    /// Begins what may begin, and gives up what never will.
    fn begin(
        &mut self,
        board: &mut Board,
        running: &mut JoinSet<(usize, JobReport)>,
        ended: &mut [Option<JobReport>],
    ) {
        while !*self.surroundings.stop.borrow()
            && let Some(step) = board.next()
        {
            match step {
                schedule::Step::Start(at) => {
                    self.watcher.began(&self.group.jobs[at].name);
                    running.spawn(self.job(at));
                }
                schedule::Step::Skip { job, because } => {
                    let reason = format!("needs {}", self.group.jobs[because].name);
                    ended[job] = Some(self.unbegun(job, Outcome::Skipped, &reason));
                }
            }
        }
    }

    fn job(&self, at: usize) -> impl Future<Output = (usize, JobReport)> + use<> {
        let (job, surroundings) = (self.group.jobs[at].clone(), self.surroundings.clone());
        let needs = self.needs_of(&job);
        async move {
            let lines = job.setup.iter().map(String::as_str).chain([job.run.as_str()]);
            let lines = Lines {
                name: job.name.clone(),
                dir: &job.dir,
                lines: lines.collect(),
                timeout: job.timeout,
                allow_failure: job.allow_failure,
            };
            let step = lines.run(&surroundings).await;
            let cwd = surroundings.root.join(&job.dir);
            let base = formats::Base::new(&surroundings.repository, &cwd);
            let diagnostics =
                formats::weighed(formats::recognise(&step.output, &base), step.outcome);
            let made =
                job.artifacts.iter().map(|path| artifact(&surroundings.root, &job.dir, path));
            let artifacts = made.collect();
            let (allow_failure, fixable) = (job.allow_failure, job.fix.is_some());
            (at, JobReport { step, allow_failure, needs, fixable, diagnostics, artifacts })
        }
    }

    fn none(&mut self, outcome: Outcome, reason: &str) -> Vec<JobReport> {
        (0..self.group.jobs.len()).map(|at| self.unbegun(at, outcome, reason)).collect()
    }

    fn unbegun(&mut self, at: usize, outcome: Outcome, reason: &str) -> JobReport {
        let job = &self.group.jobs[at];
        let step = Step::unbegun(&job.name, outcome, reason);
        self.watcher.ended(&step);
        JobReport {
            step,
            allow_failure: job.allow_failure,
            needs: self.needs_of(job),
            fixable: job.fix.is_some(),
            diagnostics: Vec::new(),
            artifacts: Vec::new(),
        }
    }

    fn needs_of(&self, job: &Job) -> Vec<String> {
        job.needs.iter().map(|need| self.group.jobs[*need].name.clone()).collect()
    }

    /// Tells of an end; what nobody reads any more is forgotten.
    fn told(&mut self, step: &mut Step) {
        self.watcher.ended(step);
        if !self.wishes.verbose && !step.outcome.is_worth_reading() {
            step.output = String::new();
        }
    }
}

/// Every job, with what `missing` says of those that nothing became of.
fn fill(
    ended: Vec<Option<JobReport>>,
    mut missing: impl FnMut(usize) -> JobReport,
) -> Vec<JobReport> {
    let numbered = ended.into_iter().enumerate();
    numbered.map(|(at, report)| report.unwrap_or_else(|| missing(at))).collect()
}

fn artifact(root: &Path, dir: &Path, path: &str) -> Artifact {
    let from_root: PathBuf = formats::normal(&dir.join(path));
    let exists = root.join(&from_root).exists();
    Artifact { path: from_root.display().to_string(), exists }
}
