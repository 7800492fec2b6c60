//! What retention promises: the story of what ended long ago goes, and nothing else does; it never is in
//! the way; and however it is cut off, the next one goes on.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod long_history;
}

use std::{fs, path::Path, sync::Arc};

use ripcord_agent::journal::{Batch, Cursor, Horizon, Journal, Swept, file_in};
use ripcord_core::{Event, Identity, Sequence, Timestamp, event::Entry, stats::Window};
use rusqlite::Connection;
use support::long_history::{self, EVENTS_EACH, FIGURES_EACH, began, lab, number, request, sha};
use tempfile::TempDir;

const DEPLOYMENTS: i64 = 60;
/// Those before this one have ended when the stories go.
const KEPT_FROM: i64 = 41;

fn horizon() -> Horizon {
    let (ended, untold) = (began(KEPT_FROM), Timestamp(i64::MIN));
    Horizon { ended, untold, now: began(DEPLOYMENTS + 1) }
}

struct Site {
    folder: TempDir,
    journal: Journal,
}

fn site() -> Site {
    let folder = TempDir::new().unwrap();
    let journal = long_history::written(&file_in(folder.path()), DEPLOYMENTS);
    Site { folder, journal }
}

impl Site {
    fn file(&self) -> Arc<Path> {
        file_in(self.folder.path())
    }

    fn rows(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }

    fn count(&self, rows: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {rows}");
        self.rows().query_row(&sql, [], |row| row.get(0)).unwrap()
    }
}

async fn sweep(journal: &Journal, horizon: Horizon) -> Swept {
    let mut sweep = journal.begin_sweep(horizon).await.unwrap();
    loop {
        let (now, more) = journal.sweep(sweep).await.unwrap();
        if !more {
            return now.swept();
        }
        sweep = now;
    }
}

async fn story(journal: &Journal, of: i64) -> (Vec<&'static str>, Option<Timestamp>) {
    let chapter = journal.chapter(&lab(), number(of), Sequence(0), 1000).await.unwrap().unwrap();
    let kinds = chapter.records.iter().map(|record| record.entry.event.name()).collect();
    (kinds, chapter.removed)
}

async fn append(journal: &Journal, at: Timestamp, event: Event) {
    let (environment, entries) = (lab(), vec![Entry { deployment: None, event }]);
    let batch = Batch { environment, at, entries, state: None, changed: Vec::new() };
    journal.append(batch).await.unwrap();
}

fn held() -> Event {
    Event::Held { by: Identity::agent(), reason: "a fair".to_owned() }
}

#[tokio::test]
async fn the_story_of_what_ended_long_ago_goes_and_says_so() {
    let site = site();
    let swept = sweep(&site.journal, horizon()).await;
    let each = u64::try_from(EVENTS_EACH - FIGURES_EACH).unwrap();
    assert_eq!(swept, Swept { stories: 40, events: 40 * each });
    let (left, removed) = story(&site.journal, 40).await;
    assert_eq!(left, ["admitted", "went_live", "verdict_received", "validated"]);
    assert_eq!(removed, Some(horizon().now));
    let (whole, removed) = story(&site.journal, KEPT_FROM).await;
    assert_eq!((whole.len(), removed), (usize::try_from(EVENTS_EACH).unwrap(), None));
    assert_eq!(sweep(&site.journal, horizon()).await, Swept::default(), "once is enough");
}

#[tokio::test]
async fn history_rollbacks_repeated_requests_and_statistics_miss_nothing() {
    let site = site();
    let journal = &site.journal;
    let window = Window { from: began(0), to: began(DEPLOYMENTS + 1) };
    let state = journal.state(&lab()).await.unwrap();
    let history = journal.history(&lab(), 100).await.unwrap();
    let figures = journal.figures(&lab(), window).await.unwrap();
    sweep(journal, horizon()).await;
    assert_eq!(journal.state(&lab()).await.unwrap(), state);
    assert_eq!(journal.history(&lab(), 100).await.unwrap(), history);
    assert_eq!(journal.figures(&lab(), window).await.unwrap(), figures);
    let repeated = journal.requested(&lab(), &request(3).parse().unwrap()).await.unwrap();
    assert_eq!(repeated.unwrap().number, number(3));
    let named = journal.newest_of(&lab(), sha(4).parse().unwrap()).await.unwrap();
    assert_eq!(named.unwrap().number, number(4));
}

