//! The promises of a reader's cursor: it survives, it keeps its memo, a new reader does not tell old
//! history, and a journal of an older version is taken along.
#![allow(missing_docs, clippy::unwrap_used)]

use ripcord_agent::journal::{Batch, Cursor, Journal, file_in};
use ripcord_core::{DeploymentNumber, EnvironmentName, Event, Sequence, Timestamp, event::Entry};
use tempfile::TempDir;

/// The schema of the first version, with one event in it.
const FIRST_SCHEMA: &str = r#"
    CREATE TABLE event (
        sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, environment TEXT NOT NULL,
        deployment INTEGER, name TEXT NOT NULL, data TEXT NOT NULL
    ) STRICT;
    CREATE INDEX event_by_deployment ON event (environment, deployment, sequence);
    CREATE TABLE environment (name TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;
    CREATE TABLE deployment (
        environment TEXT NOT NULL, number INTEGER NOT NULL, sha TEXT NOT NULL,
        went_live INTEGER NOT NULL, request_id TEXT, data TEXT NOT NULL,
        PRIMARY KEY (environment, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deployment_by_sha ON deployment (environment, sha, number) WHERE went_live = 1;
    CREATE INDEX deployment_by_request ON deployment (environment, request_id)
        WHERE request_id IS NOT NULL;
    INSERT INTO event VALUES (41, 7, 'lab', 1, 'remarked', '{"event":"remarked","message":"old"}');
    PRAGMA user_version = 1;
"#;

fn open(folder: &TempDir) -> Journal {
    Journal::open(&file_in(folder.path())).unwrap()
}

async fn remark(journal: &Journal, environment: &str, message: &str) {
    let event = Event::Remarked { message: message.to_owned() };
    let entries = vec![Entry { deployment: Some(DeploymentNumber(1)), event }];
    let environment: EnvironmentName = environment.parse().unwrap();
    let batch = Batch { environment, at: Timestamp(5), entries, state: None, changed: Vec::new() };
    journal.append(batch).await.unwrap();
}

async fn messages_after(journal: &Journal, after: Sequence, limit: usize) -> Vec<String> {
    let records = journal.after(after, limit).await.unwrap();
    let message = |event| match event {
        Event::Remarked { message } => message,
        other => panic!("{other:?}"),
    };
    records.into_iter().map(|record| message(record.entry.event)).collect()
}

#[tokio::test]
async fn a_journal_of_the_first_version_is_taken_along_with_all_that_it_holds() {
    let folder = TempDir::new().unwrap();
    let old = rusqlite::Connection::open(file_in(folder.path())).unwrap();
    old.execute_batch(FIRST_SCHEMA).unwrap();
    drop(old);
    let journal = open(&folder);
    assert_eq!(messages_after(&journal, Sequence(0), 10).await, ["old"]);
    assert_eq!(journal.cursor("new").await.unwrap().sequence, Sequence(41), "history is not told");
    drop(journal);
    assert_eq!(open(&folder).cursor("new").await.unwrap().sequence, Sequence(41));
}

#[tokio::test]
async fn a_new_reader_begins_at_the_end_and_misses_nothing_from_then_on() {
    let folder = TempDir::new().unwrap();
    let journal = open(&folder);
    remark(&journal, "lab", "before").await;
    let cursor = journal.cursor("sink").await.unwrap();
    drop(journal);
    let journal = open(&folder);
    remark(&journal, "lab", "one").await;
    remark(&journal, "other", "two").await;
    assert_eq!(journal.cursor("sink").await.unwrap(), cursor, "it was known already");
    assert_eq!(messages_after(&journal, cursor.sequence, 10).await, ["one", "two"]);
    assert_eq!(messages_after(&journal, cursor.sequence, 1).await, ["one"]);
}

#[tokio::test]
async fn a_reader_finds_its_place_and_its_memo_again_and_no_others() {
    let folder = TempDir::new().unwrap();
    let journal = open(&folder);
    remark(&journal, "lab", "one").await;
    let place = Cursor { sequence: Sequence(1), memo: Some("{\"id\":7}".to_owned()) };
    journal.advance("sink", place.clone()).await.unwrap();
    drop(journal);
    let journal = open(&folder);
    assert_eq!(journal.cursor("sink").await.unwrap(), place);
    assert_eq!(journal.cursor("another").await.unwrap().memo, None);
    journal.advance("sink", Cursor { sequence: Sequence(2), memo: None }).await.unwrap();
    assert_eq!(journal.cursor("sink").await.unwrap().memo, None);
}
