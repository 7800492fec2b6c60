//! Removes the stories that nobody asks for any more, piece by piece.
//!
//! What is small stays for ever: a deployment's row, on which history, rollbacks, backups and repeated
//! requests stand, and the events that figures are made of. What goes is the story between them: output,
//! remarks, phases. Numbers of events go on, because the newest event always stays.

use std::collections::{BTreeSet, VecDeque};

use ripcord_core::{DeploymentNumber, Environment, Sequence, Timestamp, stats::Tally};
use rusqlite::{Connection, OptionalExtension as _, Transaction, named_params};

use super::{JournalError, store::parse};

/// So many events are looked at in one transaction: a millisecond or two.
const PIECE: usize = 256;

/// So many free pages are given back to the file system in one transaction.
const PAGES: usize = 64;

/// What may go.
#[derive(Debug, Clone, Copy)]
pub struct Horizon {
    /// What a deployment told that ended before this, and what else happened before it.
    pub ended: Timestamp,
    /// Readers of the journal that have not got so far are waited for, but not from before this on.
    pub untold: Timestamp,
    /// What time it is.
    pub now: Timestamp,
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many deployments have no story any more.
    pub stories: u64,
    /// How many events are gone.
    pub events: u64,
}

/// A way through what may go. It can be left at any time; the next one begins again.
#[derive(Debug)]
pub struct Sweep {
    horizon: Horizon,
    left: VecDeque<Ground>,
    swept: Swept,
}

/// What is left to do for one environment.
#[derive(Debug)]
struct Ground {
    environment: String,
    /// Deployments that something may still happen to, or that a rollback leads to.
    kept: BTreeSet<DeploymentNumber>,
    /// The end and the number of the last deployment that was looked at; `None` when all were.
    stories: Option<(i64, i64)>,
    /// The last event without a deployment that was looked at.
    own: i64,
}

/// The events that may go by their place.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    horizon: Horizon,
    told: i64,
    newest: i64,
}

impl Sweep {
    pub(super) fn begin(connection: &Connection, horizon: Horizon) -> Result<Self, JournalError> {
        let mut states =
            connection.prepare("SELECT name, state FROM environment").map_err(reading)?;
        let states = states
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
            .map_err(reading)?;
        let mut left = VecDeque::new();
        for state in states {
            let (environment, state) = state.map_err(reading)?;
            // Of a state that cannot be read nobody knows what it needs.
            if let Ok(state) = parse::<Environment>(&state) {
                let kept = kept(&state);
                left.push_back(Ground { environment, kept, stories: Some((i64::MIN, 0)), own: 0 });
            }
        }
        Ok(Self { horizon, left, swept: Swept::default() })
    }

    /// What it removed so far.
    #[must_use]
    pub fn swept(&self) -> Swept {
        self.swept
    }

    /// Removes a piece; answers whether there is more. `told`: up to where all readers have got.
    pub(super) fn go_on(
        &mut self,
        connection: &mut Connection,
        told: Option<Sequence>,
    ) -> Result<bool, JournalError> {
        if self.left.is_empty() {
            return shrink(connection).map_err(writing);
        }
        let piece = connection.transaction().map_err(writing)?;
        let newest = piece
            .query_row("SELECT coalesce(max(sequence), 0) FROM event", [], |row| row.get(0))
            .map_err(reading)?;
        let told = told.map_or(i64::MAX, |told| told.0.cast_signed());
        let bounds = Bounds { horizon: self.horizon, told, newest };
        let (mut swept, mut looked_at) = (self.swept, 0);
        while looked_at < PIECE
            && let Some(ground) = self.left.front_mut()
        {
            let limit = PIECE - looked_at;
            looked_at += 1;
            looked_at += match ground.stories {
                Some(after) => ground.next_story(&piece, bounds, after, limit, &mut swept),
                None => ground.own_events(&piece, bounds, limit, &mut swept),
            }
            .map_err(writing)?;
            if ground.is_done() {
                self.left.pop_front();
            }
        }
        piece.commit().map_err(writing)?;
        self.swept = swept;
        Ok(true)
    }
}

/// What is open, live or validated: people ask for the story of what runs, however old it is.
fn kept(state: &Environment) -> BTreeSet<DeploymentNumber> {
    let live = state.live.and_then(|live| live.deployment);
    let validated = state.validated.iter().filter_map(|earned| earned.placement.deployment);
    let stranded = state.stranded.as_ref().map(|stranded| stranded.deployment);
    state.open.keys().copied().chain(live).chain(validated).chain(stranded).collect()
}

impl Ground {
    fn is_done(&self) -> bool {
        self.stories.is_none() && self.own == i64::MAX
    }

