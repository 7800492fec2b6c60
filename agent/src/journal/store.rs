//! The SQL behind the journal. Lives on the journal's own thread; knows rows, decides nothing.

use std::path::Path;

use ripcord_core::{
    CommitSha, Deployment, DeploymentNumber, Entry, Environment, EnvironmentName, Event, RequestId,
    Sequence, Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, named_params};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

#[cfg(feature = "failpoints")]
use super::failpoint;
use super::{
    Batch, Chapter, JournalError, Record,
    cursors::{Cursor, Cursors},
    inspect,
    retention::{Horizon, Sweep},
    schema,
};

/// Among so many deployments of an environment is the one that something happened to last: those that
/// wait for a verdict note by themselves that somebody is there.
const NEWEST: i64 = 32;

pub(super) struct Store {
    connection: Connection,
    cursors: Cursors,
    announce: watch::Sender<Sequence>,
}

fn reading(source: rusqlite::Error) -> JournalError {
    JournalError::of("read", source)
}

fn writing(source: rusqlite::Error) -> JournalError {
    JournalError::Unwritable(source)
}

impl Store {
    pub(super) fn open(
        path: &Path,
        announce: watch::Sender<Sequence>,
    ) -> Result<Self, JournalError> {
        inspect::inspect(path, inspect::Depth::Start)?;
        let opening = |source| JournalError::of("opened", source);
        let mut connection = Connection::open(path).map_err(opening)?;
        schema::prepare(&mut connection)?;
        let newest: i64 = connection
            .query_row("SELECT coalesce(max(sequence), 0) FROM event", [], |row| row.get(0))
            .map_err(reading)?;
        announce.send_replace(Sequence(newest.cast_unsigned()));
        let cursors = Cursors::open(path).map_err(opening)?;
        Ok(Self { connection, cursors, announce })
    }

    pub(super) fn cursor(&mut self, reader: &str) -> Result<Cursor, JournalError> {
        self.cursors.of(reader).map_err(writing)
    }

    pub(super) fn advance(&mut self, reader: &str, to: &Cursor) -> Result<(), JournalError> {
        self.cursors.advance(reader, to).map_err(writing)
    }

    pub(super) fn begin_sweep(&mut self, horizon: Horizon) -> Result<Sweep, JournalError> {
        Sweep::begin(self.cursors.connection(), horizon)
    }

    pub(super) fn sweep(&mut self, sweep: &mut Sweep) -> Result<bool, JournalError> {
        let told = self.cursors.told().map_err(reading)?;
        sweep.go_on(self.cursors.connection(), told)
    }

