//! The tables, and the way from older schemas to this one.

use rusqlite::Connection;

use super::JournalError;

/// How each schema is made from the one before it; the first from an empty file. Steps are added,
/// never changed: journals outlive versions.
const STEPS: [&str; 4] = [FIRST, SECOND, THIRD, FOURTH];

/// The schema that this version reads and writes.
pub(super) const VERSION: i64 = STEPS.len() as i64;

const FIRST: &str = "
    CREATE TABLE event (
        sequence    INTEGER PRIMARY KEY,
        at          INTEGER NOT NULL,  -- milliseconds since 1970
        environment TEXT    NOT NULL,
        deployment  INTEGER,           -- NULL: concerns the environment
        name        TEXT    NOT NULL,
        data        TEXT    NOT NULL   -- the event, as JSON
    ) STRICT;
    CREATE INDEX event_by_deployment ON event (environment, deployment, sequence);

    CREATE TABLE environment (         -- the fold of the events above
        name  TEXT PRIMARY KEY,
        state TEXT NOT NULL
    ) STRICT;

    CREATE TABLE deployment (          -- a projection of the events above
        environment TEXT    NOT NULL,
        number      INTEGER NOT NULL,
        sha         TEXT    NOT NULL,
        went_live   INTEGER NOT NULL,
        request_id  TEXT,
        data        TEXT    NOT NULL,
        PRIMARY KEY (environment, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deployment_by_sha ON deployment (environment, sha, number) WHERE went_live = 1;
    CREATE INDEX deployment_by_request ON deployment (environment, request_id)
        WHERE request_id IS NOT NULL;
";

const SECOND: &str = "
    CREATE TABLE cursor (
        reader   TEXT PRIMARY KEY,
        sequence INTEGER NOT NULL,     -- the last event that it is done with
        memo     TEXT                  -- what it has to know again after a crash
    ) STRICT, WITHOUT ROWID;

    -- When its driver last was alive, while it waited for a verdict.
    ALTER TABLE environment ADD COLUMN alive INTEGER;

    DROP INDEX deployment_by_sha;
    CREATE INDEX deployment_by_sha ON deployment (environment, sha, went_live, number);
";

const THIRD: &str = "
    -- The events that figures are made of, by time: a small part of all, without the output.
    CREATE INDEX event_for_figures ON event (environment, name, at)
        WHERE name IN ('admitted', 'went_live', 'validated', 'verdict_received',
                       'quarantine_lifted', 'monitor_began', 'monitor_ended', 'went_down', 'came_back');
";

const FOURTH: &str = "
    -- When it ended, and when retention removed its story: the index leads to the stories that are
    -- next to go, however many there are.
    ALTER TABLE deployment ADD COLUMN ended INTEGER;
    ALTER TABLE deployment ADD COLUMN story_removed INTEGER;
    UPDATE deployment SET ended = json_extract(data, '$.finished_at') WHERE json_valid(data);
    CREATE INDEX deployment_by_end ON deployment (environment, ended, number)
        WHERE ended IS NOT NULL AND story_removed IS NULL;
";

/// Makes the tables in a new file, and those that an older version lacks; refuses a file that a
/// newer version wrote.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), JournalError> {
    let sqlite = |source| JournalError::of("opened", source);
    // FULL: an intent is on the disk before its effect starts, also when the machine loses power.
    // INCREMENTAL works for files that are new: in others, the next events fill what retention freed.
    connection
        .execute_batch(
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;",
        )
        .map_err(sqlite)?;
    let found: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite)?;
    let missing = usize::try_from(found).ok().and_then(|done| STEPS.get(done..));
    match missing.ok_or(JournalError::NewerSchema { found, known: VERSION })? {
        [] => Ok(()),
        missing => migrate(connection, &missing.concat()).map_err(sqlite),
    }
}

fn migrate(connection: &mut Connection, steps: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(steps)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    #[cfg(feature = "failpoints")]
    super::failpoint::reach("before", "tables");
    transaction.commit()?;
    #[cfg(feature = "failpoints")]
    super::failpoint::reach("after", "tables");
    Ok(())
}
