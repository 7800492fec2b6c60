//! One reader's way: the backlog first, then its place in the shared ring.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ripcord_core::Failure;
use ripcord_proto::v1::{Gap, StreamLogsResponse, stream_logs_response::Item};
use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::{
    LineFilter, LogError, LogHub, LogQuery,
    backlog::Backlog,
    batch::{Batch, Batcher, IndexedLine, response},
    cursor,
    feed::Follower,
    hub::now_unix_nanos,
    limits::{BACKLOG_ROUNDS, SETTLED_NANOS, UNTIL_GRACE},
    position::Positions,
    ring::{Gone, Slot},
};

pub(super) struct Reader {
    hub: Arc<LogHub>,
    filter: Option<LineFilter>,
    since: Option<i64>,
    stage: Stage,
    tracking: Option<Tracking>,
    /// Where a follower goes on that wants no more than the last lines, until it has got a cursor.
    joined: Option<String>,
    /// What was read that the shared cursors may not have yet; nothing when they have it all.
    seen: Option<Positions>,
    /// How often the backlog may still be read again.
    rounds: u32,
    /// When `until` is over.
    deadline: Option<Instant>,
}

enum Stage {
    Begin(Box<LogQuery>),
    Backlog(Box<Backlog>),
    Live,
    Over,
}

/// A follower's place in the ring.
struct Tracking {
    follower: Follower,
    place: u64,
    /// How many live lines came before that place.
    lines: u64,
}

impl Reader {
    pub(super) fn new(hub: Arc<LogHub>, query: LogQuery) -> Self {
        Self {
            hub,
            filter: LineFilter::of(&query),
            since: query.since,
            stage: Stage::Begin(Box::new(query)),
            tracking: None,
            joined: None,
            seen: None,
            rounds: BACKLOG_ROUNDS,
            deadline: None,
        }
    }

    /// The next item, and the reader after it.
    pub(super) async fn step(mut self) -> Option<(Result<StreamLogsResponse, LogError>, Self)> {
        match self.next().await {
            Ok(item) => item.map(|item| (Ok(item), self)),
            Err(failure) => {
                self.stage = Stage::Over;
                self.tracking = None;
                Some((Err(LogError::Source(failure)), self))
            }
        }
    }

