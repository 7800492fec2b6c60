//! The tests of the checker: a sound journal passes, and every rule sees what it is for.

use std::collections::BTreeMap;

use ripcord_agent::journal::Record;
use ripcord_core::{
    CommitSha, DeploymentNumber, Entry, Environment, Event, Identity, Kind, Outcome, Phase,
    Placement, Quarantine, Sequence, Stranded, Timestamp, Verdict, VerdictReport,
    effect::TreeReport,
};

use crate::check::{Evidence, Heard, RULES, Tree, violations};

/// What is done to sound evidence.
type Doctor = fn(&mut Evidence);

/// For every rule, what breaks it.
const DOCTORS: &[(&str, Doctor)] = &[
    ("sequence numbers have no gaps", |it| drop(it.records.remove(3))),
    ("the stored state is the fold of the journal", |it| it.state.last = DeploymentNumber(9)),
    ("the stored state is the fold of the journal", |it| {
        it.deployments.get_mut(&DeploymentNumber(1)).unwrap().outcome = Some(Outcome::Live);
    }),
    ("every accepted deployment ends exactly once", |it| {
        rewrite(it, |entries| entries.push(ended(1, Outcome::Failed)));
    }),
    ("every accepted deployment ends exactly once", |it| {
        rewrite(it, |entries| drop(entries.pop()));
    }),
    ("every accepted deployment ends exactly once", |it| {
        rewrite(it, |entries| entries.push(entered(1, Phase::Watching)));
    }),
    ("a repeated request makes one deployment", |it| {
        rewrite(it, |entries| entries.extend(story(3, 2, "request-2")));
    }),
    ("no effect without an earlier intent", |it| forget(it, 2, "tree_reset", -1)),
    ("no effect without an earlier intent", |it| forget(it, 2, "restarted", -1)),
    ("no effect without an earlier intent", |it| forget(it, 2, "went_live", -1)),
    ("no effect without an earlier intent", |it| {
        rewrite(it, |entries| {
            let at = place(entries, 2, "restarted");
            let phase = Phase::Resetting;
            let recovered = Event::Recovered { phase, away_ms: 0 };
            entries.insert(at, Entry { deployment: Some(DeploymentNumber(2)), event: recovered });
        });
    }),
    ("one deployment mutates at a time", |it| {
        rewrite(it, |entries| {
            let at = place(entries, 1, "restarted");
            entries.splice(at..at, [admitted(3, 2, "request-3"), entered(3, Phase::Resetting)]);
        });
    }),
    ("validated never moves back", |it| it.state.validated.truncate(1)),
    ("only what earned it is validated", |it| forget(it, 2, "verdict_received", 0)),
    ("nothing red stays live", |it| {
        let (reason, since) = ("red".to_owned(), Timestamp(1));
        it.state.quarantined.insert(sha(2), Quarantine { reason, since });
    }),
    ("nothing red stays live", |it| *it.pages.get_mut(&sha(2)).unwrap() = "untested"),
    ("nothing red stays live", |it| it.state.live = None),
    ("the tree is that of the recorded live commit", |it| it.tree.head = sha(1)),
    ("the tree is that of the recorded live commit", |it| {
        it.tree.differences.push("page.txt is not what the commit says".to_owned());
    }),
    ("what serves is what is recorded as live", |it| it.served = "page-1".to_owned()),
    ("each request ends as it does without a crash", |it| it.heard[1].ends = &["failed"]),
    ("a caller is told its whole story, each event once", |it| {
        it.heard[0].sequences.remove(2);
    }),
    ("a caller is told its whole story, each event once", |it| {
        let again = it.heard[0].sequences[2];
        it.heard[0].sequences.insert(2, again);
    }),
    ("a caller is told its whole story, each event once", |it| {
        it.heard[0].result = Some("outcome_failed".to_owned());
    }),
    ("a caller is told its whole story, each event once", |it| it.heard[0].result = None),
    ("no application is started and forgotten", |it| it.left_running.push("7".to_owned())),
    ("nobody is stranded", |it| {
        let (deployment, since) = (DeploymentNumber(2), Timestamp(1));
        it.state.stranded =
            Some(Stranded { deployment, reason: "lost".to_owned(), since, reminders: 0 });
    }),
];

#[test]
fn a_sound_journal_violates_nothing() {
    assert_eq!(violations(&sound()), [""; 0]);
}

#[test]
fn a_doctored_journal_violates_the_rule_that_it_was_doctored_for() {
    for (at, (rule, doctor)) in DOCTORS.iter().enumerate() {
        let mut evidence = sound();
        doctor(&mut evidence);
        let found = violations(&evidence);
        let seen = found.iter().any(|found| found.starts_with(rule));
        assert!(seen, "doctor {at} is not seen by {rule:?}, but by {found:?}");
    }
}

