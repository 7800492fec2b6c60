//! Figures of a long history: what they cost, and that nobody waits for them.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{path::Path, time::Instant};

use ripcord_agent::journal::{Batch, Journal, file_in};
use ripcord_core::{
    EnvironmentName, Event, Outcome, Timestamp,
    event::Entry,
    stats::{Statistics, Window},
};
use tempfile::TempDir;

const DEPLOYMENTS: i64 = 100_000;
/// From one to the next.
const APART_MS: i64 = 600_000;

fn lab() -> EnvironmentName {
    "lab".parse().unwrap()
}

/// Each goes live after 4 s, and is validated after 64 s; a hook prints ten lines meanwhile.
const EVENTS: &str = r#"
    SELECT 0 AS after, 'admitted' AS name, '{"event":"admitted","kind":"deploy","redeploy":false,
        "allow_older":false,"overriding":false,"sha":"0123456789012345678901234567890123456789",
        "by":"spiffe://lab/operator/ada","reason":null,"request_id":null,"previous":null}' AS data
    UNION ALL SELECT 1000, 'phase_entered', '{"event":"phase_entered","phase":"resetting"}'
    UNION ALL SELECT 2000 + value, 'output',
        '{"event":"output","source":"hook","stderr":false,"line":"collecting wheels"}'
        FROM (WITH RECURSIVE line(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM line
              WHERE value < 10) SELECT value FROM line)
    UNION ALL SELECT 4000, 'went_live', '{"event":"went_live","status":200,"attempts":1}'
    UNION ALL SELECT 64000, 'verdict_received',
        '{"event":"verdict_received","report":{"value":"success"},"by":null,"reason":null}'
    UNION ALL SELECT 64000, 'validated', '{"event":"validated"}'"#;

const DEPLOYMENT: &str = r#"{"kind":"deploy","redeploy":false,"allow_older":false,
    "overriding":false,"sha":"0123456789012345678901234567890123456789",
    "by":"spiffe://lab/operator/ada","reason":null,"request_id":null,"previous":null,
    "phase":"ended","outcome":"validated","subject":"Fix bug","author":"Ada","verdict":
    {"value":"success"},"failure":null,"note":null,"condemned":null,"superseded_by":null,
    "undone_by":null,"poisoned":[],"turn":1,"watching_since":null,"cancelled_at":null,
    "unknown_since":null,"unknown_ms":0,"resumed_at":null,"notice_given":false,"timings_ms":
    {"queued":0,"preparing":1000,"resetting":2000,"restarting":3000,"probing":4000,"live":4000,
    "watching":64000,"total":64000}"#;

fn write_history(file: &Path) {
    let written = rusqlite::Connection::open(file).unwrap();
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {DEPLOYMENTS})"
    );
    let events = format!(
        "{numbers} INSERT INTO event (at, environment, deployment, name, data)
         SELECT i * {APART_MS} + after, 'lab', i, name, data FROM n CROSS JOIN ({EVENTS})"
    );
    let deployments = format!(
        "{numbers} INSERT INTO deployment (environment, number, sha, went_live, data)
         SELECT 'lab', i, '0123', 1, '{DEPLOYMENT},\"number\":' || i || ',\"admitted_at\":' ||
                (i * {APART_MS}) || ',\"live_at\":' || (i * {APART_MS} + 4000) ||
                ',\"finished_at\":' || (i * {APART_MS} + 64000) || '}}' FROM n"
    );
    let monitor = "INSERT INTO event (at, environment, name, data) VALUES
        (0, 'lab', 'monitor_began', '{\"event\":\"monitor_began\",\"unwatched_ms\":0}')";
    written.execute_batch(&format!("BEGIN; {monitor}; {events}; {deployments}; COMMIT;")).unwrap();
}

async fn figures(journal: &Journal, days: i64) -> Statistics {
    let to = (DEPLOYMENTS + 1) * APART_MS;
    let window = Window { from: Timestamp(to - days * 86_400_000), to: Timestamp(to) };
    let began = Instant::now();
    let figures = journal.figures(&lab(), window).await.unwrap();
    eprintln!("{days} days, {} deployments: {:?}", figures.deployments, began.elapsed());
    figures
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_a_month_do_not_read_a_history_of_a_hundred_thousand_deployments() {
    let folder = TempDir::new().unwrap();
    let file = file_in(folder.path());
    let journal = Journal::open(&file).unwrap();
    write_history(&file);

    let month = figures(&journal, 30).await;
    assert_eq!((month.deployments, month.outcomes[&Outcome::Validated]), (4320, 4320));
    assert_eq!((month.to_live.median_ms(), month.to_verdict.p95_ms()), (Some(4000), Some(60_000)));
    assert_eq!(month.unvalidated_live_ms, 4320 * 60_000);
    assert_eq!(month.uptime.unwrap().ratio(), Some(1.0));

    let asked = {
        let journal = journal.clone();
        tokio::spawn(async move { figures(&journal, 100).await })
    };
    let entry = Entry { deployment: None, event: Event::Remarked { message: "hello".to_owned() } };
    for _ in 0..20 {
        let (environment, at, entries) = (lab(), Timestamp(1), vec![entry.clone()]);
        let batch = Batch { environment, at, entries, state: None, changed: Vec::new() };
        journal.append(batch).await.unwrap();
    }
    assert!(!asked.is_finished(), "who writes waited for who reads");
    assert_eq!(asked.await.unwrap().deployments, 14_400);
}
