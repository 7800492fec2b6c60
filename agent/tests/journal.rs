//! The journal's promises, on a real file: all of a batch or nothing, what was stored is the fold of
//! what happened, and a cursor neither loses nor repeats.
#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use ripcord_agent::journal::{Batch, Journal, JournalError, file_in};
use ripcord_core::{
    CommitSha, DeployRequest, DeploymentNumber, Environment, EnvironmentName, Event, Failure,
    FailureKind, Identity, Input, Policy, RollbackRequest, Sequence, Step, StepDone, Timestamp,
    Verdict, VerdictReport, event::Entry,
};
use tempfile::TempDir;

fn lab() -> EnvironmentName {
    "lab".parse().unwrap()
}

fn remark(deployment: u64, message: &str) -> Entry {
    let event = Event::Remarked { message: message.to_owned() };
    Entry { deployment: Some(DeploymentNumber(deployment)), event }
}

fn deploy(index: u8, request_id: Option<&str>) -> Input {
    Input::Deploy(DeployRequest {
        sha: CommitSha::from_bytes([index; 20]),
        by: "spiffe://test/operator/ada".parse().unwrap(),
        reason: None,
        request_id: request_id.map(|id| id.parse().unwrap()),
        redeploy: true,
        allow_older: true,
        override_quarantine: false,
        planned_on: None,
    })
}

/// Decides as a driver does, and journals it.
async fn give(journal: &Journal, state: &mut Environment, input: Input, at: i64) {
    let at = Timestamp(at);
    let Ok(decision) = state.on(input, &Policy::default(), at) else { return };
    *state = decision.environment.clone();
    let (entries, changed) = (decision.entries, decision.changed);
    let state = Some(decision.environment);
    journal.append(Batch { environment: lab(), at, entries, state, changed }).await.unwrap();
}

fn tell(entries: Vec<Entry>) -> Batch {
    Batch { environment: lab(), at: Timestamp(5), entries, state: None, changed: Vec::new() }
}

async fn admitted(folder: &TempDir) -> (Journal, Environment) {
    let journal = Journal::open(&file_in(folder.path())).unwrap();
    let mut state = Environment::default();
    give(&journal, &mut state, deploy(1, Some("run-7")), 1).await;
    (journal, state)
}

#[tokio::test]
async fn everything_is_there_after_the_file_was_opened_again() {
    let folder = TempDir::new().unwrap();
    let (journal, state) = admitted(&folder).await;
    let newest = *journal.appended().borrow();
    drop(journal);
    let again = Journal::open(&file_in(folder.path())).unwrap();
    assert_eq!(again.state(&lab()).await.unwrap(), Some(state));
    assert_eq!(*again.appended().borrow(), newest, "numbers go on where they were");
    let made = again.requested(&lab(), &"run-7".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(made.number, DeploymentNumber(1));
    assert_eq!(again.requested(&lab(), &"run-8".parse().unwrap()).await.unwrap(), None);
    assert_eq!(again.state(&"other".parse().unwrap()).await.unwrap(), None);
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = file_in(folder.path());
    let file = rusqlite::Connection::open(&path).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    let error = Journal::open(&path).unwrap_err();
    assert!(matches!(error, JournalError::NewerSchema { found: 99, .. }), "{error}");
    assert!(error.remedy().unwrap().contains("install the newer agent again"), "{error}");
    let tables = "SELECT count(*) FROM sqlite_schema";
    assert_eq!(file.query_row(tables, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_file_that_is_no_journal_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = file_in(folder.path());
    std::fs::write(&path, "not a database, but long enough to be taken for one".repeat(40))
        .unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::Damaged(_))));
}

/// Fills a page with what SQLite never writes.
fn damage(path: &std::path::Path, page: i64) {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(4096 * (page - 1).cast_unsigned())).unwrap();
    file.write_all(&[0xA5; 4096]).unwrap();
}

/// A journal with seventy megabytes of history, and the first page of one of its tables.
fn large(folder: &TempDir, table: &str) -> (std::sync::Arc<std::path::Path>, i64) {
    let path = file_in(folder.path());
    drop(Journal::open(&path).unwrap());
    let file = rusqlite::Connection::open(&path).unwrap();
    let more = "INSERT INTO event (at, environment, name, data)
                VALUES (1, 'lab', 'output', zeroblob(70000000) || '')";
    file.execute_batch(more).unwrap();
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page = file.query_row(root, [table], |row| row.get(0)).unwrap();
    (path, page)
}

#[test]
fn a_large_journal_does_not_make_a_start_read_all_of_it_and_a_diagnosis_does() {
    let folder = TempDir::new().unwrap();
    let (path, page) = large(&folder, "deployment");
    damage(&path, page);
    assert!(matches!(ripcord_agent::journal::inspect(&path), Err(JournalError::Damaged(_))));
    assert!(Journal::open(&path).is_ok(), "who reads the broken page will hear of it");
}

#[test]
fn what_a_large_journal_decides_by_is_checked_at_each_start() {
    for table in ["environment", "cursor"] {
        let folder = TempDir::new().unwrap();
        let (path, page) = large(&folder, table);
        damage(&path, page);
        assert!(matches!(Journal::open(&path), Err(JournalError::Damaged(_))), "{table}");
    }
}

