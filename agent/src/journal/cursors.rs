//! Where each reader of the journal stands, on a connection of its own that does not wait for the
//! disk: what is told to the outside must not slow down what is written about a deployment.

use std::{collections::BTreeSet, path::Path};

use ripcord_core::Sequence;
use rusqlite::{Connection, OptionalExtension as _, named_params};

/// A reader's place in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The last event that it is done with.
    pub sequence: Sequence,
    /// What it has to know again after a crash, in words of its own; small.
    pub memo: Option<String>,
}

pub(super) struct Cursors {
    connection: Connection,
    /// Who asked for its place since the start: a sink that is not configured any more is not waited for.
    readers: BTreeSet<String>,
}

impl Cursors {
    /// The tables have to be there already.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // NORMAL: a commit outlives the process, not necessarily the machine. What is lost then is
        // done again; the journal itself is written by the other connection, with FULL.
        connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;")?;
        Ok(Self { connection, readers: BTreeSet::new() })
    }

    /// For what may be lost with the machine's power, and is done again then.
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Up to where all readers have told; `None` when there are none.
    pub(super) fn told(&mut self) -> rusqlite::Result<Option<Sequence>> {
        let readers = self.readers.clone();
        let places = readers.iter().map(|reader| Ok(self.of(reader)?.sequence));
        Ok(places.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().min())
    }

    pub(super) fn of(&mut self, reader: &str) -> rusqlite::Result<Cursor> {
        self.readers.insert(reader.to_owned());
        let known = self
            .connection
            .prepare_cached("SELECT sequence, memo FROM cursor WHERE reader = :reader")?
            .query_row(named_params! { ":reader": reader }, |row| {
                let sequence: i64 = row.get(0)?;
                Ok(Cursor { sequence: Sequence(sequence.cast_unsigned()), memo: row.get(1)? })
            })
            .optional()?;
        match known {
            Some(cursor) => Ok(cursor),
            None => {
                let cursor = Cursor { sequence: self.end()?, memo: None };
                self.advance(reader, &cursor)?;
                Ok(cursor)
            }
        }
    }

    pub(super) fn advance(&self, reader: &str, to: &Cursor) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO cursor (reader, sequence, memo) VALUES (:reader, :sequence, :memo)
                 ON CONFLICT (reader) DO UPDATE
                 SET sequence = excluded.sequence, memo = excluded.memo",
            )?
            .execute(named_params! {
                ":reader": reader,
                ":sequence": to.sequence.0.cast_signed(),
                ":memo": to.memo,
            })?;
        Ok(())
    }

    fn end(&self) -> rusqlite::Result<Sequence> {
        let newest: i64 = self.connection.query_row(
            "SELECT coalesce(max(sequence), 0) FROM event",
            [],
            |row| row.get(0),
        )?;
        Ok(Sequence(newest.cast_unsigned()))
    }
}
