//! What GitHub is told at every turn of the stories that deployments have, decided by the real core.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{collections::BTreeMap, fmt::Write as _};

use ripcord_agent::notify::github::{
    Meaning, Moment, StatusState, commit_status, deployment_status, meaning,
};
use ripcord_core::{
    CommitSha, DeployRequest, Deployment, DeploymentNumber, Environment, Event, Failure,
    FailureKind, Identity, Input, Outcome, Phase, Placement, Policy, RollbackRequest, Step,
    StepDone, Timestamp, Verdict, VerdictReport, VerifyWhen, effect::BackupReport,
};

/// An environment that is driven by hand, and what GitHub is told of it.
#[derive(Default)]
struct Story {
    state: Environment,
    policy: Policy,
    now: i64,
    deployments: BTreeMap<DeploymentNumber, Deployment>,
    told: BTreeMap<DeploymentNumber, String>,
    text: String,
}

fn sha(index: u8) -> CommitSha {
    CommitSha::from_bytes([index * 0x11; 20])
}

fn ada() -> Identity {
    "spiffe://test/operator/ada".parse().unwrap()
}

impl Story {
    fn with(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    fn give(&mut self, input: Input) -> &mut Self {
        self.now += 1_000;
        let decision = self.state.on(input, &self.policy, Timestamp(self.now)).unwrap();
        self.state = decision.environment;
        for changed in decision.changed {
            self.deployments.insert(changed.number, changed);
        }
        for entry in decision.entries {
            if let Some(number) = entry.deployment {
                self.tell(number, &entry.event);
            }
        }
        self
    }

    fn tell(&mut self, number: DeploymentNumber, event: &Event) {
        if meaning(event) == Meaning::Nothing {
            return;
        }
        let deployment = &self.deployments[&number];
        let back_to = deployment.undone_by.map(|rollback| self.deployments[&rollback].sha);
        let url = Some("https://app.example");
        let moment = Moment { event, deployment, back_to, url };
        let shown = deployment_status(&moment);
        let mut line = match &shown {
            Some(shown) => format!("{:<12}{}", format!("{:?}", shown.state), shown.description),
            None => "(stays as it is)".to_owned(),
        };
        match commit_status(&moment) {
            Some(status) => {
                write!(line, "\n      {:<12}", format!("{:?}", status.state)).unwrap();
                let same = shown.is_some_and(|shown| shown.description == status.description);
                line += if same { "(the same)" } else { &status.description };
                let target = status.target_url.filter(|url| url != "https://app.example");
                target.into_iter().for_each(|url| line += &format!(" -> {url}"));
            }
            None => line += "\n      (nothing on the commit)",
        }
        if self.told.insert(number, line.clone()).as_ref() != Some(&line) {
            let commit = deployment.sha.short();
            writeln!(self.text, "{number} {commit} {}\n      {line}", event.name()).unwrap();
        }
    }

    fn deploy(&mut self, index: u8) -> &mut Self {
        self.give(Input::Deploy(DeployRequest {
            sha: sha(index),
            by: ada(),
            reason: None,
            request_id: None,
            redeploy: false,
            allow_older: true,
            override_quarantine: false,
            planned_on: None,
        }))
    }

    /// Ends the step that the state asks for, well.
    fn step(&mut self) -> &mut Self {
        let done = match self.state.wanted().unwrap().step {
            Step::Prepare { .. } => StepDone::Prepared {
                subject: "Fix".to_owned(),
                author: "Ada".to_owned(),
                older_than_live: false,
                head: Some(sha(9)),
            },
            Step::BackUp { .. } => StepDone::BackedUp(BackupReport {
                id: "20261123T061742Z-7".parse().unwrap(),
                path: "/backups/7".to_owned(),
                files: 3,
                bytes: 42,
            }),
            Step::Reset { .. } => StepDone::Reset(Default::default()),
            Step::Restart => StepDone::Restarted { detail: String::new() },
            Step::Probe => StepDone::Healthy { status: Some(200), attempts: 1 },
        };
        self.end(Ok(done))
    }

    fn end(&mut self, result: Result<StepDone, Failure>) -> &mut Self {
        let deployment = self.state.wanted().unwrap().deployment;
        self.give(Input::StepEnded { deployment, result })
    }

    fn fail(&mut self, kind: FailureKind, message: &str) -> &mut Self {
        self.end(Err(Failure::new(kind, message)))
    }

    /// All steps that are left.
    fn steps(&mut self) -> &mut Self {
        while self.state.wanted().is_some() {
            self.step();
        }
        self
    }

    fn verdict(&mut self, number: u64, value: Verdict) -> &mut Self {
        let mut report = VerdictReport::of(value);
        if value == Verdict::Failure {
            report.jobs = vec!["tests › pytest".to_owned()];
        }
        report.url = Some("https://ci.example/7".to_owned());
        self.give(Input::Verdict { deployment: DeploymentNumber(number), report })
    }

    fn bakes(&mut self, number: u64, result: Result<(), &str>) -> &mut Self {
        let (deployment, result) = (DeploymentNumber(number), result.map_err(str::to_owned));
        self.give(Input::Baked { deployment, result })
    }

    fn person(&mut self, number: u64, commit: u8, good: bool) -> &mut Self {
        let on = Placement { deployment: Some(DeploymentNumber(number)), sha: sha(commit) };
        let reason = "looked at it".to_owned();
        self.give(Input::OperatorVerdict { on, good, by: ada(), reason })
    }

    fn rollback(&mut self) -> &mut Self {
        let (to, by, reason, request_id, hold) = (None, ada(), None, None, None);
        self.give(Input::Rollback(RollbackRequest {
            to,
            by,
            reason,
            request_id,
            hold,
            backup: None,
        }))
    }

    /// Number 1 is validated; the story begins after it.
    fn after_a_good_one(&mut self) -> &mut Self {
        self.deploy(1).steps().verdict(1, Verdict::Success);
        self.text.clear();
        self
    }

    fn wait(&mut self, minutes: i64) -> &mut Self {
        self.now += minutes * 60_000;
        self.give(Input::Tick)
    }
}

#[test]
fn a_good_commit_is_pending_until_it_is_validated() {
    let mut story = Story::default();
    story.deploy(1).steps().wait(6);
    story.verdict(1, Verdict::Unknown).verdict(1, Verdict::Success);
    insta::assert_snapshot!(story.text);
}

#[test]
fn a_red_commit_is_a_failure_that_says_what_failed_and_what_serves_instead() {
    let mut story = Story::default();
    story.after_a_good_one().deploy(2).steps().verdict(2, Verdict::Failure).steps();
    insta::assert_snapshot!(story.text);
}

#[test]
fn a_first_commit_that_fails_goes_back_to_what_was_never_validated() {
    let mut story = Story::default();
    story.deploy(1).steps().verdict(1, Verdict::Failure).steps();
    insta::assert_snapshot!(story.text);
}

#[test]
fn what_never_became_live_says_whether_anything_was_touched() {
    let mut story = Story::default();
    story.after_a_good_one();
    story.deploy(2).fail(FailureKind::Repository, "the remote does not answer");
    story.deploy(3).fail(FailureKind::UnknownCommit, "the commit is not on main");
    story.deploy(4).step().step().step().fail(FailureKind::Unhealthy, "HTTP 500").steps();
    insta::assert_snapshot!(story.text);
}

#[test]
fn a_superseded_commit_still_gets_the_word_of_its_own_ci() {
    let mut story = Story::with(Policy { late_verdicts: true, ..Policy::default() });
    story.after_a_good_one().deploy(2).steps().deploy(3).steps().deploy(4).steps();
    story.verdict(2, Verdict::Success).verdict(3, Verdict::Failure).verdict(4, Verdict::Success);
    insta::assert_snapshot!(story.text);
}

#[test]
fn who_waits_and_is_replaced_was_never_deployed() {
    let mut story = Story::default();
    story.after_a_good_one().deploy(2).deploy(3).deploy(4);
    insta::assert_snapshot!(story.text);
}

#[test]
fn a_gate_is_queued_until_ci_is_green() {
    let mut story = Story::with(Policy { when: VerifyWhen::Before, ..Policy::default() });
    story.deploy(1).steps().verdict(1, Verdict::Pending).verdict(1, Verdict::Success).steps();
    story.deploy(2).steps().verdict(2, Verdict::Failure);
    insta::assert_snapshot!(story.text);
}

#[test]
fn a_rollback_that_fails_goes_on_with_an_older_commit_and_then_needs_a_human() {
    let mut story = Story::default();
    story.deploy(1).steps().verdict(1, Verdict::Success);
    story.after_a_good_one_more(2).deploy(3).steps().verdict(3, Verdict::Failure);
    story.fail(FailureKind::Tree, "disk full").fail(FailureKind::Tree, "disk full");
    story.fail(FailureKind::Tree, "disk full");
    insta::assert_snapshot!(story.text);
}

impl Story {
    fn after_a_good_one_more(&mut self, index: u8) -> &mut Self {
        self.deploy(index).steps().verdict(u64::from(index), Verdict::Success);
        self.text.clear();
        self
    }
}

#[test]
fn without_a_verdict_it_stays_live_and_undecided_until_a_person_decides() {
    let mut story = Story::default();
    story.after_a_good_one().deploy(2).steps().verdict(2, Verdict::NoRun).wait(90);
    story.person(2, 2, true).person(2, 2, false).steps();
    insta::assert_snapshot!(story.text);
}

#[test]
fn a_rollback_by_a_person_is_told_of_both() {
    let mut story = Story::default();
    story.after_a_good_one().deploy(2).steps().rollback().steps();
    insta::assert_snapshot!(story.text);
}

/// The whole table: every phase and every ending, for a deployment and for a rollback.
#[test]
fn every_standing_has_its_place_in_the_table() {
    let mut story = Story::default();
    story.after_a_good_one().deploy(2).steps().verdict(2, Verdict::Failure).steps();
    let phases = [
        Phase::Queued,
        Phase::Preparing,
        Phase::Gating,
        Phase::Resetting,
        Phase::Restarting,
        Phase::Probing,
        Phase::Watching,
        Phase::RollingBack,
    ];
    let outcomes = [
        Outcome::Live,
        Outcome::Validated,
        Outcome::RolledBack,
        Outcome::Failed,
        Outcome::Superseded,
        Outcome::Refused,
        Outcome::Stranded,
    ];
    let standings = phases.map(|phase| (phase, None)).into_iter();
    let standings = standings.chain(outcomes.map(|outcome| (Phase::Ended, Some(outcome))));
    let mut table = String::new();
    for (phase, outcome) in standings {
        let name = outcome.map_or(phase.as_str(), Outcome::as_str);
        write!(table, "{name:<13}").unwrap();
        for number in [1, 3] {
            let mut deployment = story.deployments[&DeploymentNumber(number)].clone();
            (deployment.phase, deployment.outcome) = (phase, outcome);
            let moment = Moment {
                event: &Event::Recovered { phase, away_ms: 0 },
                deployment: &deployment,
                back_to: None,
                url: None,
            };
            let commit =
                commit_status(&moment).map_or("-".to_owned(), |it| format!("{:?}", it.state));
            let shown = format!("{:?}", deployment_status(&moment).unwrap().state);
            write!(table, "{commit:<10}{shown:<13}").unwrap();
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_description_is_one_line_of_what_github_takes_whatever_ci_says() {
    let mut story = Story::default();
    story.deploy(1).steps();
    let mut deployment = story.deployments[&DeploymentNumber(1)].clone();
    let reason = "é\n\u{1b}[31m".repeat(100);
    deployment.condemned = Some(reason);
    let event = Event::Condemned { reason: String::new() };
    let moment = Moment { event: &event, deployment: &deployment, back_to: None, url: None };
    let status = commit_status(&moment).unwrap();
    assert_eq!((status.state, status.description.chars().count()), (StatusState::Failure, 140));
    assert!(status.description.ends_with('…') && !status.description.contains(char::is_control));
}

#[test]
fn production_is_live_and_baking_until_a_time_that_is_said() {
    let policy = Policy { when: VerifyWhen::None, bake_ms: 300_000, ..Policy::default() };
    let mut story = Story::with(Policy { backs_up: true, ..policy });
    story.deploy(1).steps().bakes(1, Ok(())).deploy(2).steps().bakes(2, Err("HTTP 502")).steps();
    insta::assert_snapshot!(story.text);
}

#[test]
fn what_bakes_says_what_its_ci_said_meanwhile() {
    let mut story = Story::with(Policy { bake_ms: 300_000, ..Policy::default() });
    story.deploy(1).steps().verdict(1, Verdict::Success).bakes(1, Ok(()));
    insta::assert_snapshot!(story.text);
}
