//! One hub per environment: hands out streams, and starts the one upstream when somebody follows.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::{Stream, stream};
use ripcord_proto::v1::StreamLogsResponse;
use tokio::sync::watch;

use super::{
    LogError, LogQuery,
    feed::{Feed, Follower},
    marked::Marked,
    reader::Reader,
    restarts::Restarts,
    upstream,
};
use crate::ports::LogSource;

/// The application's log of one environment, for any number of readers.
pub struct LogHub {
    source: Arc<dyn LogSource>,
    restarts: watch::Receiver<Arc<Restarts>>,
    /// The last run of the upstream.
    feed: Mutex<Option<Arc<Feed>>>,
}

impl LogHub {
    /// A hub for this source. Its lines carry the deployment that restarted the application last
    /// before them, and every such restart is marked.
    #[must_use]
    pub fn new(source: Arc<dyn LogSource>, restarts: watch::Receiver<Arc<Restarts>>) -> Arc<Self> {
        let source = Arc::new(Marked { source, restarts: restarts.clone() });
        Arc::new(Self { source, restarts, feed: Mutex::new(None) })
    }

    /// What the query asks for. Nothing happens until the stream is polled, inside a runtime;
    /// without `follow` it ends with the backlog. After an error it ends.
    pub fn read(
        self: &Arc<Self>,
        query: LogQuery,
    ) -> impl Stream<Item = Result<StreamLogsResponse, LogError>> + Send + use<> {
        stream::unfold(Reader::new(Arc::clone(self), query), Reader::step)
    }

    /// How much memory the live lines take now, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.last_feed().as_ref().map_or(0, |feed| feed.ring().bytes())
    }

    pub(super) fn restarts(&self) -> &watch::Receiver<Arc<Restarts>> {
        &self.restarts
    }

    pub(super) fn source(&self) -> &Arc<dyn LogSource> {
        &self.source
    }

    /// Joins the upstream that runs, or starts one.
    pub(super) fn follow(&self) -> Follower {
        let mut last = self.last_feed();
        if let Some(follower) = last.as_ref().and_then(Feed::follow) {
            return follower;
        }
        let (feed, follower) = Feed::start();
        *last = Some(Arc::clone(&feed));
        tokio::spawn(upstream::run(feed, Arc::clone(&self.source), self.restarts.clone()));
        follower
    }

    fn last_feed(&self) -> MutexGuard<'_, Option<Arc<Feed>>> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now, in the unit of log lines.
pub(super) fn now_unix_nanos() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}
