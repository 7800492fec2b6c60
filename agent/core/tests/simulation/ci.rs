//! A CI with a life of its own. What it says is asked for in GitHub's words, and judged by the code
//! that judges GitHub.

use std::collections::{BTreeMap, BTreeSet};

use ripcord_core::{
    CommitSha, VerdictReport,
    ci::{Conclusion, Run, Status, Wanted, judge},
};

use crate::{
    day::{Day, MINUTE, SECOND},
    dice::Dice,
};

const WORKFLOWS: [&str; 2] = ["ci.yml", "lint.yml"];

/// Whoever runs a job again gives up at last: by night everything has ended.
const MOST_ATTEMPTS: u64 = 3;

/// What happens in CI, and after how long.
pub type Next = (u64, Move);

#[derive(Debug, Clone, Copy)]
pub enum Move {
    Appears { sha: CommitSha, workflow: &'static str },
    Ends { run: usize, attempt: u64, conclusion: Conclusion },
    RunsAgain { run: usize },
}

#[derive(Default)]
pub struct Ci {
    runs: Vec<(CommitSha, Run)>,
    /// How often the runs of a commit changed.
    changes: BTreeMap<CommitSha, u64>,
    /// Commits whose every required workflow was green once, or one of them red.
    pub once_green: BTreeSet<CommitSha>,
    pub once_red: BTreeSet<CommitSha>,
}

fn wanted(sha: CommitSha) -> Wanted {
    Wanted { sha, event: "push".to_owned(), branch: "main".to_owned() }
}

fn is_green(run: &Run) -> bool {
    matches!(run.conclusion, Some(Conclusion::Success | Conclusion::Neutral))
}

fn is_red(run: &Run) -> bool {
    use Conclusion::{Failure, StartupFailure, TimedOut};
    matches!(run.conclusion, Some(Failure | TimedOut | StartupFailure))
}

impl Ci {
    /// Grows whenever a run of the commit changes.
    pub fn version(&self, sha: CommitSha) -> u64 {
        self.changes.get(&sha).copied().unwrap_or_default()
    }

    fn changes(&mut self, sha: CommitSha) {
        *self.changes.entry(sha).or_default() += 1;
    }

    /// What a look finds out now. The server filters by commit, and not quite well.
    pub fn says(&self, sha: CommitSha) -> VerdictReport {
        let listed = self.runs.iter().enumerate().filter(|(at, (of, _))| *at < 4 || *of == sha);
        let listed: Vec<Run> = listed.map(|(_, (_, run))| run.clone()).collect();
        let judged = judge(&WORKFLOWS.map(str::to_owned), &wanted(sha), &listed);
        let url = judged.decided_by.map(|run| run.url.clone());
        VerdictReport { value: judged.verdict, url, jobs: Vec::new(), detail: judged.detail }
    }

    fn of(&self, sha: CommitSha) -> impl Iterator<Item = &Run> {
        let required = |run: &Run| WORKFLOWS.iter().any(|file| run.workflow.ends_with(file));
        let its = self.runs.iter().filter(move |(of, _)| *of == sha).map(|(_, run)| run);
        its.filter(move |run| run.event == "push" && required(run))
    }

    /// The truth, found without the code that judges.
    pub fn is_green(&self, sha: CommitSha) -> bool {
        self.of(sha).filter(|run| is_green(run)).count() == WORKFLOWS.len()
    }

    pub fn is_red(&self, sha: CommitSha) -> bool {
        self.of(sha).any(is_red)
    }

    pub fn pushed(&mut self, sha: CommitSha, day: &Day, dice: &mut Dice) -> Vec<Next> {
        if day.cancel_in_progress {
            self.cancel_open();
        }
        self.add_noise(sha, dice);
        let silent = dice.chance(day.silent);
        let appears = |workflow| (dice.between(0, 40) * SECOND, Move::Appears { sha, workflow });
        let appear: Vec<Next> = WORKFLOWS.map(appears).to_vec();
        if silent { Vec::new() } else { appear }
    }

    fn cancel_open(&mut self) {
        for (of, run) in self.runs.iter_mut().filter(|(_, run)| run.status == Status::Open) {
            *self.changes.entry(*of).or_default() += 1;
            (run.status, run.conclusion) = (Status::Completed, Some(Conclusion::Cancelled));
        }
    }