    pub(super) fn after(&self, after: Sequence, limit: usize) -> Result<Vec<Record>, JournalError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT sequence, at, environment, deployment, data FROM event
                 WHERE sequence > :after ORDER BY sequence LIMIT :limit",
            )
            .map_err(reading)?;
        let parameters = named_params! {
            ":after": after.0.cast_signed(),
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        };
        let rows = statement.query_map(parameters, event_row).map_err(reading)?;
        rows.map(|row| row.map_err(reading)?.into_record()).collect()
    }

    pub(super) fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let transaction = self.connection.transaction().map_err(writing)?;
        for entry in &batch.entries {
            insert_event(&transaction, batch, entry)?;
        }
        let newest = transaction.last_insert_rowid();
        for deployment in &batch.changed {
            upsert_deployment(&transaction, &batch.environment, deployment)?;
        }
        if let Some(state) = &batch.state {
            let state = serde_json::to_string(state).map_err(JournalError::Row)?;
            transaction
                .prepare_cached(
                    "INSERT INTO environment (name, state) VALUES (:name, :state)
                     ON CONFLICT (name) DO UPDATE SET state = excluded.state",
                )
                .and_then(|mut upsert| {
                    upsert.execute(
                        named_params! { ":name": batch.environment.as_str(), ":state": state },
                    )
                })
                .map_err(writing)?;
        }
        #[cfg(feature = "failpoints")]
        failpoint::reach("before", &failpoint::name_of(batch));
        transaction.commit().map_err(writing)?;
        #[cfg(feature = "failpoints")]
        failpoint::reach("after", &failpoint::name_of(batch));
        if !batch.entries.is_empty() {
            self.announce.send_replace(Sequence(newest.cast_unsigned()));
        }
        Ok(())
    }

    pub(super) fn chapter(
        &self,
        environment: &EnvironmentName,
        number: DeploymentNumber,
        after: Sequence,
        limit: usize,
    ) -> Result<Option<Chapter>, JournalError> {
        let Some(deployment) = self.deployment(environment, number)? else { return Ok(None) };
        let removed = self.story_removed(environment, number)?;
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT sequence, at, environment, deployment, data FROM event
                 WHERE environment = :environment AND deployment = :number AND sequence > :after
                 UNION ALL
                 SELECT sequence, at, environment, deployment, data FROM event
                 WHERE environment = :environment AND deployment = :undoing AND sequence > :after
                 ORDER BY sequence LIMIT :limit",
            )
            .map_err(reading)?;
        let parameters = named_params! {
            ":environment": environment.as_str(),
            ":number": number.0.cast_signed(),
            ":undoing": deployment.undone_by.map(|undoing| undoing.0.cast_signed()),
            ":after": after.0.cast_signed(),
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        };
        let rows = statement.query_map(parameters, event_row).map_err(reading)?;
        let records =
            rows.map(|row| row.map_err(reading)?.into_record()).collect::<Result<_, _>>()?;
        Ok(Some(Chapter { deployment, removed, records }))
    }

    fn story_removed(
        &self,
        environment: &EnvironmentName,
        number: DeploymentNumber,
    ) -> Result<Option<Timestamp>, JournalError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT story_removed FROM deployment
                 WHERE environment = :environment AND number = :number",
            )
            .map_err(reading)?;
        let parameters = named_params! {
            ":environment": environment.as_str(),
            ":number": number.0.cast_signed(),
        };
        let removed: Option<i64> =
            statement.query_row(parameters, |row| row.get(0)).map_err(reading)?;
        Ok(removed.map(Timestamp))
    }

    pub(super) fn state(
        &self,
        environment: &EnvironmentName,
    ) -> Result<Option<Environment>, JournalError> {
        self.one(
            "SELECT state FROM environment WHERE name = :environment",
            named_params! { ":environment": environment.as_str() },
        )
    }

    pub(super) fn beat(&self, name: &EnvironmentName, at: Timestamp) -> Result<(), JournalError> {
        let mut update = self
            .connection
            .prepare_cached("UPDATE environment SET alive = :at WHERE name = :name")
            .map_err(writing)?;
        let parameters = named_params! { ":at": at.0, ":name": name.as_str() };
        update.execute(parameters).map_err(writing)?;
        Ok(())
    }

    pub(super) fn alive_until(
        &self,
        name: &EnvironmentName,
    ) -> Result<Option<Timestamp>, JournalError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT max(alive) FROM (
                     SELECT alive FROM environment WHERE name = :name
                     UNION ALL
                     SELECT (SELECT at FROM event
                             WHERE environment = :name AND deployment = newest.number
                             ORDER BY sequence DESC LIMIT 1)
                     FROM (SELECT number FROM deployment WHERE environment = :name
                           ORDER BY number DESC LIMIT :newest) newest)",
            )
            .map_err(reading)?;
        let alive: Option<i64> = statement
            .query_row(named_params! { ":name": name.as_str(), ":newest": NEWEST }, |row| {
                row.get(0)
            })
            .map_err(reading)?;
        Ok(alive.map(Timestamp))
    }

    pub(super) fn deployment(
        &self,
        environment: &EnvironmentName,
        number: DeploymentNumber,
    ) -> Result<Option<Deployment>, JournalError> {
        self.one(
            "SELECT data FROM deployment WHERE environment = :environment AND number = :number",
            named_params! {
                ":environment": environment.as_str(),
                ":number": number.0.cast_signed(),
            },
        )
    }

    pub(super) fn requested(
        &self,
        environment: &EnvironmentName,
        request: &RequestId,
    ) -> Result<Option<Deployment>, JournalError> {
        self.one(
            // Left to itself, SQLite prefers the primary key for its order, and reads a whole history.
            "SELECT data FROM deployment INDEXED BY deployment_by_request
             WHERE environment = :environment AND request_id = :request
             ORDER BY number DESC LIMIT 1",
            named_params! {
                ":environment": environment.as_str(),
                ":request": request.as_str(),
            },
        )
    }

    pub(super) fn newest_of(
        &self,
        environment: &EnvironmentName,
        sha: CommitSha,
    ) -> Result<Option<Deployment>, JournalError> {
        self.one(
            "SELECT data FROM deployment
             WHERE environment = :environment AND sha = :sha
             ORDER BY went_live DESC, number DESC LIMIT 1",
            named_params! { ":environment": environment.as_str(), ":sha": sha.to_string() },
        )
    }

    pub(super) fn history(
        &self,
        environment: &EnvironmentName,
        limit: usize,
    ) -> Result<Vec<Deployment>, JournalError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT data FROM deployment WHERE environment = :environment
                 ORDER BY number DESC LIMIT :limit",
            )
            .map_err(reading)?;
        let parameters = named_params! {
            ":environment": environment.as_str(),
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        };
        let rows = statement.query_map(parameters, |row| row.get::<_, String>(0));
        rows.map_err(reading)?.map(|row| parse(&row.map_err(reading)?)).collect()
    }

    fn one<T: DeserializeOwned>(
        &self,
        sql: &str,
        parameters: &[(&str, &dyn rusqlite::ToSql)],
    ) -> Result<Option<T>, JournalError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(reading)?;
        let row: Option<String> =
            statement.query_row(parameters, |row| row.get(0)).optional().map_err(reading)?;
        row.map(|json| parse(&json)).transpose()
    }
}

