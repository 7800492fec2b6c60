//! A journal with as many deployments as a test asks for, written in one go: each went live, was validated,
//! and had a hook that printed ten lines; nothing happened to them that a real one does not journal.

#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::Path;

use ripcord_agent::journal::Journal;
use ripcord_core::{DeploymentNumber, EnvironmentName, Timestamp};

/// From one deployment to the next.
pub const APART_MS: i64 = 600_000;
/// How long each takes, its verdict included.
pub const LASTS_MS: i64 = 64_000;
/// How many events each has.
pub const EVENTS_EACH: i64 = 16;
/// How many of them the figures need.
pub const FIGURES_EACH: i64 = 4;

pub fn lab() -> EnvironmentName {
    "lab".parse().unwrap()
}

/// When a deployment was admitted.
pub fn began(number: i64) -> Timestamp {
    Timestamp(number * APART_MS)
}

pub fn number(number: i64) -> DeploymentNumber {
    DeploymentNumber(number.cast_unsigned())
}

/// The commit of a deployment.
pub fn sha(number: i64) -> String {
    format!("{number:040x}")
}

/// The request that made a deployment.
pub fn request(number: i64) -> String {
    format!("run-{number}")
}

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
    UNION ALL SELECT 64000, 'validated', '{"event":"validated"}'
    UNION ALL SELECT 64000, 'ended', '{"event":"ended","outcome":"validated","note":null}'"#;

const DEPLOYMENT: &str = r#"{"kind":"deploy","redeploy":false,"allow_older":false,
    "overriding":false,"by":"spiffe://lab/operator/ada","reason":null,"previous":null,
    "phase":"ended","outcome":"validated","subject":"Fix bug","author":"Ada","verdict":
    {"value":"success"},"failure":null,"note":null,"condemned":null,"superseded_by":null,
    "undone_by":null,"poisoned":[],"turn":1,"watching_since":null,"cancelled_at":null,
    "unknown_since":null,"unknown_ms":0,"resumed_at":null,"notice_given":false,"timings_ms":
    {"queued":0,"preparing":1000,"resetting":2000,"restarting":3000,"probing":4000,"live":4000,
    "watching":64000,"total":64000}"#;

const STATE: &str = r#"{"baseline":null,"quarantined":{},"hold":null,"stranded":null,"open":{},
    "active":null,"queued":null,"automatic_rollbacks":[]"#;

/// A journal in `file` in which `lab` had so many deployments, the last of them live.
pub fn written(file: &Path, deployments: i64) -> Journal {
    drop(Journal::open(file).unwrap());
    if deployments > 0 {
        let rows = rusqlite::Connection::open(file).unwrap();
        rows.execute_batch(&statements(deployments)).unwrap();
        rows.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }
    Journal::open(file).unwrap()
}

fn statements(deployments: i64) -> String {
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {deployments})"
    );
    let events = format!(
        "{numbers} INSERT INTO event (at, environment, deployment, name, data)
         SELECT i * {APART_MS} + after, 'lab', i, name, data FROM n CROSS JOIN ({EVENTS})"
    );
    let rows = format!(
        "{numbers} INSERT INTO deployment
             (environment, number, sha, went_live, request_id, ended, data)
         SELECT 'lab', i, printf('%040x', i), 1, 'run-' || i, i * {APART_MS} + {LASTS_MS},
                '{DEPLOYMENT},\"number\":' || i || ',\"sha\":\"' || printf('%040x', i) ||
                '\",\"request_id\":\"run-' || i || '\",\"admitted_at\":' || (i * {APART_MS}) ||
                ',\"live_at\":' || (i * {APART_MS} + 4000) ||
                ',\"finished_at\":' || (i * {APART_MS} + {LASTS_MS}) || '}}' FROM n"
    );
    let live = format!(r#"{{"deployment":{deployments},"sha":"{}"}}"#, sha(deployments));
    let earned = live.replace('}', r#","turn":1}"#);
    let state =
        format!(r#"{STATE},"last":{deployments},"turns":1,"live":{live},"validated":[{earned}]}}"#);
    let monitor = r#"INSERT INTO event (at, environment, name, data) VALUES
        (0, 'lab', 'monitor_began', '{"event":"monitor_began","unwatched_ms":0}')"#;
    let state = format!("INSERT INTO environment (name, state) VALUES ('lab', '{state}')");
    format!("BEGIN; {monitor}; {events}; {rows}; {state}; COMMIT;")
}
