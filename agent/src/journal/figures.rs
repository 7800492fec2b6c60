//! Reads a stretch of the journal for its figures, on a connection of its own: a question about a
//! long history keeps nobody from writing.
//!
//! An index leads to the few events that figures are made of, by name and time, so that the rest of
//! the history is not touched.

use std::{path::Path, sync::Arc};

use ripcord_core::{
    Deployment, DeploymentNumber, Entry, EnvironmentName, Event, Timestamp,
    stats::{Statistics, Tally, Window},
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, ToSql, Transaction, named_params};
use tokio::sync::Semaphore;

use super::{JournalError, store::parse};

/// How many such questions are answered at once; each may read for a second.
const AT_ONCE: usize = 2;

/// The index knows these, and SQLite uses it for questions that say so in the same words.
const INDEXED: &str = "name IN ('admitted', 'went_live', 'validated', 'verdict_received', \
                       'quarantine_lifted', 'monitor_began', 'monitor_ended', 'went_down', 'came_back')";

#[derive(Debug, Clone)]
pub(super) struct Figures {
    file: Arc<Path>,
    turns: Arc<Semaphore>,
}

impl Figures {
    pub(super) fn of(file: &Path) -> Self {
        Self { file: file.into(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    pub(super) async fn within(
        &self,
        environment: EnvironmentName,
        window: Window,
    ) -> Result<Statistics, JournalError> {
        self.read(move |snapshot| {
            let reader = Reader { snapshot, environment: &environment, window };
            let mut tally = Tally::new(window);
            reader.what_was_so_before(&mut tally)?;
            reader.what_happened(&mut tally)?;
            reader.deployments(&mut tally)?;
            Ok(tally.finish())
        })
        .await
    }

    pub(super) async fn last(
        &self,
        environment: EnvironmentName,
        event: &'static str,
    ) -> Result<Option<Timestamp>, JournalError> {
        self.read(move |snapshot| {
            let window = Window { from: Timestamp(i64::MAX), to: Timestamp(i64::MAX) };
            let reader = Reader { snapshot, environment: &environment, window };
            Ok(reader.newest_before(event)?.map(|found| found.at))
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(Transaction<'_>) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let file = self.file.clone();
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| JournalError::Closed)?;
        let reading = tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the reading, also when nobody waits for the answer any more.
            let _turn = turn;
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let opening = |source| JournalError::of("opened", source);
            let mut connection = Connection::open_with_flags(&*file, flags).map_err(opening)?;
            question(connection.transaction().map_err(opening)?)
        });
        reading.await.map_err(|_| JournalError::Closed)?
    }
}

struct Reader<'a> {
    snapshot: Transaction<'a>,
    environment: &'a EnvironmentName,
    window: Window,
}

struct Found {
    at: Timestamp,
    deployment: Option<DeploymentNumber>,
    data: String,
}

impl Found {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let deployment: Option<i64> = row.get(1)?;
        let deployment = deployment.map(|number| DeploymentNumber(number.cast_unsigned()));
        Ok(Self { at: Timestamp(row.get(0)?), deployment, data: row.get(2)? })
    }

    fn record(self, tally: &mut Tally) -> Result<(), JournalError> {
        let event: Event = parse(&self.data)?;
        tally.record(self.at, &Entry { deployment: self.deployment, event });
        Ok(())
    }
}

fn reading(source: rusqlite::Error) -> JournalError {
    JournalError::of("read", source)
}

impl Reader<'_> {
    /// What was live when the window began, whether it was validated, and whether it was down.
    fn what_was_so_before(&self, tally: &mut Tally) -> Result<(), JournalError> {
        if let Some(live) = self.newest_before("went_live")? {
            let number = live.deployment;
            live.record(tally)?;
            if let Some(validated) = self.validated_before(number)? {
                validated.record(tally)?;
            }
        }
        let mut told = Vec::new();
        for name in ["monitor_began", "monitor_ended", "went_down", "came_back"] {
            told.extend(self.newest_before(name)?);
        }
        told.sort_by_key(|found| found.at);
        told.into_iter().try_for_each(|found| found.record(tally))
    }

    fn newest_before(&self, name: &str) -> Result<Option<Found>, JournalError> {
        let sql = format!(
            "SELECT at, deployment, data FROM event INDEXED BY event_for_figures
             WHERE environment = :environment AND name = :name AND {INDEXED} AND at < :from
             ORDER BY at DESC, sequence DESC LIMIT 1"
        );
        let parameters = named_params! {
            ":environment": self.environment.as_str(),
            ":name": name,
            ":from": self.window.from.0,
        };
        self.snapshot.query_row(&sql, parameters, Found::of).optional().map_err(reading)
    }

    fn validated_before(
        &self,
        number: Option<DeploymentNumber>,
    ) -> Result<Option<Found>, JournalError> {
        let sql = "SELECT at, deployment, data FROM event INDEXED BY event_by_deployment
                   WHERE environment = :environment AND deployment = :number
                     AND name = 'validated' AND at < :from LIMIT 1";
        let parameters = named_params! {
            ":environment": self.environment.as_str(),
            ":number": number.map(|number| number.0.cast_signed()),
            ":from": self.window.from.0,
        };
        self.snapshot.query_row(sql, parameters, Found::of).optional().map_err(reading)
    }

    fn what_happened(&self, tally: &mut Tally) -> Result<(), JournalError> {
        let sql = format!(
            "SELECT at, deployment, data FROM event INDEXED BY event_for_figures
             WHERE environment = :environment AND {INDEXED} AND at BETWEEN :from AND :to
             ORDER BY sequence"
        );
        self.each(&sql, Found::of, |found| found.record(tally))
    }

    fn deployments(&self, tally: &mut Tally) -> Result<(), JournalError> {
        let sql = format!(
            "SELECT deployment.data FROM deployment WHERE environment = :environment
             AND number IN (SELECT deployment FROM event INDEXED BY event_for_figures
                            WHERE environment = :environment AND name = 'admitted' AND {INDEXED}
                              AND at BETWEEN :from AND :to)"
        );
        let data = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        self.each(&sql, data, |data| {
            tally.deployment(&parse::<Deployment>(&data)?);
            Ok(())
        })
    }

    fn each<T>(
        &self,
        sql: &str,
        of: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
        mut take: impl FnMut(T) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let name = self.environment.as_str();
        let (from, to) = (self.window.from.0, self.window.to.0);
        let parameters: [(&str, &dyn ToSql); 3] =
            [(":environment", &name), (":from", &from), (":to", &to)];
        let mut statement = self.snapshot.prepare(sql).map_err(reading)?;
        let rows = statement.query_map(&parameters[..], of).map_err(reading)?;
        for row in rows {
            take(row.map_err(reading)?)?;
        }
        Ok(())
    }
}
