//! The tables, and the way from older schemas to this one.

use rusqlite::Connection;

use super::JournalError;

/// The schema that this version reads and writes.
pub(super) const VERSION: i64 = 2;

const TABLES: &str = "
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
        state TEXT NOT NULL,
        alive INTEGER                  -- when its driver last was alive while it waited for a verdict
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
    CREATE INDEX deployment_by_sha ON deployment (environment, sha, went_live, number);
    CREATE INDEX deployment_by_request ON deployment (environment, request_id)
        WHERE request_id IS NOT NULL;
";

/// What makes the tables of version 1 those of version 2.
const FROM_1: &str = "
    ALTER TABLE environment ADD COLUMN alive INTEGER;
    DROP INDEX deployment_by_sha;
    CREATE INDEX deployment_by_sha ON deployment (environment, sha, went_live, number);
";

/// Makes the tables in a new file, or brings an older one up to date.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), JournalError> {
    let sqlite = |source| JournalError::of("opened", source);
    // FULL: an intent is on the disk before its effect starts, also when the machine loses power.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;",
        )
        .map_err(sqlite)?;
    let found: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite)?;
    match found {
        VERSION => Ok(()),
        0 => migrate(connection, TABLES).map_err(sqlite),
        1 => migrate(connection, FROM_1).map_err(sqlite),
        _ => Err(JournalError::NewerSchema { found, known: VERSION }),
    }
}

fn migrate(connection: &mut Connection, statements: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(statements)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