#[test]
fn every_rule_has_somebody_who_breaks_it() {
    for (rule, _) in RULES {
        assert!(DOCTORS.iter().any(|(broken, _)| broken == rule), "nobody breaks {rule:?}");
    }
}

fn sha(index: u8) -> CommitSha {
    CommitSha::from_bytes([index; 20])
}

/// Two deployments, one after the other, both validated.
fn sound() -> Evidence {
    let mut evidence = Evidence {
        records: Vec::new(),
        state: Environment::default(),
        deployments: BTreeMap::new(),
        heard: Vec::new(),
        tree: Tree { head: sha(2), differences: Vec::new() },
        served: "page-2".to_owned(),
        left_running: Vec::new(),
        pages: BTreeMap::from([(sha(1), "page-1"), (sha(2), "page-2")]),
    };
    let entries = [story(1, 1, "request-1"), story(2, 2, "request-2")].concat();
    rewrite(&mut evidence, |journal| *journal = entries);
    evidence.heard = [1, 2].map(|number| heard(&evidence, number)).into();
    evidence
}

fn heard(evidence: &Evidence, number: u64) -> Heard {
    let of = Some(DeploymentNumber(number));
    let its = evidence.records.iter().filter(|record| record.entry.deployment == of);
    Heard {
        what: "a request",
        ends: &["validated"],
        number,
        sequences: its.map(|record| record.sequence.0).collect(),
        result: Some("outcome_validated".to_owned()),
    }
}

/// Makes another journal, and what is stored beside it.
fn rewrite(evidence: &mut Evidence, change: impl FnOnce(&mut Vec<Entry>)) {
    let mut entries = evidence.records.iter().map(|record| record.entry.clone()).collect();
    change(&mut entries);
    let numbered = entries.into_iter().zip(1..);
    let records = numbered.map(|(entry, sequence)| Record {
        sequence: Sequence(sequence),
        at: Timestamp(i64::try_from(sequence).unwrap()),
        environment: "lab".parse().unwrap(),
        entry,
    });
    evidence.records = records.collect();
    evidence.state = Environment::default();
    evidence.deployments.clear();
    for record in &evidence.records {
        if let Some(deployment) = evidence.state.apply(&record.entry, record.at) {
            evidence.deployments.insert(deployment.number, deployment);
        }
    }
}

/// Takes out the entry at this distance from a deployment's event.
fn forget(evidence: &mut Evidence, number: u64, name: &str, distance: isize) {
    rewrite(evidence, |entries| {
        let at = place(entries, number, name).checked_add_signed(distance).unwrap();
        entries.remove(at);
    });
}

fn place(entries: &[Entry], number: u64, name: &str) -> usize {
    let of = Some(DeploymentNumber(number));
    let is_it = |entry: &Entry| entry.deployment == of && entry.event.name() == name;
    entries.iter().position(is_it).unwrap()
}

fn story(number: u64, index: u8, request: &str) -> Vec<Entry> {
    let report = VerdictReport::of(Verdict::Success);
    let events = [
        Event::PhaseEntered { phase: Phase::Preparing },
        Event::Prepared { subject: "a commit".to_owned(), author: "ann".to_owned() },
        Event::PhaseEntered { phase: Phase::Resetting },
        Event::TreeReset(TreeReport::default()),
        Event::PhaseEntered { phase: Phase::Restarting },
        Event::Restarted { detail: "restarted".to_owned() },
        Event::PhaseEntered { phase: Phase::Probing },
        Event::WentLive { status: Some(200), attempts: 1 },
        Event::PhaseEntered { phase: Phase::Watching },
        Event::VerdictReceived { report, by: None, reason: None },
        Event::Validated,
    ];
    let of = |event| Entry { deployment: Some(DeploymentNumber(number)), event };
    let events = events.into_iter().map(of);
    let admitted = admitted(number, index, request);
    [admitted].into_iter().chain(events).chain([ended(number, Outcome::Validated)]).collect()
}

fn admitted(number: u64, index: u8, request: &str) -> Entry {
    let event = Event::Admitted {
        kind: Kind::Deploy { redeploy: false, allow_older: false, overriding: false },
        sha: sha(index),
        by: Identity::agent(),
        reason: None,
        request_id: Some(request.parse().unwrap()),
        previous: None::<Placement>,
        planned_on: None,
    };
    Entry { deployment: Some(DeploymentNumber(number)), event }
}

fn entered(number: u64, phase: Phase) -> Entry {
    let event = Event::PhaseEntered { phase };
    Entry { deployment: Some(DeploymentNumber(number)), event }
}

fn ended(number: u64, outcome: Outcome) -> Entry {
    let event = Event::Ended { outcome, note: None, listening: false };
    Entry { deployment: Some(DeploymentNumber(number)), event }
}
