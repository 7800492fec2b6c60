//! What runs of CI say of a commit: the table word by word, and what holds for every listing.
#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use ripcord_core::{
    Verdict,
    ci::{Conclusion, Run, Status, Wanted, judge},
};

const SHA: &str = "acfdb42d2f6b6f1a9b3c9d5f0e1a2b3c4d5e6f70";
const OTHER: &str = "0000000000000000000000000000000000000001";

fn wanted() -> Wanted {
    Wanted { sha: SHA.parse().unwrap(), event: "push".to_owned(), branch: "main".to_owned() }
}

fn run(workflow: &str, number: u64, attempt: u64, status: &str, conclusion: Option<&str>) -> Run {
    Run {
        id: 1000 + number,
        workflow: format!(".github/workflows/{workflow}"),
        event: "push".to_owned(),
        branch: Some("main".to_owned()),
        sha: SHA.to_owned(),
        number,
        attempt,
        status: Status::from(status),
        conclusion: conclusion.map(Conclusion::from),
        url: format!("https://github.com/o/r/actions/runs/{number}/attempts/{attempt}"),
    }
}

fn ended(workflow: &str, number: u64, attempt: u64, word: &str) -> Run {
    run(workflow, number, attempt, "completed", Some(word))
}

fn files(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn verdict(required: &[&str], runs: &[Run]) -> Verdict {
    judge(&files(required), &wanted(), runs).verdict
}

const TABLE: &[(&str, Option<&str>, Verdict)] = &[
    ("completed", Some("success"), Verdict::Success),
    ("completed", Some("neutral"), Verdict::Success),
    ("completed", Some("failure"), Verdict::Failure),
    ("completed", Some("timed_out"), Verdict::Failure),
    ("completed", Some("startup_failure"), Verdict::Failure),
    ("completed", Some("cancelled"), Verdict::Cancelled),
    ("completed", Some("skipped"), Verdict::NoRun),
    ("completed", Some("action_required"), Verdict::Pending),
    ("completed", Some("stale"), Verdict::Pending),
    ("completed", Some("invented_in_2031"), Verdict::Pending),
    ("completed", Some(""), Verdict::Pending),
    ("completed", Some("SUCCESS"), Verdict::Pending),
    ("completed", None, Verdict::Pending),
    ("queued", None, Verdict::Pending),
    ("in_progress", None, Verdict::Pending),
    ("waiting", None, Verdict::Pending),
    ("pending", None, Verdict::Pending),
    ("requested", None, Verdict::Pending),
    ("invented_in_2031", None, Verdict::Pending),
    // A run that goes on has not succeeded, whatever is left of its last attempt.
    ("in_progress", Some("success"), Verdict::Pending),
    ("queued", Some("failure"), Verdict::Pending),
];

#[test]
fn every_word_means_what_the_table_says() {
    for (status, conclusion, expected) in TABLE {
        let runs = [run("ci.yml", 1, 1, status, *conclusion)];
        assert_eq!(verdict(&["ci.yml"], &runs), *expected, "{status} {conclusion:?}");
    }
}

#[test]
fn nothing_that_is_required_or_nothing_that_ran_never_succeeds() {
    assert_eq!(verdict(&[], &[ended("ci.yml", 1, 1, "success")]), Verdict::NoRun);
    let judged = judge(&files(&["ci.yml", "e2e.yml"]), &wanted(), &[]);
    assert_eq!((judged.verdict, judged.decided_by), (Verdict::NoRun, None));
    let detail = judged.detail.unwrap();
    assert_eq!(detail, "ci.yml has no run, e2e.yml has no run for this commit");
    let skipped = [ended("ci.yml", 1, 1, "skipped")];
    let judged = judge(&files(&["ci.yml"]), &wanted(), &skipped);
    assert_eq!(judged.detail.as_deref(), Some("ci.yml was skipped for this commit"));
}

#[test]
fn the_newest_attempt_of_the_newest_run_counts_in_whatever_order_they_come() {
    let mut runs = [
        ended("ci.yml", 7, 1, "failure"),
        ended("ci.yml", 7, 2, "success"),
        ended("ci.yml", 6, 9, "cancelled"),
    ];
    for _ in 0..3 {
        runs.rotate_left(1);
        let judged = judge(&files(&["ci.yml"]), &wanted(), &runs);
        assert_eq!(judged.verdict, Verdict::Success);
        assert_eq!(judged.decided_by.map(|run| (run.number, run.attempt)), Some((7, 2)));
    }
    runs[0] = ended("ci.yml", 7, 3, "failure");
    assert_eq!(verdict(&["ci.yml"], &runs), Verdict::Failure);
}

#[test]
fn of_several_required_workflows_the_worst_decides() {
    let order = ["success", "skipped", "stale", "cancelled", "failure"];
    for (better, worse) in order.iter().zip(&order[1..]) {
        for runs in [
            [ended("a.yml", 1, 1, better), ended("b.yml", 2, 1, worse)],
            [ended("a.yml", 1, 1, worse), ended("b.yml", 2, 1, better)],
        ] {
            let required = files(&["a.yml", "b.yml"]);
            let judged = judge(&required, &wanted(), &runs);
            let worst = Conclusion::from(*worse);
            assert_eq!(judged.decided_by.unwrap().conclusion, Some(worst), "{better} {worse}");
        }
    }
}

#[test]
fn a_workflow_is_known_by_its_file_however_it_is_written() {
    for path in ["ci.yml", ".github/workflows/ci.yml"] {
        let mut green = ended("ci.yml", 1, 1, "success");
        assert_eq!(verdict(&[path], std::slice::from_ref(&green)), Verdict::Success);
        green.workflow += "@refs/heads/user@home";
        assert_eq!(verdict(&[path], std::slice::from_ref(&green)), Verdict::Success);
    }
    for other in ["other-ci.yml", "ci.yml.bak", "ci.yaml", "sub/ci.yml", "CI.yml"] {
        let runs = [ended(other, 1, 1, "success")];
        assert_eq!(verdict(&["ci.yml"], &runs), Verdict::NoRun, "{other}");
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(TABLE).prop_filter_map("a word", |row| row.1.map(str::to_owned)),
        "[a-z_]{0,12}",
    ]
}

prop_compose! {
    fn any_run()(
        sha in prop::sample::select(&[SHA, OTHER, "", "main"][..]),
        event in prop::sample::select(&["push", "pull_request"][..]),
        branch in prop::sample::select(&[Some("main"), Some("feature"), None][..]),
        workflow in prop::sample::select(&["ci.yml", "e2e.yml", "labeler.yml"][..]),
        status in prop::sample::select(&["completed", "completed", "queued", "odd"][..]),
        conclusion in prop::option::of(word()),
        number in 0..4_u64,
        attempt in 1..4_u64,
    ) -> Run {
        Run {
            sha: sha.to_owned(),
            event: event.to_owned(),
            branch: branch.map(str::to_owned),
            ..run(workflow, number, attempt, status, conclusion.as_deref())
        }
    }
}

fn is_ours(run: &Run) -> bool {
    run.sha == SHA && run.event == "push" && run.branch.as_deref() == Some("main")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn success_means_that_each_required_workflow_has_a_green_run_of_ours(
        runs in prop::collection::vec(any_run(), 0..12),
    ) {
        let required = files(&["ci.yml", "e2e.yml"]);
        let judged = judge(&required, &wanted(), &runs);
        let is_green = |file: &String| {
            runs.iter().any(|run| {
                let good = matches!(run.conclusion, Some(Conclusion::Success | Conclusion::Neutral));
                is_ours(run) && run.workflow.ends_with(file) && run.status == Status::Completed && good
            })
        };
        if judged.verdict == Verdict::Success {
            prop_assert!(required.iter().all(is_green));
        }
        if let Some(run) = judged.decided_by {
            prop_assert!(is_ours(run) && !run.workflow.ends_with("labeler.yml"));
        }
        prop_assert_ne!(judged.verdict, Verdict::Unknown);
        prop_assert_eq!(judged.detail.is_some(), judged.verdict == Verdict::NoRun);
    }

    #[test]
    fn what_is_not_ours_changes_nothing(
        runs in prop::collection::vec(any_run(), 0..8),
        noise in prop::collection::vec(any_run(), 0..8),
    ) {
        let required = files(&["ci.yml", "e2e.yml"]);
        let noise = noise.into_iter().filter(|run| !is_ours(run) || run.workflow.ends_with("labeler.yml"));
        let noisy: Vec<_> = noise.chain(runs.iter().cloned()).collect();
        prop_assert_eq!(judge(&required, &wanted(), &noisy), judge(&required, &wanted(), &runs));
    }

    #[test]
    fn an_unknown_word_neither_validates_nor_rolls_back(word in "[a-z_]{0,16}", status in "[a-z_]{0,12}") {
        let is_known = TABLE.iter().any(|(_, known, _)| *known == Some(word.as_str()));
        if !is_known {
            let runs = [ended("ci.yml", 1, 1, &word)];
            prop_assert_eq!(verdict(&["ci.yml"], &runs), Verdict::Pending);
        }
        if status != "completed" {
            let runs = [run("ci.yml", 1, 1, &status, Some(&word))];
            prop_assert_eq!(verdict(&["ci.yml"], &runs), Verdict::Pending);
        }
    }
}
