//! What the upstream's task and the readers share: the ring, who follows, and how it goes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ripcord_core::Failure;
use tokio::{sync::watch, time::sleep};

use super::{
    batch::Batch,
    limits::LINGER,
    position::Positions,
    ring::{Ring, Slot},
};

/// One run of the upstream, from the first follower until some seconds after the last.
#[derive(Debug)]
pub(super) struct Feed {
    ring: Mutex<Ring>,
    /// The place of the next batch; changes wake the readers.
    head: watch::Sender<u64>,
    state: watch::Sender<FeedState>,
    /// How many follow; nothing when the run is over.
    followers: watch::Sender<Option<usize>>,
}

/// How far the upstream is.
#[derive(Debug, Clone)]
pub(super) enum FeedState {
    /// The end of the log is being looked for.
    Starting,
    /// It was not found.
    Failing(Failure),
    /// All lines behind the ring's start come, over all errors.
    Running,
}

impl Feed {
    /// A run with its first follower.
    pub(super) fn start() -> (Arc<Self>, Follower) {
        let feed = Arc::new(Self {
            ring: Mutex::new(Ring::starting_at(Positions::since(i64::MIN))),
            head: watch::Sender::new(0),
            state: watch::Sender::new(FeedState::Starting),
            followers: watch::Sender::new(Some(1)),
        });
        let follower = Follower { feed: Arc::clone(&feed), head: feed.head.subscribe() };
        (feed, follower)
    }

    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, batch: Batch) {
        let mut ring = self.ring();
        ring.push(batch);
        self.head.send_replace(ring.head());
    }

    /// The ring begins behind `start`.
    pub(super) fn run_from(&self, start: Positions) {
        *self.ring() = Ring::starting_at(start);
        self.state.send_replace(FeedState::Running);
    }

    pub(super) fn fail(&self, failure: Failure) {
        self.state.send_replace(FeedState::Failing(failure));
    }

    /// Returns when nobody has followed for a while; nobody can follow any more then.
    pub(super) async fn abandoned(&self) {
        let mut followers = self.followers.subscribe();
        loop {
            let _ = followers.wait_for(|count| *count == Some(0)).await;
            tokio::select! {
                () = sleep(LINGER) => {
                    if self.close() {
                        return;
                    }
                }
                _ = followers.changed() => {}
            }
        }
    }

    fn close(&self) -> bool {
        let closed = self.followers.send_if_modified(|count| {
            let unused = *count == Some(0);
            if unused {
                *count = None;
            }
            unused
        });
        if closed {
            *self.ring() = Ring::starting_at(Positions::since(i64::MIN));
        }
        closed
    }

    /// Joins the run, unless it is over.
    pub(super) fn follow(self: &Arc<Self>) -> Option<Follower> {
        let joined = self.followers.send_if_modified(|count| {
            *count = count.map(|count| count + 1);
            count.is_some()
        });
        joined.then(|| Follower { feed: Arc::clone(self), head: self.head.subscribe() })
    }
}

/// Somebody who follows; the upstream runs as long as there is one.
#[derive(Debug)]
pub(super) struct Follower {
    feed: Arc<Feed>,
    head: watch::Receiver<u64>,
}

impl Follower {
    /// Returns when the ring's start is known.
    pub(super) async fn started(&self) -> Result<(), Failure> {
        let mut state = self.feed.state.subscribe();
        let decided = |state: &FeedState| !matches!(state, FeedState::Starting);
        let Ok(state) = state.wait_for(decided).await else { return Ok(()) };
        match &*state {
            FeedState::Failing(failure) => Err(failure.clone()),
            FeedState::Starting | FeedState::Running => Ok(()),
        }
    }

    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.feed.ring()
    }

    /// What is at `place`. Whoever finds nothing there may wait for `changed`.
    pub(super) fn at(&mut self, place: u64) -> Slot {
        self.head.mark_unchanged();
        self.feed.ring().at(place)
    }

    /// Returns when there was a new batch since the last look.
    pub(super) async fn changed(&mut self) {
        let _ = self.head.changed().await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.feed
            .followers
            .send_modify(|count| *count = count.map(|count| count.saturating_sub(1)));
    }
}