#[tokio::test]
async fn what_is_open_live_or_a_rollback_point_keeps_its_story_however_old_it_is() {
    let site = site();
    let live = serde_json::json!({"deployment": 7, "sha": sha(7)});
    let earned = serde_json::json!([{"deployment": 5, "sha": sha(5), "turn": 1}]);
    let change = "UPDATE environment SET state = json_set(state, '$.live', json(?1),
                  '$.validated', json(?2), '$.open', json_object('6', json((
                      SELECT data FROM deployment WHERE number = 6))))";
    site.rows().execute(change, [live.to_string(), earned.to_string()]).unwrap();
    assert_eq!(sweep(&site.journal, horizon()).await.stories, 37);
    for kept in [5, 6, 7] {
        assert_eq!(story(&site.journal, kept).await.1, None, "{kept}");
    }
    assert!(story(&site.journal, 8).await.1.is_some());
}

#[tokio::test]
async fn an_environment_whose_state_nobody_can_read_is_left_alone() {
    let site = site();
    site.rows().execute("UPDATE environment SET state = '{'", []).unwrap();
    assert_eq!(sweep(&site.journal, horizon()).await, Swept::default());
}

#[tokio::test]
async fn a_sink_that_is_behind_is_waited_for_but_not_for_ever() {
    let site = site();
    site.journal.cursor("slow").await.unwrap();
    let told = Sequence(u64::try_from(1 + 10 * EVENTS_EACH).unwrap());
    let to = Cursor { sequence: told, memo: None };
    site.journal.advance("slow", to).await.unwrap();
    assert_eq!(sweep(&site.journal, horizon()).await.stories, 10);
    assert_eq!(story(&site.journal, 11).await.1, None, "nobody was told of it");
    assert_eq!(site.journal.after(told, 1).await.unwrap()[0].sequence.0, told.0 + 1);
    let patience_ends = Horizon { untold: began(21), ..horizon() };
    assert_eq!(sweep(&site.journal, patience_ends).await.stories, 10);
    let next = site.journal.after(told, 1).await.unwrap();
    assert_eq!(next[0].entry.deployment, Some(number(11)), "it goes on with what is left");
}

#[tokio::test]
async fn a_story_that_was_told_in_part_goes_when_the_rest_was_told() {
    let site = site();
    site.journal.cursor("slow").await.unwrap();
    for (events, stories) in [(EVENTS_EACH / 2, 0), (EVENTS_EACH, 1)] {
        let to = Cursor { sequence: Sequence((1 + events).cast_unsigned()), memo: None };
        site.journal.advance("slow", to).await.unwrap();
        assert_eq!(sweep(&site.journal, horizon()).await.stories, stories);
    }
}

#[tokio::test]
async fn a_sink_that_is_not_configured_any_more_holds_nothing_back() {
    let site = site();
    site.journal.cursor("gone").await.unwrap();
    site.journal.advance("gone", Cursor::default()).await.unwrap();
    let next_start = Journal::open(&site.file()).unwrap();
    assert_eq!(sweep(&next_start, horizon()).await.stories, 40);
}

#[tokio::test]
async fn holds_and_refusals_go_too_and_outages_stay_for_the_figures() {
    let site = site();
    let rows = site.rows();
    for at in 0..600 {
        let event = serde_json::to_string(&held()).unwrap();
        let add = "INSERT INTO event (at, environment, name, data) VALUES (?1, 'lab', 'held', ?2)";
        rows.execute(add, rusqlite::params![at, event]).unwrap();
    }
    append(&site.journal, began(KEPT_FROM), held()).await;
    let down = Event::CameBack { down_ms: 1 };
    append(&site.journal, began(KEPT_FROM), down).await;
    sweep(&site.journal, horizon()).await;
    assert_eq!(site.count("event WHERE name = 'held'"), 1, "the one that is not old");
    assert_eq!(site.count("event WHERE name = 'monitor_began'"), 1);
    assert_eq!(site.count("event WHERE name = 'came_back'"), 1);
}

