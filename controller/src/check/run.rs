//! Runs a group: setup, the fixes if they are wanted, then the jobs, as many at once as may be.
//! Whoever watches is told of every change; what is decided, `schedule` decides.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval},
};

use super::{
    capture::Capture,
    formats,
    plan::{Group, Job, TIME_LIMIT},
    process::{self, Ending, Surroundings},
    report::{Artifact, JobReport, Outcome, Step},
    schedule::{self, Board},
    tell::Watcher,
};
use crate::render::duration;

/// How a shell says that a program is not there.
const NOT_FOUND: i32 = 127;

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

/// Lines that run one behind the other under one name, as one step.
struct Lines<'a> {
    name: String,
    dir: &'a Path,
    lines: Vec<&'a str>,
    timeout: Duration,
    allow_failure: bool,
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
        Some(Outcome::Cancelled) => director.none(Outcome::Cancelled, "the run was stopped"),
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
        let jobs = &self.group.jobs;
        let needs = jobs.iter().map(|job| job.needs.clone()).collect();
        let mut board = Board::new(needs, self.wishes.at_once);
        let mut running: JoinSet<(usize, JobReport)> = JoinSet::new();
        let mut ended: Vec<Option<JobReport>> = vec![None; jobs.len()];
        loop {
            while !self.is_stopped()
                && let Some(step) = board.next()
            {
                match step {
                    schedule::Step::Start(at) => {
                        self.watcher.began(&jobs[at].name);
                        running.spawn(self.job(at));
                    }
                    schedule::Step::Skip { job, because } => {
                        let reason = format!("needs {}", jobs[because].name);
                        ended[job] = Some(self.unbegun(job, Outcome::Skipped, &reason));
                    }
                }
            }
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
        let rest = ended.into_iter().enumerate();
        let stopped = "the run was stopped";
        rest.map(|(at, report)| {
            report.unwrap_or_else(|| self.unbegun(at, Outcome::Cancelled, stopped))
        })
        .collect()
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

    fn is_stopped(&self) -> bool {
        *self.surroundings.stop.borrow()
    }
}

impl Lines<'_> {
    /// Runs them until one fails.
    async fn run(self, surroundings: &Surroundings) -> Step {
        let (began, mut output) = (Instant::now(), Capture::default());
        let deadline = began + self.timeout;
        let mut exit_code = None;
        let mut wrong = None;
        for line in &self.lines {
            let ending = process::run(line, self.dir, surroundings, deadline, &mut output).await;
            exit_code = if let Ending::Exit(code) = ending { Some(code) } else { None };
            if let Some(reason) = self.reason(&ending) {
                let which =
                    if self.lines.len() > 1 { format!("`{line}`: ") } else { String::new() };
                wrong = Some((self.outcome(&ending), format!("{which}{reason}")));
                break;
            }
        }
        let (outcome, reason) = match wrong {
            None => (Outcome::Passed, None),
            Some((outcome, reason)) => (outcome, Some(reason)),
        };
        let (name, output) = (self.name, output.text());
        Step { name, outcome, reason, exit_code, took: began.elapsed(), output }
    }

    fn outcome(&self, ending: &Ending) -> Outcome {
        match ending {
            Ending::Stopped => Outcome::Cancelled,
            Ending::Exit(_) | Ending::Signal(_) | Ending::TooLate | Ending::NotStarted(_) => {
                if self.allow_failure { Outcome::Warning } else { Outcome::Failed }
            }
        }
    }

    /// Why `ending` is not good; none when it is.
    fn reason(&self, ending: &Ending) -> Option<String> {
        Some(match ending {
            Ending::Exit(0) => return None,
            Ending::Exit(NOT_FOUND) => {
                format!("exit code {NOT_FOUND}: a program is missing; does setup install it?")
            }
            Ending::Exit(code) => format!("exit code {code}"),
            Ending::Signal(signal) => format!("ended by signal {signal}"),
            Ending::TooLate => format!("no end within {}; stopped", duration(self.timeout)),
            Ending::Stopped => "the run was stopped".to_owned(),
            Ending::NotStarted(error) => {
                format!("cannot run in {}: {error}", shown(self.dir).display())
            }
        })
    }
}

/// The root has no name of its own.
fn shown(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() { Path::new(".") } else { dir }
}

fn artifact(root: &Path, dir: &Path, path: &str) -> Artifact {
    let from_root: PathBuf = formats::normal(&dir.join(path));
    let exists = root.join(&from_root).exists();
    Artifact { path: from_root.display().to_string(), exists }
}
