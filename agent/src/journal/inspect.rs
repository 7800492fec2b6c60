//! Looks at a journal's file before it is opened for writing, so that a file that this version must
//! not touch stays as it is, byte for byte.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{JournalError, schema};

/// A file up to this size is checked whole at every start, in a tenth of a second. A larger one has years
/// of history that nobody decides by: a start that takes the longer the more happened is the worse evil.
const WHOLE_AT_START: i64 = 64 * 1024 * 1024;

/// How much of the file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Every page.
    Whole,
    /// Of a large file, what the agent decides by: states and cursors. What else is damaged there is an
    /// error of whoever reads it, and `ripcord doctor` finds it.
    Start,
}

/// Answers when the file is missing, empty, or a sound journal of a schema that this version knows.
pub(super) fn inspect(path: &Path, depth: Depth) -> Result<(), JournalError> {
    if !path.exists() {
        return Ok(());
    }
    let sqlite = |source| JournalError::of("opened", source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    // What a newer version left in its WAL is for that version to move.
    file.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sqlite)?;
    let found = file.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite)?;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
    let tables: i64 = file.query_row(tables, [], |row| row.get(0)).map_err(sqlite)?;
    match (found, tables) {
        (found, _) if found > schema::VERSION => {
            Err(JournalError::NewerSchema { found, known: schema::VERSION })
        }
        (0, 0) => Ok(()),
        (1.., 1..) if depth == Depth::Start && size(&file)? > WHOLE_AT_START => {
            let states = check_pages(&file, "PRAGMA quick_check('environment')");
            // The first version had no cursors.
            if found == 1 {
                states
            } else {
                states.and(check_pages(&file, "PRAGMA quick_check('cursor')"))
            }
        }
        (1.., 1..) => check_pages(&file, "PRAGMA quick_check(1)"),
        _ => Err(JournalError::Damaged(format!("it has schema {found} and {tables} tables"))),
    }
}

fn size(file: &Connection) -> Result<i64, JournalError> {
    let pragma = |name| file.query_row(name, [], |row| row.get::<_, i64>(0));
    let pages =
        pragma("PRAGMA page_count").and_then(|pages| Ok(pages * pragma("PRAGMA page_size")?));
    pages.map_err(|source| JournalError::of("opened", source))
}

/// Damage is found now, and not in the middle of a deployment. Takes some 20 ms per ten megabytes.
fn check_pages(file: &Connection, check: &str) -> Result<(), JournalError> {
    let first: String = file
        .query_row(check, [], |row| row.get(0))
        .map_err(|source| JournalError::of("checked", source))?;
    if first == "ok" { Ok(()) } else { Err(JournalError::Damaged(first)) }
}