#[tokio::test]
async fn numbers_of_events_are_never_given_twice() {
    // The newest event may be one of a story, or of the environment.
    for held_at_the_end in [false, true] {
        let site = site();
        let nothing_runs = "UPDATE environment SET state = json_set(state, '$.live', NULL,
                            '$.validated', json('[]'))";
        site.rows().execute(nothing_runs, []).unwrap();
        if held_at_the_end {
            append(&site.journal, began(1), held()).await;
        }
        numbers_go_on(&site).await;
    }
}

async fn numbers_go_on(site: &Site) {
    let newest = *site.journal.appended().borrow();
    let all = Horizon { ended: Timestamp(i64::MAX), ..horizon() };
    sweep(&site.journal, all).await;
    let next_start = Journal::open(&site.file()).unwrap();
    assert_eq!(*next_start.appended().borrow(), newest);
    append(&next_start, began(1), held()).await;
    assert_eq!(next_start.appended().borrow().0, newest.0 + 1);
}

/// What a `kill -9` leaves: the file, and what was not moved to it yet.
fn killed_here(site: &Site) -> Site {
    let folder = TempDir::new().unwrap();
    for name in ["journal.sqlite", "journal.sqlite-wal"] {
        let _ = fs::copy(site.folder.path().join(name), folder.path().join(name));
    }
    let journal = Journal::open(&file_in(folder.path())).unwrap();
    Site { folder, journal }
}

fn events(site: &Site) -> Vec<(i64, String)> {
    let rows = site.rows();
    let mut rows = rows.prepare("SELECT sequence, name FROM event ORDER BY sequence").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn wherever_it_is_killed_the_next_one_comes_to_the_same_end() {
    let site = site();
    let mut left_behind = Vec::new();
    let mut sweeping = site.journal.begin_sweep(horizon()).await.unwrap();
    loop {
        left_behind.push(killed_here(&site));
        let (now, more) = site.journal.sweep(sweeping).await.unwrap();
        if !more {
            break;
        }
        sweeping = now;
    }
    assert!(left_behind.len() > 3, "it takes several pieces");
    let end = events(&site);
    for left in left_behind {
        sweep(&left.journal, horizon()).await;
        assert_eq!(events(&left), end);
        assert_eq!(left.count("deployment WHERE story_removed IS NOT NULL"), 40);
    }
}

#[tokio::test]
async fn the_file_gives_back_what_it_does_not_need() {
    let folder = TempDir::new().unwrap();
    let file = file_in(folder.path());
    let journal = long_history::written(&file, 2000);
    let before = fs::metadata(&file).unwrap().len();
    sweep(&journal, Horizon { ended: began(1990), ..horizon() }).await;
    let rows = Connection::open(&file).unwrap();
    rows.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let after = fs::metadata(&file).unwrap().len();
    assert!(after < before * 4 / 5, "{before} bytes became {after}");
    let check: String = rows.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn a_journal_of_an_older_version_is_swept_like_any_other() {
    let folder = TempDir::new().unwrap();
    let file = file_in(folder.path());
    drop(long_history::written(&file, DEPLOYMENTS));
    let older = "DROP INDEX deployment_by_end; ALTER TABLE deployment DROP COLUMN ended;
                 ALTER TABLE deployment DROP COLUMN story_removed; PRAGMA user_version = 3;
                 UPDATE deployment SET data = '{' WHERE number = 2";
    Connection::open(&file).unwrap().execute_batch(older).unwrap();
    let journal = Journal::open(&file).unwrap();
    assert_eq!(sweep(&journal, horizon()).await.stories, 39, "all but the one nobody can read");
}