    /// Removes the story of the next deployment, or a part of it; answers how many events that were.
    fn next_story(
        &mut self,
        piece: &Transaction<'_>,
        bounds: Bounds,
        (ended, number): (i64, i64),
        limit: usize,
        swept: &mut Swept,
    ) -> rusqlite::Result<usize> {
        let next = piece
            .prepare_cached(
                "SELECT ended, number FROM deployment INDEXED BY deployment_by_end
                 WHERE environment = :environment AND ended IS NOT NULL AND story_removed IS NULL
                   AND (ended, number) > (:ended, :number) AND ended < :horizon
                 ORDER BY ended, number LIMIT 1",
            )?
            .query_row(
                named_params! {
                    ":environment": self.environment,
                    ":ended": ended,
                    ":number": number,
                    ":horizon": bounds.horizon.ended.0,
                },
                |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)),
            )
            .optional()?;
        let Some(next) = next else {
            self.stories = None;
            return Ok(0);
        };
        if self.kept.contains(&DeploymentNumber(next.1.cast_unsigned())) {
            self.stories = Some(next);
            return Ok(0);
        }
        let removed = self.remove_story(piece, bounds, next.1, limit)?;
        swept.events += removed as u64;
        if removed < limit {
            // What a reader still has to tell is left to the next sweep.
            self.stories = Some(next);
            swept.stories += self.mark(piece, bounds.horizon.now, next.1)?;
        }
        Ok(removed)
    }

    fn remove_story(
        &self,
        piece: &Transaction<'_>,
        bounds: Bounds,
        number: i64,
        limit: usize,
    ) -> rusqlite::Result<usize> {
        piece
            .prepare_cached(&format!(
                "DELETE FROM event WHERE sequence IN (
                     SELECT sequence FROM event INDEXED BY event_by_deployment
                     WHERE environment = :environment AND deployment = :number
                       AND sequence < :newest AND (sequence <= :told OR at < :untold)
                       AND name NOT IN ({}) LIMIT :limit)",
                names()
            ))?
            .execute(named_params! {
                ":environment": self.environment,
                ":number": number,
                ":newest": bounds.newest,
                ":told": bounds.told,
                ":untold": bounds.horizon.untold.0,
                ":limit": rows(limit),
            })
    }

    /// Notes that the story is gone, when nothing of it is left.
    fn mark(&self, piece: &Transaction<'_>, now: Timestamp, number: i64) -> rusqlite::Result<u64> {
        let marked = piece
            .prepare_cached(&format!(
                "UPDATE deployment SET story_removed = :now
                 WHERE environment = :environment AND number = :number AND NOT EXISTS (
                     SELECT 1 FROM event INDEXED BY event_by_deployment
                     WHERE environment = :environment AND deployment = :number
                       AND name NOT IN ({}))",
                names()
            ))?
            .execute(named_params! {
                ":now": now.0,
                ":environment": self.environment,
                ":number": number,
            })?;
        Ok(marked as u64)
    }

    /// Removes what happened to the environment itself; answers how many events were looked at.
    fn own_events(
        &mut self,
        piece: &Transaction<'_>,
        bounds: Bounds,
        limit: usize,
        swept: &mut Swept,
    ) -> rusqlite::Result<usize> {
        let mut statement = piece.prepare_cached(
            "SELECT sequence, at, name FROM event INDEXED BY event_by_deployment
             WHERE environment = :environment AND deployment IS NULL AND sequence > :after
             ORDER BY sequence LIMIT :limit",
        )?;
        let parameters = named_params! {
            ":environment": self.environment,
            ":after": self.own,
            ":limit": rows(limit),
        };
        let found: Vec<(i64, i64, String)> = statement
            .query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let old = found.iter().take_while(|(_, at, _)| *at < bounds.horizon.ended.0);
        let old: Vec<&(i64, i64, String)> = old.collect();
        let is_over = old.len() < limit;
        self.own = if is_over { i64::MAX } else { old.last().map_or(i64::MAX, |last| last.0) };
        for (sequence, at, name) in &old {
            if bounds.may_go(*sequence, *at) && !Tally::EVENTS.contains(&name.as_str()) {
                piece
                    .prepare_cached("DELETE FROM event WHERE sequence = :sequence")?
                    .execute(named_params! { ":sequence": sequence })?;
                swept.events += 1;
            }
        }
        Ok(old.len())
    }
}

impl Bounds {
    fn may_go(&self, sequence: i64, at: i64) -> bool {
        sequence < self.newest && (sequence <= self.told || at < self.horizon.untold.0)
    }
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The events that stay, as SQL says them.
fn names() -> String {
    Tally::EVENTS.map(|name| format!("'{name}'")).join(", ")
}

/// Gives a part of the free pages back, while they are more than a quarter of the file: below that,
/// the next events fill them sooner than anybody misses them.
fn shrink(connection: &Connection) -> rusqlite::Result<bool> {
    let pragma = |name: &str| connection.query_row(name, [], |row| row.get::<_, i64>(0));
    let incremental = pragma("PRAGMA auto_vacuum")? == 2;
    if !incremental || pragma("PRAGMA freelist_count")? * 4 < pragma("PRAGMA page_count")? {
        return Ok(false);
    }
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut freed = vacuum.query([])?;
    while freed.next()?.is_some() {}
    Ok(true)
}

fn reading(source: rusqlite::Error) -> JournalError {
    JournalError::of("read", source)
}

fn writing(source: rusqlite::Error) -> JournalError {
    JournalError::Unwritable(source)
}