    /// Runs that look alike and say nothing here.
    fn add_noise(&mut self, sha: CommitSha, dice: &mut Dice) {
        let conclusion = dice.pick(&[Conclusion::Success, Conclusion::Failure]);
        for workflow in WORKFLOWS {
            let mut run = self.run(sha, workflow);
            run.event = dice.pick(&["pull_request", "schedule"]).to_owned();
            (run.status, run.conclusion) = (Status::Completed, Some(conclusion));
            self.runs.push((sha, run));
        }
        let mut elsewhere = self.run(sha, "deploy.yml");
        (elsewhere.status, elsewhere.conclusion) = (Status::Completed, Some(conclusion));
        self.runs.push((sha, elsewhere));
    }

    fn run(&self, sha: CommitSha, workflow: &str) -> Run {
        let number = u64::try_from(self.runs.len()).unwrap() + 1;
        Run {
            id: 1000 + number,
            workflow: format!(".github/workflows/{workflow}"),
            event: "push".to_owned(),
            branch: Some("main".to_owned()),
            sha: sha.to_string(),
            number,
            attempt: 1,
            status: Status::Open,
            conclusion: None,
            url: format!("https://ci/{number}"),
        }
    }

    /// Makes `happened` so; answers what follows from it.
    pub fn moves(&mut self, happened: Move, day: &Day, dice: &mut Dice) -> Option<Next> {
        match happened {
            Move::Appears { sha, workflow } => {
                self.runs.push((sha, self.run(sha, workflow)));
                self.changes(sha);
                let conclusion = conclusion(day, dice);
                self.goes_on(self.runs.len() - 1, conclusion, day, dice)
            }
            Move::Ends { run, attempt, conclusion } => {
                self.ends(run, attempt, conclusion)?;
                let again = dice.between(1, 20) * MINUTE;
                (attempt < MOST_ATTEMPTS && dice.chance(day.reruns))
                    .then_some((again, Move::RunsAgain { run }))
            }
            Move::RunsAgain { run } => {
                let (sha, open) = &mut self.runs[run];
                let was_green = is_green(open);
                open.attempt += 1;
                (open.status, open.conclusion) = (Status::Open, None);
                let sha = *sha;
                self.changes(sha);
                let other =
                    dice.pick(&[Conclusion::Success, Conclusion::Success, Conclusion::Failure]);
                let flips = if was_green { Conclusion::Failure } else { other };
                self.goes_on(run, flips, day, dice)
            }
        }
    }

    fn goes_on(
        &self,
        run: usize,
        conclusion: Conclusion,
        day: &Day,
        dice: &mut Dice,
    ) -> Option<Next> {
        let attempt = self.runs[run].1.attempt;
        let longest = dice.pick(&[2, 10, 60]) * MINUTE;
        let after = dice.between(5 * SECOND, longest);
        (!dice.chance(day.endless)).then_some((after, Move::Ends { run, attempt, conclusion }))
    }

    /// Nothing, when a newer push cancelled it before.
    fn ends(&mut self, run: usize, attempt: u64, conclusion: Conclusion) -> Option<()> {
        let (sha, open) = &mut self.runs[run];
        let is_meant = open.status == Status::Open && open.attempt == attempt;
        is_meant.then_some(())?;
        (open.status, open.conclusion) = (Status::Completed, Some(conclusion));
        let sha = *sha;
        self.changes(sha);
        if self.is_green(sha) {
            self.once_green.insert(sha);
        }
        if self.is_red(sha) {
            self.once_red.insert(sha);
        }
        Some(())
    }
}

fn conclusion(day: &Day, dice: &mut Dice) -> Conclusion {
    use Conclusion::{
        ActionRequired, Cancelled, Failure, Neutral, Skipped, Stale, StartupFailure, Success,
        TimedOut,
    };
    // Two workflows have to be green: each is red half as often.
    if dice.chance(day.red / 2) {
        return dice.pick(&[Failure, Failure, TimedOut, StartupFailure]);
    }
    if dice.chance(80) {
        return dice.pick(&[Cancelled, Skipped, ActionRequired, Stale]);
    }
    dice.pick(&[Success, Success, Success, Neutral])
}