    async fn next(&mut self) -> Result<Option<StreamLogsResponse>, Failure> {
        loop {
            self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Begin(query) => self.begin(*query).await?,
                Stage::Backlog(mut backlog) => {
                    let seen = self.seen.get_or_insert_with(|| Positions::since(i64::MIN));
                    if let Some(batch) = backlog.next(seen, self.filter.as_ref()).await? {
                        self.stage = Stage::Backlog(backlog);
                        self.joined = None;
                        return Ok(Some(response(batch)));
                    }
                    if self.tracking.is_some() { Stage::Live } else { Stage::Over }
                }
                Stage::Live if self.joined.is_some() => {
                    self.stage = Stage::Live;
                    return Ok(self.joined.take().map(|cursor| response(no_lines(&cursor))));
                }
                Stage::Live => match self.live().await {
                    Live::Item(item) => {
                        self.stage = Stage::Live;
                        return Ok(Some(item));
                    }
                    Live::Again => self.backlog_again(),
                    Live::Over => Stage::Over,
                },
                Stage::Over => return Ok(None),
            }
        }
    }

    async fn begin(&mut self, query: LogQuery) -> Result<Stage, Failure> {
        let left = query.until.map(|until| until.saturating_sub(now_unix_nanos()));
        if query.follow && left.is_none_or(|left| left > 0) {
            let left = left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_nanos);
            self.deadline = left.map(|left| Instant::now() + left + UNTIL_GRACE);
            self.track().await?;
            if query.cursor.is_some() || query.tail.is_none() {
                self.joined = None;
            }
        }
        Ok(match (query.cursor, query.tail) {
            (Some(cursor), _) => self.resume(cursor.0),
            (None, Some(0)) => self.only_new(),
            (None, Some(tail)) => {
                self.seen = Some(Positions::since(i64::MAX));
                Stage::Backlog(Box::new(Backlog::tail(&self.hub, tail, query.since)))
            }
            (None, None) => self.read_after(Positions::since(query.since.unwrap_or(i64::MIN))),
        })
    }

    /// Joins the live log. Its place is taken before any backlog is read, so that every line is
    /// behind that place or in the backlog.
    async fn track(&mut self) -> Result<(), Failure> {
        let follower = self.hub.follow();
        follower.started().await?;
        let (place, lines, cursor) = {
            let ring = follower.ring();
            (ring.head(), ring.lines(), ring.cursor())
        };
        self.joined = Some(cursor);
        self.tracking = Some(Tracking { follower, place, lines });
        Ok(())
    }

    fn resume(&mut self, seen: Positions) -> Stage {
        self.since = None;
        let Some(tracking) = &mut self.tracking else { return self.read_after(seen) };
        if !tracking.go_behind(&seen) {
            return self.read_after(seen);
        }
        self.seen = Some(seen);
        Stage::Live
    }

    fn only_new(&mut self) -> Stage {
        self.seen = self.since.map(Positions::since);
        if self.tracking.is_some() { Stage::Live } else { Stage::Over }
    }

    fn read_after(&mut self, seen: Positions) -> Stage {
        let backlog = Backlog::after(&self.hub, &seen);
        self.seen = Some(seen);
        Stage::Backlog(Box::new(backlog))
    }

    /// The ring went on during the backlog: what is missing now is in the backlog of now.
    fn backlog_again(&mut self) -> Stage {
        self.rounds -= 1;
        if let Some(tracking) = &mut self.tracking {
            tracking.go_to_head();
        }
        let seen = self.seen.take().unwrap_or_else(|| Positions::since(i64::MIN));
        self.read_after(seen)
    }

    async fn live(&mut self) -> Live {
        loop {
            let Some(tracking) = &mut self.tracking else { return Live::Over };
            match tracking.follower.at(tracking.place) {
                Slot::Ready(batch) => {
                    tracking.pass(&batch);
                    if let Some(bytes) = self.share_or_select(&batch) {
                        return Live::Item(response(bytes));
                    }
                    // A reader that wants nothing of a full ring leaves the thread to others.
                    yield_now().await;
                }
                Slot::Gone(_) if self.seen.is_some() && self.rounds > 0 => return Live::Again,
                Slot::Gone(gone) => return Live::Item(tracking.skip(gone)),
                Slot::Empty => {
                    let deadline = self.deadline;
                    tokio::select! {
                        () = tracking.follower.changed() => {}
                        () = reached(deadline) => return Live::Over,
                    }
                }
            }
        }
    }

    /// The batch as all share it, or what this reader wants of it, or nothing.
    fn share_or_select(&mut self, batch: &Batch) -> Option<Bytes> {
        let Some(seen) = self.seen.take() else {
            return self.wanted(batch, |_| true, &batch.cursor);
        };
        let is_new = |line: &IndexedLine| !seen.covers(&line.key, line.mark);
        if seen.within(&batch.end) && is_behind(self.since, batch) {
            return self.wanted(batch, is_new, &batch.cursor);
        }
        let mut after = seen.clone();
        batch.lines.iter().for_each(|line| after.advance(&line.key, line.mark));
        let selected = self.wanted(batch, is_new, &cursor::encode(&after));
        self.seen = Some(after);
        selected
    }

    /// The new lines that pass, up to `cursor`; the shared bytes where that is the whole batch.
    fn wanted(
        &self,
        batch: &Batch,
        is_new: impl Fn(&IndexedLine) -> bool,
        cursor: &str,
    ) -> Option<Bytes> {
        let filter = self.filter.as_ref();
        if filter.is_none() && cursor == batch.cursor && batch.lines.iter().all(&is_new) {
            return Some(batch.encoded.clone());
        }
        batch.only(batch.lines.iter().filter(|l| is_new(l) && batch.passes(l, filter)), cursor)
    }
}

/// Tells only where to go on.
fn no_lines(cursor: &str) -> Bytes {
    Batcher::default().finish(cursor)
}

/// Whether no line from before `since` can come any more.
fn is_behind(since: Option<i64>, batch: &Batch) -> bool {
    since.is_none_or(|since| {
        batch.end.newest().is_some_and(|newest| newest.saturating_sub(SETTLED_NANOS) >= since)
    })
}

enum Live {
    Item(StreamLogsResponse),
    /// The backlog must be read again.
    Again,
    Over,
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Tracking {
    fn pass(&mut self, batch: &Batch) {
        self.place += 1;
        self.lines = batch.lines_before + batch.lines.len() as u64;
    }

    fn skip(&mut self, gone: Gone) -> StreamLogsResponse {
        let lines = gone.lines_before.saturating_sub(self.lines);
        self.place = gone.next;
        self.lines = gone.lines_before;
        StreamLogsResponse { item: Some(Item::Gap(Gap { lines, cursor: gone.cursor })) }
    }

    fn go_to_head(&mut self) {
        let ring = self.follower.ring();
        (self.place, self.lines) = (ring.head(), ring.lines());
    }

    /// Whether everything that is not in `seen` is in the ring; goes to its start then.
    fn go_behind(&mut self, seen: &Positions) -> bool {
        let ring = self.follower.ring();
        let Some(place) = ring.place_after(seen) else { return false };
        (self.place, self.lines) = (place, ring.lines_before(place));
        true
    }
}