#[tokio::test]
async fn a_batch_is_there_as_a_whole_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let (journal, state) = admitted(&folder).await;
    let before = journal.chapter(&lab(), DeploymentNumber(1), Sequence(0), 100).await.unwrap();
    let file = rusqlite::Connection::open(file_in(folder.path())).unwrap();
    file.execute_batch("ALTER TABLE environment RENAME TO gone").unwrap();
    let batch = Batch { state: Some(Environment::default()), ..tell(vec![remark(1, "half")]) };
    let refused = journal.append(batch).await;
    assert!(matches!(refused, Err(JournalError::Unwritable(_))), "{refused:?}");
    file.execute_batch("ALTER TABLE gone RENAME TO environment").unwrap();
    let after = journal.chapter(&lab(), DeploymentNumber(1), Sequence(0), 100).await.unwrap();
    assert_eq!((after, journal.state(&lab()).await.unwrap()), (before, Some(state)));
}

#[tokio::test]
async fn a_cursor_neither_loses_nor_repeats_whatever_the_pace() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = admitted(&folder).await;
    let (mut after, mut read) = (Sequence(0), Vec::new());
    for round in 0..20 {
        let other = Batch { environment: "other".parse().unwrap(), ..tell(vec![remark(1, "x")]) };
        journal.append(other).await.unwrap();
        journal.append(tell(vec![remark(1, &round.to_string()); 3])).await.unwrap();
        let chapter = journal.chapter(&lab(), DeploymentNumber(1), after, 2).await.unwrap();
        for record in chapter.unwrap().records {
            after = record.sequence;
            read.push(record);
        }
    }
    let rest = journal.chapter(&lab(), DeploymentNumber(1), after, 1000).await.unwrap().unwrap();
    read.extend(rest.records);
    let whole = journal.chapter(&lab(), DeploymentNumber(1), Sequence(0), 1000).await.unwrap();
    assert_eq!(read, whole.unwrap().records);
    let missing = journal.chapter(&lab(), DeploymentNumber(9), Sequence(0), 1000).await.unwrap();
    assert_eq!(missing, None);
}

#[tokio::test]
async fn history_is_newest_first_and_as_long_as_it_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let (journal, mut state) = admitted(&folder).await;
    for number in 2..6 {
        give(&journal, &mut state, deploy(number, None), i64::from(number)).await;
    }
    let list = journal.history(&lab(), 3).await.unwrap();
    let numbers: Vec<u64> = list.iter().map(|deployment| deployment.number.0).collect();
    assert_eq!(numbers, [5, 4, 3]);
}

/// An input that fits the state; nothing when there is none of this kind.
fn input(kind: u8, state: &Environment) -> Option<Input> {
    let wanted = state.wanted();
    let step_ended = |result| {
        wanted.as_ref().map(|wanted| Input::StepEnded { deployment: wanted.deployment, result })
    };
    let done = wanted.as_ref().map(|wanted| match wanted.step {
        Step::Prepare { .. } => StepDone::Prepared {
            subject: "é\u{1b}[31m".to_owned(),
            author: String::new(),
            older_than_live: false,
            head: Some(CommitSha::from_bytes([9; 20])),
        },
        Step::BackUp { .. } => unreachable!("nothing is saved here"),
        Step::Reset { .. } => StepDone::Reset(Default::default()),
        Step::Restart => StepDone::Restarted { detail: String::new() },
        Step::Probe => StepDone::Healthy { status: Some(200), attempts: 1 },
    });
    let verdict = |value| {
        let deployment = state.watches().next()?.deployment;
        Some(Input::Verdict { deployment, report: VerdictReport::of(value) })
    };
    match kind {
        0..3 => Some(deploy(kind, None)),
        3..7 => step_ended(Ok(done?)),
        7 => step_ended(Err(Failure::new(FailureKind::Tree, "broke"))),
        8 => verdict(Verdict::Success),
        9 => verdict(Verdict::Failure),
        _ => Some(Input::Rollback(RollbackRequest {
            to: None,
            by: Identity::agent(),
            reason: None,
            request_id: None,
            hold: None,
            backup: None,
        })),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_stored_state_is_the_fold_of_the_stored_events(
        kinds in prop::collection::vec(0..11_u8, 1..40),
    ) {
        let folder = TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let stored = runtime.block_on(async {
            let (journal, mut state) = admitted(&folder).await;
            for (at, kind) in kinds.iter().enumerate() {
                if let Some(input) = input(*kind, &state) {
                    give(&journal, &mut state, input, 10 + i64::try_from(at).unwrap()).await;
                }
            }
            journal.state(&lab()).await.unwrap().unwrap()
        });
        let file = rusqlite::Connection::open(file_in(folder.path())).unwrap();
        let mut rows = file.prepare("SELECT at, deployment, data FROM event ORDER BY sequence").unwrap();
        let rows = rows.query_map([], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<u32>>(1)?, row.get::<_, String>(2)?))
        });
        let mut folded = Environment::default();
        for row in rows.unwrap() {
            let (at, deployment, data) = row.unwrap();
            let event: Event = serde_json::from_str(&data).unwrap();
            let entry = Entry { deployment: deployment.map(|number| DeploymentNumber(number.into())), event };
            folded.apply(&entry, Timestamp(at));
        }
        prop_assert_eq!(folded, stored);
    }
}