pub(super) fn parse<T: DeserializeOwned>(json: &str) -> Result<T, JournalError> {
    serde_json::from_str(json).map_err(JournalError::Row)
}

fn insert_event(
    transaction: &Transaction<'_>,
    batch: &Batch,
    entry: &Entry,
) -> Result<(), JournalError> {
    let data = serde_json::to_string(&entry.event).map_err(JournalError::Row)?;
    let mut insert = transaction
        .prepare_cached(
            "INSERT INTO event (at, environment, deployment, name, data)
             VALUES (:at, :environment, :deployment, :name, :data)",
        )
        .map_err(writing)?;
    insert
        .execute(named_params! {
            ":at": batch.at.0,
            ":environment": batch.environment.as_str(),
            ":deployment": entry.deployment.map(|number| number.0.cast_signed()),
            ":name": entry.event.name(),
            ":data": data,
        })
        .map_err(writing)?;
    Ok(())
}

fn upsert_deployment(
    transaction: &Transaction<'_>,
    environment: &EnvironmentName,
    deployment: &Deployment,
) -> Result<(), JournalError> {
    let data = serde_json::to_string(deployment).map_err(JournalError::Row)?;
    let mut upsert = transaction
        .prepare_cached(
            "INSERT INTO deployment (environment, number, sha, went_live, request_id, ended, data)
             VALUES (:environment, :number, :sha, :went_live, :request_id, :ended, :data)
             ON CONFLICT (environment, number) DO UPDATE
             SET sha = excluded.sha, went_live = excluded.went_live, ended = excluded.ended,
                 data = excluded.data",
        )
        .map_err(writing)?;
    upsert
        .execute(named_params! {
            ":environment": environment.as_str(),
            ":number": deployment.number.0.cast_signed(),
            ":sha": deployment.sha.to_string(),
            ":went_live": i64::from(deployment.live_at.is_some()),
            ":request_id": deployment.request_id.as_ref().map(RequestId::as_str),
            ":ended": deployment.finished_at.map(|at| at.0),
            ":data": data,
        })
        .map_err(writing)?;
    Ok(())
}

struct EventRow {
    sequence: i64,
    at: i64,
    environment: String,
    deployment: Option<i64>,
    data: String,
}

fn event_row(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        sequence: row.get(0)?,
        at: row.get(1)?,
        environment: row.get(2)?,
        deployment: row.get(3)?,
        data: row.get(4)?,
    })
}

impl EventRow {
    fn into_record(self) -> Result<Record, JournalError> {
        let event: Event = parse(&self.data)?;
        let environment = serde_json::Value::String(self.environment);
        Ok(Record {
            sequence: Sequence(self.sequence.cast_unsigned()),
            at: Timestamp(self.at),
            environment: serde_json::from_value(environment).map_err(JournalError::Row)?,
            entry: Entry {
                deployment: self.deployment.map(|number| DeploymentNumber(number.cast_unsigned())),
                event,
            },
        })
    }
}
